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
    for table in _tables(told):
        console.print(table, markup=False)


def _tables(told: Mapping[str, Any]) -> Iterator[Table]:
    classes = told["classes"]
    if classes:
        shown = sorted(classes, key=_recall)[:MAX_CLASS_ROWS]
        title = None if len(shown) == len(classes) else f"The {len(shown)} classes told worst"
        yield _table(title, ("class", "samples", "precision", "recall"), map(_class_row, shown))
    matrix = told["confusion_matrix"]
    names = _names(told)
    if matrix is not None and len(matrix) <= MAX_MATRIX:
        heads = [names(index) for index in range(len(matrix))]
        rows = ([head, *map(str, row)] for head, row in zip(heads, matrix, strict=True))
        yield _table("Rows: what it is; columns: what was told", ("", *heads), rows)
    elif told["confusions"]:
        pairs = (
            (names(own["target"]), names(own["predicted"]), f"{own['count']:,}")
            for own in told["confusions"]
        )
        yield _table("The most frequent mistakes", ("what it is", "was told", "times"), pairs)
    if told["worst"]:
        worst = (_worst_row(own, names) for own in told["worst"][:MAX_WORST_ROWS])
        yield _table("The worst samples", ("sample", "what it is", "was told", "loss"), worst)


def _class_row(own: Mapping[str, Any]) -> Sequence[str]:
    name = own["name"] if own["name"] is not None else str(own["index"])
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
        return names[value] if names and isinstance(value, int) else json.dumps(value)

    return named


def _recall(own: Mapping[str, Any]) -> float:
    return 1.0 if own["recall"] is None else float(own["recall"])


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _table(title: str | None, heads: Sequence[str], rows: Any) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table
