"""``tandem verify JOB``: are a job's numbers those of a plain PyTorch loop?"""

from __future__ import annotations

import json
from typing import Any

import typer

from actors.core.errors import TandemError
from http_gateway.cli.connection import job_client
from http_gateway.cli.showing.reporting import CommandEnd
from http_gateway.client import ApiError

DIFFERS = 1
NOT_VERIFIED = 2


def run_verify(job: str, steps: int | None, url: str | None, as_json: bool) -> None:
    """Ends with 0 when the bits are the same, with 1 when not, with 2 when nothing was compared."""
    try:
        with job_client(job, url) as client:
            told = client.verify(job, steps=steps)
    except (TandemError, ApiError, CommandEnd) as error:
        typer.echo(f"tandem: {error}", err=True)
        raise typer.Exit(NOT_VERIFIED) from None
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _show(told)
    raise typer.Exit(0 if told["equal"] else DIFFERS)


def _show(told: dict[str, Any]) -> None:
    typer.echo(f"Job {told['job_id']}: {_how_equal(told)}.")
    typer.echo(told["message"])
    for reason in told["reason"]:
        typer.echo(f"Reason: {reason}")


def _how_equal(told: dict[str, Any]) -> str:
    if told["equal"]:
        return "equal"
    return "NOT EQUAL" if told["equality_expected"] else "not equal, as expected with a lossy wire"
