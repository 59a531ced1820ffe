"""``tandem compare JOB…``: jobs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from http_gateway.cli.connection import NOT_FOUND, waiting_client
from http_gateway.cli.showing.live_view import new_console
from http_gateway.cli.showing.reporting import UNKNOWN_JOB, CommandEnd
from http_gateway.cli.showing.tables import metric_label, metric_text
from http_gateway.client import ApiError

NONE = "–"
MAX_VALUE_CHARS = 40


def run_compare(jobs: Sequence[str], url: str | None, as_json: bool) -> None:
    """Raises ``ApiError``, ``CommandEnd`` for a job that there is not."""
    with waiting_client(url) as client:
        try:
            told = client.compare_jobs(",".join(jobs))
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            raise CommandEnd(error.message, UNKNOWN_JOB) from error
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show(told, new_console())


def show(told: Mapping[str, Any], console: Console) -> None:
    """A table of what differs, and one of what came of it; a column a job."""
    jobs, differences = told["jobs"], told["differences"]
    if differences:
        rows = [
            (name, *(_shown(values[job]) if job in values else NONE for job in jobs))
            for name, values in differences.items()
        ]
        console.print(_table("What differs", jobs, rows))
    else:
        console.print("They are configured alike.", highlight=False)
    console.print(_table("What came of it", jobs, _result_rows(told)))


def _result_rows(told: Mapping[str, Any]) -> list[tuple[str, ...]]:
    results = [told["results"][job] for job in told["jobs"]]
    metrics = list(dict.fromkeys(name for own in results for name in own["metrics"]))
    rows = [
        ("status", *(own["status"] for own in results)),
        ("epochs", *(f"{own['epochs']:,}" for own in results)),
    ]
    for name in metrics:
        values = (own["metrics"].get(name, NONE) for own in results)
        label = metric_label(name.replace("val_", "validation "))
        rows.append((label, *(v if v is NONE else metric_text(name, v) for v in values)))
    rows += [
        ("samples/s", *(_number(own["samples_per_s"], 0) for own in results)),
        ("step, ms", *(_number(own["step_ms"], 1) for own in results)),
        ("devices", *(str(len(own["layers"])) for own in results)),
        ("layers", *(_ranges(own["layers"]) for own in results)),
    ]
    return rows


def _table(title: str, jobs: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("")
    for job in jobs:
        table.add_column(f"job {job}", justify="right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # whatever is in a name, it is no markup
    return table


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def _ranges(layers: Sequence[Sequence[int]]) -> str:
    return " ".join(f"[{start}, {end})" for start, end in layers) or NONE
