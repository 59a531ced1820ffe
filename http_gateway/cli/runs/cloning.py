"""``tandem clone JOB``: a job that is like another one but for some fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from actors.core.errors import InvalidRequest
from http_gateway.cli.connection import job_client
from http_gateway.client import TandemClient
from orchestrator.files.plain_yaml import read_value

SECTIONS = ("model_config", "dataset_config", "train_config", "failure_policy", "checkpoints")


def run_clone(
    job: str, url: str | None, given: Sequence[str], weights: bool, training: bool
) -> str:
    """The new job's id. Raises ``InvalidRequest``, ``ApiError``."""
    changes = changes_of(given)
    with job_client(job, url) as client:
        made = str(client.clone_job(job, **changes, weights=weights))
        typer.echo(f"Job {made} is like job {job}{_but(given)}.")
        if training:
            _train(client, job, made)
    return made


def changes_of(given: Sequence[str]) -> dict[str, Any]:
    """A body of POST /api/jobs/<job_id>/clone; raises ``InvalidRequest``."""
    changes: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        section, dot, field = name.partition(".")
        is_known = section in SECTIONS and bool(dot and field)
        if not equals or not (is_known or name == "task"):
            raise InvalidRequest(
                f"--set is {text!r}, but must be SECTION.FIELD=VALUE, such as "
                f"train_config.epochs=3; sections are {', '.join(SECTIONS)}. task=VALUE has none"
            )
        read = read_value(value, f"--set {name}")
        if is_known:
            changes.setdefault(section, {})[field] = read
        else:
            changes[name] = read
    return changes


def _but(given: Sequence[str]) -> str:
    return f" but for {', '.join(given)}" if given else ""


def _train(client: TandemClient, job: str, made: str) -> None:
    for device in client.get_job(job, history_limit=0)["registered_devices"]:
        client.register_device(device["ip"], device["port"], made)
    client.initialize(made)
    client.train(made)
