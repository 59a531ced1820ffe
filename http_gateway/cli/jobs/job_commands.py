"""The command lines of ``tandem train`` and of the commands that name a job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actors.core.schedule.schedules import SCHEDULES
from http_gateway.cli.options import AsJson, Job, JsonLines, Url

ScheduleOption = typer.Option(help=f"{', '.join(SCHEDULES)} or auto")
WireOption = typer.Option(help="precision between devices: fp32, bf16 or int8 (default: the job's)")


def train(
    config: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML file: what to train, on what, where")
    ],
    url: Url = None,
    json_lines: JsonLines = False,
    model_out: Annotated[
        Path | None, typer.Option(help="file for the trained weights (safetensors)")
    ] = None,
    wire: Annotated[str | None, WireOption] = None,
) -> None:
    """Train what a YAML file describes, and show it until the end.

    The folder configs/jobs has examples of such files. Ctrl-C leaves the job training.
    """
    from http_gateway.cli.jobs.training import run_train
    from http_gateway.cli.showing.live_view import new_view
    from http_gateway.cli.showing.reporting import reporting

    with reporting(new_view(json_lines)) as view:
        run_train(config, url, view, model_out, wire)


def watch(job: Job, url: Url = None, json_lines: JsonLines = False) -> None:
    """Show a job until its end.

    Ctrl-C stops the display only; the job goes on.
    """
    from http_gateway.cli.jobs.training import run_watch
    from http_gateway.cli.showing.live_view import new_view
    from http_gateway.cli.showing.reporting import reporting

    with reporting(new_view(json_lines)) as view:
        run_watch(job, url, view)


def logs(
    job: Job,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="go on with what happens, until Ctrl-C")
    ] = False,
    kinds: Annotated[
        str | None,
        typer.Option(help="only these, such as status,lost (default: what has a text)"),
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, max=10_000, help="how many of the latest")
    ] = 100,
    url: Url = None,
    json_lines: JsonLines = False,
) -> None:
    """Show what happened to a job."""
    from http_gateway.cli.jobs.log_command import run_logs

    run_logs(job, url, follow, kinds, lines, json_lines)


def top(
    url: Url = None,
    once: Annotated[bool, typer.Option("--once", help="print it once and end")] = False,
) -> None:
    """Show all jobs and devices, until Ctrl-C.

    Where stdout is no terminal, it is printed once.
    """
    from http_gateway.cli.jobs.top_command import run_top

    run_top(url, once)


def pause(job: Job, url: Url = None) -> None:
    """Stop a job at its next step, and keep its work.

    `tandem resume` goes on from there.
    """
    from http_gateway.cli.connection import job_client

    with job_client(job, url) as client:
        status = client.stop_job(job)["status"]
    now = "is stopped" if status == "stopped" else "stops at its next step"
    typer.echo(f"Job {job} {now}; to go on: tandem resume {job}")


def resume(
    job: Job,
    url: Url = None,
    watching: Annotated[bool, typer.Option("--watch", help="show the job until its end")] = False,
) -> None:
    """Continue a job that was paused or has failed."""
    from http_gateway.cli.connection import job_client

    with job_client(job, url) as client:
        status = client.resume_job(job)["status"]
    typer.echo(f"Job {job} is {status}.")
    if watching:
        watch(job, url)


def plan(
    job: Job,
    url: Url = None,
    schedule: Annotated[str | None, ScheduleOption] = None,
    microbatches: Annotated[
        str | None, typer.Option(help="microbatches in a batch, or auto")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of each device")] = None,
    wire: Annotated[str | None, WireOption] = None,
    in_force: Annotated[
        bool, typer.Option("--in-force", help="the plan in force, and how long steps took")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a job would be split, and whether that pays.

    The options show what would happen; they don't change the job.
    """
    from http_gateway.cli.jobs.plan_command import run_plan

    run_plan(job, url, schedule, microbatches, threads, wire, in_force, as_json)


def verify(
    job: Job,
    steps: Annotated[
        int | None,
        typer.Option(help="how many of the first steps (default: to the first saved weights)"),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Compare a job's first steps with a plain PyTorch loop.

    One device trains them again without a pipeline: are the numbers the same, bit for bit? Ends
    with 0 when they are, with 1 when not, and with 2 when nothing could be compared.
    """
    from http_gateway.cli.jobs.verify_command import run_verify

    run_verify(job, steps, url, as_json)
