"""``tandem dataset show`` and ``tandem init``: what data is, and a job file that trains on it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import typer
import yaml
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from actors.core.errors import InvalidRequest
from actors.core.rows.data_formats import DELIMITERS, FOLDER_FORMAT, FORMAT_OF_ENDING, OWN_FORMATS
from http_gateway.cli.connection import make_client
from http_gateway.cli.showing.live_view import new_console
from http_gateway.cli.showing.reporting import CommandEnd
from http_gateway.client import ApiError, TandemClient

NUM_DEVICES = 2


@dataclass(frozen=True)
class Choice:
    """What is chosen for a ``field`` that the data turns out to need, which the refusal
    ``names``."""

    names: str
    field: str
    value: Any
    says: str


CHOICES = (
    Choice(
        "dataset_config.resize is missing",
        "resize",
        [64, 64],
        "The images differ in size: all are made 64 × 64 pixels",
    ),
    Choice(
        "dataset_config.missing_numbers",
        "missing_numbers",
        "median",
        "Numbers are missing: the median stands for them",
    ),
    Choice(
        "dataset_config.missing_categories",
        "missing_categories",
        "own_category",
        "Texts are missing: gaps are a category of their own",
    ),
    Choice(
        "dataset_config.context is missing",
        "context",
        64,
        "The text is cut into samples of 64 tokens",
    ),
)
SMALLER = Choice("", "resize", [64, 64], "The images are large: all are made 64 × 64 pixels")
MAX_PIXELS = 256 * 256
"""The most pixels of an image that stays as it is."""
RESIZED = (FOLDER_FORMAT, "webdataset")
"""The formats that take ``resize``."""
LOCAL_DEVICES = [{"ip": "localhost", "port": 5001}, {"ip": "localhost", "port": 5002}]


def run_show(
    path: str,
    kind: str | None,
    target: str | None,
    fields: Sequence[str],
    url: str | None,
    as_json: bool,
) -> None:
    """Raises ``InvalidRequest``, ``ApiError``."""
    with make_client(url) as client:
        config = asked_config(client, path, kind, target, fields)
        told, _ = _inspected(client, config)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show(told, new_console())


def run_init(
    path: str,
    kind: str | None,
    target: str | None,
    fields: Sequence[str],
    url: str | None,
    out: Path,
) -> None:
    """Raises ``InvalidRequest``, ``ApiError``, ``CommandEnd`` where the file is there already."""
    if out.exists():
        raise CommandEnd(f"{out} is there already: move it away, or name another file by --out")
    with make_client(url) as client:
        config = asked_config(client, path, kind, target, fields)
        told, config = _inspected(client, config)
        devices = _devices(client)
    suggested = told["suggested"]
    job = {
        "model_config": suggested["model_config"],
        "dataset_config": {**config, "batch_size": suggested["batch_size"]},
        "train_config": suggested["train_config"],
        "devices": devices,
    }
    text = f"# {_in_short(told)}\n#   tandem train {out}\n" + yaml.safe_dump(job, sort_keys=False)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandEnd(f"can't write {out}: {error.strerror}") from error
    typer.echo(f"{_in_short(told)}\nWritten to {out}. To train: tandem train {out}")


def asked_config(
    client: TandemClient,
    path: str,
    kind: str | None,
    target: str | None,
    fields: Sequence[str],
) -> dict[str, Any]:
    """As a job's request has it, of a data set with a name or of files; raises
    ``InvalidRequest``."""
    own = own_fields(target, fields)
    if kind is None and path in (one["name"] for one in client.list_datasets()):
        return {"name": path, **own}
    return {**of_file(path, kind), "path": _sent_path(path), **own}


def of_file(path: str, kind: str | None) -> dict[str, Any]:
    """The format, by the ending of the name where it is not said. Raises ``InvalidRequest``."""
    suffix = PurePath(path).suffix.lower()
    known = kind or FORMAT_OF_ENDING.get(suffix) or (FOLDER_FORMAT if not suffix else None)
    if known is None:
        raise InvalidRequest(
            f"{path} ends in {suffix}, which is of no format that Tandem reads: name the format by "
            f"--format, one of {', '.join(OWN_FORMATS)}"
        )
    more = {"delimiter": DELIMITERS[suffix]} if suffix in DELIMITERS and known == "csv" else {}
    return {"format": known, **more}


def own_fields(target: str | None, fields: Sequence[str]) -> dict[str, Any]:
    """Of ``--target`` and of each ``--set``; raises ``InvalidRequest``."""
    own = {} if target is None else {"target": target}
    return {**own, **dict(map(_field, fields))}


def _sent_path(path: str) -> str:
    """One that begins here, for the gateway's host; any other is looked for in its data_roots."""
    if path.startswith(("./", "../", "~")) or path in (".", ".."):
        return str(Path(path).expanduser().resolve())
    return path


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if name and len(value) == 1 and not value.isdigit():
        return name, value  # such as a delimiter, which YAML may read in its own way
    try:
        return name, yaml.safe_load(value) if equals and name else _refuse(text)
    except yaml.YAMLError:
        return _refuse(text)


def _refuse(text: str) -> Any:
    raise InvalidRequest(f"--set is {text!r}, but must be NAME=VALUE, such as resize=[64,64]")


def _inspected(
    client: TandemClient, config: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the data is, and ``config`` with what was chosen where the data needs a choice."""
    while True:
        try:
            told = client.inspect_dataset(config)
            if not _needs_smaller(client, told, config):
                return told, config
            choice = SMALLER
        except ApiError as error:
            found = next((c for c in CHOICES if c.names in str(error)), None)
            if found is None or found.field in config:
                raise
            choice = found
        typer.echo(f"{choice.says} (--set {choice.field}=… chooses otherwise).", err=True)
        config = {**config, choice.field: choice.value}


def _needs_smaller(
    client: TandemClient, told: Mapping[str, Any], config: Mapping[str, Any]
) -> bool:
    """Whether a network for the images would be too large to begin with."""
    inputs = told["inputs"]
    if inputs["kind"] != "pixels" or math.prod(inputs["shape"][1:]) <= MAX_PIXELS:
        return False
    whole = _with_own(client, config)
    return whole.get("format") in RESIZED and whole.get("resize") is None


def _with_own(client: TandemClient, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the fields that an uploaded data set has of its own."""
    uploads = [one["name"] for one in client.list_datasets() if one["is_uploaded"]]
    name = config.get("name")
    return {**client.get_dataset(name)["dataset_config"], **config} if name in uploads else config


def _devices(client: TandemClient) -> list[dict[str, Any]]:
    """Of the cluster, free ones first."""
    found = sorted(client.list_devices(), key=lambda device: device["status"] != "free")
    shown = [{"ip": device["ip"], "port": device["port"]} for device in found[:NUM_DEVICES]]
    return shown or LOCAL_DEVICES


def _in_short(told: Mapping[str, Any]) -> str:
    shape = " × ".join(map(str, told["inputs"]["shape"]))
    classes = f", {told['num_classes']:,} classes" if told["classes"] else ""
    return (
        f"{told['data']}: {told['num_train']:,} training and {told['num_val']:,} validation "
        f"samples of {shape} {told['inputs']['kind']}{classes}"
    )


def show(told: Mapping[str, Any], console: Console) -> None:
    """Tables of classes and columns, and lines for the rest."""
    for line in _lines(told):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if told["classes"]:
        console.print(table(("class", "training", "validation"), _class_rows(told)))
    if told["columns"]:
        console.print(table(("column", "type", "missing", "values"), _column_rows(told)))
    for example in told["examples"]:
        shown = json.dumps(example["input"], ensure_ascii=False)
        place = f"{example['place']}: " if example["place"] else ""
        console.print(
            f"Example: {place}{shown[:300]} → {example['target']}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    console.print(
        f"A model to begin with: {json.dumps(told['suggested']['model_config'])}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield _in_short(told)
    yield f"Task: {told['task']}"
    for one in told["skipped"]:
        yield f"Skipped: {one['place']} {one['reason']}"
    if (more := told["num_skipped"] - len(told["skipped"])) > 0:
        yield f"Skipped: {more:,} more"


def _class_rows(told: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in told["classes"]:
        yield one["name"], f"{one['num_train']:,}", f"{one['num_val']:,}"


def _column_rows(told: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in told["columns"]:
        yield one["name"], one["type"], f"{one['num_missing']:,}", ", ".join(one["categories"][:8])


def table(names: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Table:
    """Of texts as they are: rich would take "[cat]" for a colour."""
    made = Table(box=box.SIMPLE_HEAD)
    for name in names:
        made.add_column(name)
    for row in rows:
        made.add_row(*map(escape, row))
    return made
