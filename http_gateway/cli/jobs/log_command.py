"""Runs ``tandem logs``, only over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import typer

from http_gateway.cli.connection import gateway_url, job_client, waiting_text
from http_gateway.client import TandemClient
from http_gateway.process.output import notice_closed_pipe

PATIENCE_S = 60.0  # a gateway may be started again, a laptop may wake up
NO_TIME = "-" * 19


def run_logs(
    job_id: str, url: str | None, follows: bool, kinds: str | None, lines: int, as_json: bool
) -> None:
    """Prints the latest entries and, if it ``follows``, what comes after them."""
    with job_client(job_id, url) as client:
        page = client.list_events(job_id, limit=lines, kinds=kinds)
        for entry in page["events"]:
            _print(entry, as_json)
        if follows:
            for new in _new_entries(client, gateway_url(url), job_id, kinds, page["next_after"]):
                _print(new, as_json)


def _new_entries(
    client: TandemClient, url: str, job_id: str, kinds: str | None, after: int
) -> Iterator[dict[str, Any]]:
    """Without an end."""

    def tell(error: Exception) -> None:
        typer.echo(f"tandem: {waiting_text(url, error)}", err=True)

    wanted = None if kinds is None else kinds.split(",")
    for entry in client.listen(job_id, after, wanted, PATIENCE_S, tell):
        notice_closed_pipe()
        if entry is not None and (kinds is not None or entry["text"] is not None):
            yield entry


def _print(entry: dict[str, Any], as_json: bool) -> None:
    typer.echo(json.dumps(entry) if as_json else entry_text(entry))


def entry_text(entry: dict[str, Any]) -> str:
    """In a line, at this host's time."""
    at = NO_TIME
    if entry["at"] is not None:
        at = f"{datetime.fromisoformat(entry['at']).astimezone():%Y-%m-%d %H:%M:%S}"
    place = "" if entry["epoch"] is None else f"epoch {entry['epoch']}, step {entry['step']}: "
    values = ", ".join(f"{name} {_value_text(value)}" for name, value in entry["values"].items())
    return f"{at}  {entry['kind']:<16}  {place}{entry['text'] or values}".rstrip()


def _value_text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
