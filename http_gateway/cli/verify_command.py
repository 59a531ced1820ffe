"""``tandem verify JOB``: are a job's numbers those of a plain PyTorch loop?"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from actors.core.errors import TandemError
from http_gateway.cli.connection import Url, make_client
from http_gateway.client import ApiError

DIFFERS = 1
NOT_VERIFIED = 2

Job = Annotated[str, typer.Argument(help="the job's id")]
Steps = Annotated[
    int | None, typer.Option(help="so many of the first [to the first weights that are kept]")
]
Json = Annotated[bool, typer.Option("--json", help="what the API answers")]


def verify(job: Job, steps: Steps = None, url: Url = None, as_json: Json = False) -> None:
    """Train a job's first steps again without a pipeline: are the bits the same?

    Ends with 0 when they are, with 1 when not, and with 2 when nothing could be compared.
    """
    try:
        with make_client(url) as client:
            told = client.verify(job, steps)
    except (TandemError, ApiError) as error:
        typer.echo(f"tandem: {error}", err=True)
        raise typer.Exit(NOT_VERIFIED) from None
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _show(told)
    raise typer.Exit(0 if told["equal"] else DIFFERS)


def _show(told: dict[str, Any]) -> None:
    typer.echo(f"Job {told['job_id']}: {'equal' if told['equal'] else 'NOT EQUAL'}.")
    typer.echo(told["message"])
    for reason in told["reason"]:
        typer.echo(f"Reason: {reason}")
