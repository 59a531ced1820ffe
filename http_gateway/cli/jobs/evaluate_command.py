"""``tandem evaluate JOB``: what a trained model gets right and wrong."""

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
from http_gateway.cli.data.datasets import asked_config
from http_gateway.cli.showing.live_view import new_console
from http_gateway.cli.showing.tables import metric_label, metric_text

MAX_MATRIX = 10
"""Classes whose confusion fits a terminal."""
MAX_CLASS_ROWS = 20
MAX_WORST_ROWS = 10


def run_evaluate(
    job: str,
    path: str | None,
    kind: str | None,
    fields: Sequence[str],
    options: Mapping[str, Any],
    url: str | None,
    as_json: bool,
) -> None:
    """``options`` has ``split`` and ``num_worst``. Raises ``InvalidRequest``, ``ApiError``."""
    if path is None and (kind or fields):
        raise InvalidRequest(
            "--format and --set describe the data that --path names: give it, or leave them out"
        )
    with job_client(job, url) as client:
        config = None if path is None else asked_config(client, path, kind, None, fields)
        told = client.evaluate(job, dataset_config=config, **options)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show(told, new_console())


def show(told: Mapping[str, Any], console: Console) -> None:
    """The metrics in a line, and tables of classes, confusions and the worst samples."""
    metrics = ", ".join(
        f"{metric_label(name)} {metric_text(name, value)}"
        for name, value in told["metrics"].items()
    )
    console.print(
        f"Job {told['job_id']} on {told['data']} ({' and '.join(told['splits'])}, "
        f"{told['num_samples']:,} samples): {metrics}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    for title, table in _tables(told):
        console.print(title, highlight=False, markup=False, soft_wrap=True)
        console.print(table, markup=False)


def _tables(told: Mapping[str, Any]) -> Iterator[tuple[str, Table]]:
    classes = told["classes"]
    if classes:
        shown = sorted(classes, key=_recall)[:MAX_CLASS_ROWS]
        title = "Classes" if len(shown) == len(classes) else f"The {len(shown)} classes told worst"
        yield title, _table(("class", "samples", "precision", "recall"), map(_class_row, shown))
    matrix = told["confusion_matrix"]
    names = _names(told)
    if matrix is not None and len(matrix) <= MAX_MATRIX:
        heads = [names(index) for index in range(len(matrix))]
        rows = ([head, *map(str, row)] for head, row in zip(heads, matrix, strict=True))
        yield (
            "Confusion: a row for what it is, a column for what was told",
            _table(("", *heads), rows),
        )
    elif told["confusions"]:
        pairs = (
            (names(own["target"]), names(own["predicted"]), f"{own['count']:,}")
            for own in told["confusions"]
        )
        yield "The most frequent mistakes", _table(("what it is", "was told", "times"), pairs)
    if told["worst"]:
        worst = (_worst_row(own, names) for own in told["worst"][:MAX_WORST_ROWS])
        yield "The worst samples", _table(("sample", "what it is", "was told", "loss"), worst)


def _class_row(own: Mapping[str, Any]) -> Sequence[str]:
    name = str(own["index"]) if own["name"] is None else _visible(own["name"])
    return name, f"{own['num_samples']:,}", _share(own["precision"]), _share(own["recall"])


def _worst_row(own: Mapping[str, Any], names: Any) -> Sequence[str]:
    place = own["place"] or f"{own['split']} {own['index']}"
    loss = "none" if own["loss"] is None else f"{own['loss']:.4f}"
    return place, names(own["target"]), names(own["predicted"]), loss


def _names(told: Mapping[str, Any]) -> Any:
    """A function from what was told to what is shown of it."""
    names = told["class_names"]

    def named(value: Any) -> str:
        if value is None:
            return ""
        return _visible(names[value]) if names and isinstance(value, int) else json.dumps(value)

    return named


def _visible(name: str) -> str:
    """In quotes where it would not be seen, such as a space of a text."""
    return name if name.isprintable() and name.strip() == name else json.dumps(name)


def _recall(own: Mapping[str, Any]) -> float:
    return 1.0 if own["recall"] is None else float(own["recall"])


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _table(heads: Sequence[str], rows: Any) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table
