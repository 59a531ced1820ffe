"""``tandem export JOB``: a trained model as a file."""

from __future__ import annotations

from pathlib import Path

import requests
import typer

from http_gateway.cli.connection import job_client
from http_gateway.cli.showing.reporting import CommandEnd
from http_gateway.operations.table.exports import ENDINGS

USUAL = "bundle"
HINTS = {
    "bundle": "It needs no Tandem: unzip it, and read its MODEL_CARD.md.",
    "torch_export": "torch.export.load reads it.",
}


def run_export(
    job: str, url: str | None, model_format: str | None, out: Path | None, checkpoint: str | None
) -> None:
    """Raises ``ApiError``; ``CommandEnd`` where the file can't be written."""
    chosen = model_format or _by_ending(out) or USUAL
    path = out or Path(f"job-{job}.{ENDINGS[chosen]}")
    with job_client(job, url) as client:
        try:
            size = client.save_model(job, path, format=chosen, checkpoint=checkpoint)
        except requests.RequestException:
            raise
        except OSError as error:
            raise CommandEnd(
                f"{path} can't be written ({error.strerror}): name another file by --out"
            ) from error
    typer.echo(f"Job {job} is in {path}, {size:,} bytes. {HINTS.get(chosen, '')}".rstrip())


def _by_ending(out: Path | None) -> str | None:
    """The format that a file's name stands for."""
    if out is None:
        return None
    ending = out.suffix.lower().removeprefix(".")
    return next((name for name, known in ENDINGS.items() if known == ending), None)
