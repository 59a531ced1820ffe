"""``tandem predict JOB``: what a trained model tells of images, rows of a table, or prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from actors.core.errors import InvalidRequest
from http_gateway.cli.connection import job_client
from http_gateway.cli.data.datasets import own_fields
from http_gateway.cli.jobs.given_samples import GivenSamples, read_samples
from http_gateway.cli.showing.live_view import new_console

MAX_SHOWN_NUMBERS = 8
TOLD = ("classes", "labels", "tokens", "values", "texts")
"""What an answer has for each sample; one of these."""


def run_predict(
    job: str,
    files: Sequence[str],
    prompts: Sequence[str],
    sampling: Mapping[str, Any],
    fields: Sequence[str],
    url: str | None,
    as_json: bool,
) -> None:
    """``sampling`` is for prompts, ``fields`` for tables. Raises ``InvalidRequest``,
    ``ApiError``."""
    options = own_fields(None, fields)
    given = _given(files, prompts, {n: v for n, v in sampling.items() if v is not None}, options)
    with job_client(job, url) as client:
        told = [client.predict(job, **own.asked) for own in given]
    names = [
        name for own, part in zip(given, told, strict=True) for name in own.names_of(_count(part))
    ]
    if as_json:
        typer.echo(json.dumps(_joined(told)))
    else:
        show(_joined(told), names, new_console())


def _count(told: Mapping[str, Any]) -> int:
    return next(len(told[name]) for name in TOLD if told.get(name) is not None)


def _joined(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answers to several files, one behind the other."""
    whole = dict(told[0])
    for name in whole.keys() & {*TOLD, "probabilities"}:
        if whole[name] is not None:
            whole[name] = [value for part in told for value in part[name]]
    return whole


def _given(
    files: Sequence[str],
    prompts: Sequence[str],
    sampling: Mapping[str, Any],
    options: Mapping[str, Any],
) -> list[GivenSamples]:
    if bool(files) == bool(prompts):
        raise InvalidRequest(
            "predict takes files or --text, but must have exactly one of them: such as "
            "`tandem predict 1 photo.jpg`"
        )
    if prompts and options:
        raise InvalidRequest(f"--set {next(iter(options))} is for tables: leave it out")
    if prompts:
        return [GivenSamples({"prompts": list(prompts), **sampling}, tuple(prompts))]
    if sampling:
        name = next(iter(sampling)).replace("_", "-")
        raise InvalidRequest(f"--{name} is for --text alone: leave it out")
    return read_samples(files, options)


def show(told: Mapping[str, Any], names: Sequence[str], console: Console) -> None:
    """Texts as they are, everything else as a table."""
    if told.get("texts") is not None:
        for prompt, text in zip(names, told["texts"], strict=True):
            console.print(f"{prompt}{text}", highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("sample", "predicted", "probability"):
        table.add_column(heading)
    for name, (predicted, probability) in zip(names, _rows(told), strict=True):
        table.add_row(name, predicted, probability)
    console.print(table, markup=False)
    if told.get("note"):
        console.print(told["note"], highlight=False, markup=False, soft_wrap=True)


def _rows(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is told of each sample, and how sure that is."""
    if told.get("values") is not None:
        for values in told["values"]:
            yield _numbers(values), ""
        return
    if told.get("labels") is not None:
        for labels, shares in zip(told["labels"], told["probabilities"], strict=True):
            yes = [index for index, label in enumerate(labels) if label]
            likely = [shares[index] for index in yes]
            yield ", ".join(map(str, yes)) or "none", _numbers(likely)
        return
    names = told.get("class_names")
    found = told["classes"] if told.get("classes") is not None else told["tokens"]
    for index, shares in zip(found, told["probabilities"], strict=True):
        yield (names[index] if names else str(index)), f"{_likely(index, shares):.3f}"


def _likely(index: int, shares: Any) -> float:
    """Of the answer: of two classes only the second one's probability is told."""
    if isinstance(shares, list):
        return float(shares[index])
    return float(shares if index else 1.0 - shares)


def _numbers(values: Any) -> str:
    flat = values if isinstance(values, list) else [values]
    more = ", …" if len(flat) > MAX_SHOWN_NUMBERS else ""
    return ", ".join(_number(value) for value in flat[:MAX_SHOWN_NUMBERS]) + more


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else json.dumps(value)
