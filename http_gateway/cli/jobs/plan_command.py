"""``tandem plan JOB``: which layers each device would get, how long a step takes, does it pay."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from http_gateway.cli.connection import job_client
from http_gateway.cli.showing.live_view import new_console


def run_plan(
    job: str,
    url: str | None,
    schedule: str | None,
    microbatches: str | None,
    threads: int | None,
    wire: str | None,
    in_force: bool,
    as_json: bool,
) -> None:
    """Asks for the plan in force, or for the one that these options would give, and shows it."""
    count = _count(microbatches)
    given = {"schedule": schedule, "num_microbatches": count, "threads": threads, "wire": wire}
    options: dict[str, Any] = {n: value for n, value in given.items() if value is not None}
    with job_client(job, url) as client:
        told = client.get_plan(job) if in_force else client.plan(job, **options)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        show(told, new_console())


def show(told: dict[str, Any], console: Console) -> None:
    """The plan as a table, the verdict, and what was measured."""
    console.print(plan_table(told))
    console.print(
        f"{told['schedule']}, microbatches: {told['num_microbatches']}, wire {told['wire']}: "
        f"a step should take {_ms(told['step_s'])} ({told['samples_per_s']:,.0f} samples/s); "
        f"devices wait for {told['bubble']:.0%} of it. "
        f"Channels: {', '.join(told['channels']) or 'none'}.",
        highlight=False,
        soft_wrap=True,
    )
    measured = told.get("measured")
    if measured is not None:
        console.print(
            f"Measured: {_ms(measured['step_s'])} a step; the prediction was off by "
            f"{measured['error']:+.0%}.",
            highlight=False,
            soft_wrap=True,
        )
        if measured["note"] is not None:
            console.print(measured["note"], highlight=False, soft_wrap=True)
    console.print(told["verdict"]["text"], highlight=False, soft_wrap=True)


def plan_table(told: dict[str, Any]) -> Table:
    """A row a device."""
    title = f"Plan of job {told['job_id']}"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=0)
    names = ("device", "layers", "threads", "computing", "waiting", "messages", "memory", "of")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for device in told["devices"]:
        memory = device["memory"]
        table.add_row(
            str(device["device_id"]),
            "[{}, {})".format(*device["layers"]),
            str(device["threads"]),
            _ms(device["computing_s"] + device["updating_s"]),
            _ms(device["waiting_s"]),
            _ms(device["wire_s"]),
            _size(memory["needed_bytes"]),
            "no limit" if memory["limit_bytes"] is None else _size(memory["limit_bytes"]),
        )
    return table


def _count(text: str | None) -> int | str | None:
    """A number if it is one; otherwise the gateway checks it."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else text


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _size(num_bytes: float) -> str:
    if num_bytes >= 1e9:
        return f"{num_bytes / 1e9:,.1f} GB"
    return f"{num_bytes / 1e6:.1f} MB"
