"""The command lines of ``tandem train``, ``watch``, ``pause`` and ``resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from http_gateway.cli.connection import Url

Job = Annotated[str, typer.Argument(help="the job's id")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line, for programs")]


def train(
    config: Annotated[Path, typer.Argument(help="YAML file: what to train, on what, where")],
    url: Url = None,
    json_lines: Json = False,
    model_out: Annotated[Path | None, typer.Option(help="file to put the weights in")] = None,
) -> None:
    """Train as a YAML file says, and watch until the end; Ctrl-C leaves the job training."""
    from http_gateway.cli.live_view import new_view
    from http_gateway.cli.reporting import reporting
    from http_gateway.cli.training import run_train

    with reporting(new_view(json_lines)) as view:
        run_train(config, url, view, model_out)


def pause(job: Job, url: Url = None) -> None:
    """Stop a job at its next step, with a checkpoint; `tandem resume` goes on from there."""
    from http_gateway.cli.connection import make_client

    with make_client(url) as client:
        client.stop_job(job)
    typer.echo(f"Job {job} stops at its next step; to go on: tandem resume {job}")


def resume(
    job: Job,
    url: Url = None,
    watching: Annotated[bool, typer.Option("--watch", help="until the job's end")] = False,
) -> None:
    """Go on with a job that was stopped or failed."""
    from http_gateway.cli.connection import make_client

    with make_client(url) as client:
        status = client.resume_job(job)["status"]
    typer.echo(f"Job {job} is {status}.")
    if watching:
        watch(job, url)


def watch(
    job: Job,
    url: Url = None,
    json_lines: Json = False,
) -> None:
    """Watch a job until its end; Ctrl-C ends the watching alone."""
    from http_gateway.cli.live_view import new_view
    from http_gateway.cli.reporting import reporting
    from http_gateway.cli.training import run_watch

    with reporting(new_view(json_lines)) as view:
        run_watch(job, url, view)
