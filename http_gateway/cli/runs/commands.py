"""The command lines of ``tandem export``, ``clone`` and ``compare``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from http_gateway.cli.options import Job, Url


class ModelFormatChoice(str, Enum):
    """The forms of a trained model."""

    bundle = "bundle"
    safetensors = "safetensors"
    torch_export = "torch_export"
    onnx = "onnx"


def export(
    job: Job,
    model_format: Annotated[
        ModelFormatChoice | None,
        typer.Option("--format", help="default: by the ending of --out, or bundle"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file to write (default: job-JOB.zip or so)")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="a checkpoint of the job (default: its newest weights)")
    ] = None,
    url: Url = None,
) -> None:
    """Save a trained model as a file that works without Tandem.

    A bundle is a zip with the weights, a model card, and a script that predicts in plain PyTorch.
    """
    from http_gateway.cli.runs.exporting import run_export

    run_export(job, url, None if model_format is None else model_format.value, out, checkpoint)


def clone(
    job: Job,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="a field of the new job, such as train_config.epochs=3; may be repeated"
        ),
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="begin with the job's trained weights")
    ] = False,
    training: Annotated[
        bool, typer.Option("--train", help="train it on the job's devices, and show it")
    ] = False,
    url: Url = None,
) -> None:
    """Make a job that is like another one but for some fields.

    An empty value, as in --set model_config.seed=, leaves the field out.
    """
    from http_gateway.cli.jobs.job_commands import watch
    from http_gateway.cli.runs.cloning import run_clone

    made = run_clone(job, url, changes or [], weights, training)
    if training:
        watch(made, url)


def compare(
    jobs: Annotated[
        list[str], typer.Argument(metavar="JOB...", help="ids of two or more jobs, such as 3 4 5")
    ],
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False,
) -> None:
    """Show in what jobs differ, what they reached and how fast they were."""
    from http_gateway.cli.runs.comparing import run_compare

    run_compare(jobs, url, as_json)
