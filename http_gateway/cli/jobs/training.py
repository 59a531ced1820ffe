"""Runs ``tandem train`` and ``tandem watch``, only over HTTP."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from actors.core.errors import InvalidRequest
from http_gateway.cli.connection import (
    WATCH_S,
    gateway_url,
    job_client,
    never_sent,
    no_answer_text,
    waiting_client,
    waiting_text,
)
from http_gateway.cli.jobs.job_file import JobFile, load_job_file
from http_gateway.cli.showing.live_view import View
from http_gateway.cli.showing.reporting import INTERRUPTED, CommandEnd
from http_gateway.client import ApiError, TandemClient, patiently
from http_gateway.process.interrupts import held, interruptible
from http_gateway.process.output import notice_closed_pipe
from http_gateway.watched_job import WatchedJob

BAD_ENDS = ("failed", "broken")
ENDED = ("completed", "stopped", *BAD_ENDS)
POLL_S = 0.2
SHOW_S = 0.25  # between two looks at a job; what a turn of the events brings is one
PATIENCE_S = 60.0  # a gateway may be started again, a laptop may wake up
CONFLICT = 409
TAKE_BACK_S = 30.0  # for an initialize under way to end, before its job can be deleted


def run_train(
    path: Path, url: str | None, view: View, model_out: Path | None, wire: str | None = None
) -> None:
    """From the file to the trained weights; ``wire`` overrides the file's. Raises ``CommandEnd``
    unless the job is completed."""
    job_file = load_job_file(path)
    if wire is not None:
        job_file = job_file.with_wire(wire)
    if model_out is not None:
        _check_writable(model_out)
    with waiting_client(url) as client, held():
        training = _Training(client, gateway_url(url), view)
        job = training.follow(training.start(job_file))
        if job["status"] == "completed" and model_out is not None:
            training.save_model(job["job_id"], model_out)
        view.end(job)
        if job["status"] != "completed":
            raise CommandEnd(training.why_not_completed(job))


def run_watch(job_id: str, url: str | None, view: View) -> None:
    """Shows a job until its end; raises ``CommandEnd`` if it failed or doesn't exist."""
    with job_client(job_id, url, WATCH_S) as client:
        status = client.get_job(job_id, history_limit=0)["status"]
        view.step("watching", f"Job {job_id} is {status}.", job_id=job_id, status=status)
        if view.draws_curve:
            view.draw(_losses(client, job_id))
        try:
            job = _follow(client, gateway_url(url), job_id, view)
        except KeyboardInterrupt:
            text = f"Job {job_id} goes on without being watched"
            raise CommandEnd(text, INTERRUPTED) from None
        view.end(job)
        if job["status"] in BAD_ENDS:
            raise CommandEnd(_failure_text(job))


class _Training:
    """A job that this command makes, and takes back if it never trains."""

    def __init__(self, client: TandemClient, url: str, view: View) -> None:
        self._client = client
        self._url = url
        self._view = view
        self._key = str(uuid4())
        self._job_id: str | None = None

    def start(self, job_file: JobFile) -> str:
        """The id of a job that trains."""
        with self._taken_back(job_file), interruptible():
            job_id = self._job_id = self._create(job_file)
            model, data = job_file.model_text, job_file.data_text
            self._view.step(
                "created", f"Job {job_id} at {self._url}: {model} on {data}", job_id=job_id
            )
            for device in job_file.devices:
                device_id = self._client.register_device(**device, job_id=job_id)
                where = f"Device {device_id}: {device['ip']}:{device['port']}"
                self._view.step("registered", where, device_id=device_id, **device)
            self._client.initialize(job_id, **job_file.initialize)
            verdict = self._client.get_plan(job_id)["verdict"]["text"]
            text = f"Initialized: every device has its layers. {verdict}"
            self._view.step("initialized", text, verdict=verdict)
            started = self._client.train(job_id, **job_file.train)
            text = f"Training {started['epochs']} epochs, learning rate {started['learning_rate']}."
            asked = {key: started[key] for key in ("epochs", "learning_rate")}
            self._view.step("training", text, **asked)
        return job_id

    def _create(self, job_file: JobFile) -> str:
        """Asked for again, it is the same job."""
        job_id: str = self._client.create_job(
            job_file.model_config,
            job_file.dataset_config,
            task=job_file.task,
            train_config=job_file.train_config,
            failure_policy=job_file.failure_policy,
            checkpoints=job_file.checkpoints,
            idempotency_key=self._key,
        )
        return job_id

    def follow(self, job_id: str) -> dict[str, Any]:
        """The job's details at its end."""
        try:
            with interruptible():
                return _follow(self._client, self._url, job_id, self._view)
        except KeyboardInterrupt:
            text = f"Job {job_id} goes on training; {self._how_to_go_on(job_id)}"
            raise CommandEnd(text, INTERRUPTED) from None
        except requests.RequestException as error:
            why = no_answer_text(self._url, error)
            text = f"{why}; job {job_id} may train on: {self._how_to_go_on(job_id)}"
            raise CommandEnd(text) from error
        except ApiError as error:
            raise CommandEnd(f"Job {job_id} can't be followed any more: {error.message}") from error

    def save_model(self, job_id: str, path: Path) -> None:
        """Never half of it: a reader finds the whole file or what was there before."""
        try:
            with interruptible():
                size = self._client.save_model(job_id, path)
        except KeyboardInterrupt:
            text = f"Job {job_id} is completed; {self._how_to_get_weights(job_id)}"
            raise CommandEnd(text, INTERRUPTED) from None
        except requests.RequestException:
            raise
        except OSError as error:
            raise CommandEnd(
                f"Job {job_id} is completed, but {path} can't be written ({error.strerror}); "
                + self._how_to_get_weights(job_id)
            ) from error
        text = f"The trained weights are in {path}, {size:,} bytes."
        self._view.step("model", text, path=str(path), bytes=size)

    def why_not_completed(self, job: dict[str, Any]) -> str:
        """For a job that failed, or that someone stopped."""
        if job["status"] in BAD_ENDS:
            return _failure_text(job)
        job_id, progress = job["job_id"], job["progress"]
        return (
            f"Job {job_id} was stopped in epoch {progress['epoch']} of {progress['epochs']}; to go "
            f"on: tandem resume {job_id} --url {self._url}"
        )

    @contextmanager
    def _taken_back(self, job_file: JobFile) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise CommandEnd(f"Interrupted; {self._take_back(job_file)}", INTERRUPTED) from None
        except ApiError as error:
            if self._job_id is None:
                raise  # no job was created
            text = f"Job {self._job_id} was refused: {error.message}; {self._take_back(job_file)}"
            raise CommandEnd(text) from error
        except requests.RequestException as error:
            if self._job_id is None and never_sent(error):
                raise
            text = f"{no_answer_text(self._url, error)}; {self._take_back(job_file)}"
            raise CommandEnd(text) from error

    def _take_back(self, job_file: JobFile) -> str:
        """Deletes a job whose training may not have begun, and returns what happened. Ctrl-C ends
        the wait."""
        deadline = time.monotonic() + TAKE_BACK_S
        try:
            with interruptible():
                return self._delete_by(deadline, job_file)
        except (ApiError, requests.RequestException, KeyboardInterrupt):
            if self._job_id is None:
                return (
                    f"it is not known whether a job was created; to look: curl {self._url}/api/jobs"
                )
            job = f"{self._url}/api/jobs/{self._job_id}"
            return f"job {self._job_id} is still there; to delete it: curl -X DELETE {job}"

    def _delete_by(self, deadline: float, job_file: JobFile) -> str:
        """Again and again while something is done with it."""
        while True:
            try:
                job_id = self._job_id = self._job_id or self._create(job_file)
                if self._client.get_job(job_id, history_limit=0).get("progress") is not None:
                    return f"job {job_id} trains; {self._how_to_go_on(job_id)}"
                self._client.delete_job(job_id)
                return f"job {job_id} was deleted again"
            except ApiError as error:
                if error.status != CONFLICT or time.monotonic() >= deadline:
                    raise
            time.sleep(POLL_S)

    def _how_to_get_weights(self, job_id: str) -> str:
        return f"get the weights by curl {self._url}/api/jobs/{job_id}/model -o <file>"

    def _how_to_go_on(self, job_id: str) -> str:
        return (
            f"watch it: tandem watch {job_id} --url {self._url}, "
            f"stop it: tandem pause {job_id} --url {self._url}"
        )


def _follow(client: TandemClient, url: str, job_id: str, view: View) -> dict[str, Any]:
    """The job's details at its end: looks at it when the log tells of something new."""

    def tell(error: Exception) -> None:
        text = f"{waiting_text(url, error)}; waiting up to {PATIENCE_S:.0f} s."
        view.step("waiting", text, reason=text)

    watched = WatchedJob(lambda **query: client.get_job(job_id, **query))
    looked_s = -math.inf
    for entry in client.listen(job_id, None, None, PATIENCE_S, tell):
        notice_closed_pipe()
        if entry is not None:
            view.hear(entry)
        now = time.monotonic()
        if now - looked_s < SHOW_S and (entry is None or entry["kind"] != "status"):
            continue
        looked_s = now
        job = patiently(watched.look, lambda _: PATIENCE_S, POLL_S, tell)
        if job["status"] == "recovering":
            job = {**job, "newest_event": _newest_event(client, job_id)}
        view.show(job)
        if job["status"] in ENDED:
            return job
    raise AssertionError("a stream of events has no end")


def _newest_event(client: TandemClient, job_id: str) -> str | None:
    """The latest reason of its recovery; if the gateway has gone, the next poll notices it."""
    try:
        events = client.list_events(job_id, limit=1)["events"]
    except (ApiError, requests.RequestException):
        return None
    return str(events[-1]["text"]) if events else None


def _losses(client: TandemClient, job_id: str) -> list[float]:
    """Those so far."""
    curves = client.get_metrics(job_id, names="loss")["series"]
    return [value for curve in curves for value in curve["values"] if value is not None]


def _failure_text(job: dict[str, Any]) -> str:
    how = "failed" if job["status"] == "failed" else f"is {job['status']}"
    return f"Job {job['job_id']} {how}: {job.get('error')}"


def _check_writable(path: Path) -> None:
    """Checked before anything is trained."""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidRequest(
            f"--model-out is {path}, but must be a file in a folder that exists and can be written"
        )
