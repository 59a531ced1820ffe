"""Tells an MLflow server each job's curves as a run, by its REST API.

The package mlflow would bring a hundred others to send four kinds of requests.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.followers.curve_tool import (
    Curve,
    CurveTool,
    Known,
    end_of,
    known_of,
    outcome_of,
)
from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.outgoing import NotTaken, call_json
from orchestrator.followers.positions import PositionFile
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.train_options import train_options_json

EXPERIMENT = "Tandem"
API = "/api/2.0/mlflow"
METRICS_AT_ONCE = 1_000
PARAMS_AT_ONCE = 100
MAX_PARAM_CHARS = 500
"""The limits of MLflow's ``runs/log-batch``."""
RUN_STATUSES = {"completed": "FINISHED", "failed": "FAILED"}
STOPPED = "KILLED"
BAD_REQUEST, NOT_FOUND = 400, 404
MS_PER_S = 1000


class MlflowRuns(CurveTool):
    """A run for each time that a job's weights are drawn, in the experiment ``Tandem``; jobs that
    had ended before are left out. MLflow keeps what it was told: steps that were taken back stand
    there twice. Of a job's ``Known``, ``run_id`` and ``at_ms``, the time of its last point, are
    there once it has a run."""

    name = "MLflow"

    def __init__(self, book: JobBook, position: PositionFile, uri: str) -> None:
        super().__init__(book, position)
        self._uri = uri.rstrip("/")

    def _first_state(self, jobs: Sequence[Job]) -> dict[str, Known]:
        ended = [job for job in jobs if not job.is_active]
        last_seq = self._book.log.last_seq()
        return {job.identity: known_of(job, last_seq, end_of(job)) for job in ended}

    def _begin_again(self, known: Known) -> None:
        for name in ("run_id", "at_ms", "lacks_params", "is_over"):
            known.pop(name, None)

    def _tell(self, job: Job, known: Known, curves: Sequence[Curve]) -> None:
        points = list(_points(curves))
        if not points:
            return
        try:
            run_id = self._run_of(job, known, points[0]["timestamp"])
            for begin in range(0, len(points), METRICS_AT_ONCE):
                batch = points[begin : begin + METRICS_AT_ONCE]
                self._post("runs/log-batch", run_id=run_id, metrics=batch)
            known["at_ms"] = max(point["timestamp"] for point in points)
            if known.get("is_over"):
                self._post("runs/update", run_id=run_id, status="RUNNING")
                known["is_over"] = False
        except NotTaken as error:
            raise _trouble(job, error) from error

    def _tell_end(self, job: Job, known: Known) -> None:
        if "run_id" not in known:
            return
        try:
            self._end_run(known, RUN_STATUSES.get(outcome_of(job) or "", STOPPED))
        except NotTaken as error:
            raise _trouble(job, error) from error
        known["is_over"] = True

    def _tell_gone(self, identity: str, known: Known) -> None:
        if "run_id" not in known or known.get("is_over"):
            return
        try:
            self._end_run(known, STOPPED)
        except NotTaken as error:
            if not _is_refusal(error):  # there is no job any more that could tell of it
                raise ToolTrouble("", error.text) from error

    def _end_run(self, known: Known, status: str) -> None:
        run = {"run_id": known["run_id"], "status": status, "end_time": known["at_ms"]}
        self._post("runs/update", **run)

    def _run_of(self, job: Job, known: Known, began_ms: int) -> str:
        """The id of its run. Each step that MLflow has taken is noted at once: a run that was made
        is not made again."""
        if "run_id" not in known:
            run_id = self._create_run(job, began_ms)
            known |= {"run_id": run_id, "at_ms": began_ms, "lacks_params": True}
        if known["lacks_params"]:
            params = list(itertools.islice(_params(job), PARAMS_AT_ONCE))
            self._post("runs/log-batch", run_id=known["run_id"], params=params)
            known["lacks_params"] = False
        return str(known["run_id"])

    def _create_run(self, job: Job, began_ms: int) -> str:
        made = self._post(
            "runs/create",
            experiment_id=self._experiment_id(),
            start_time=began_ms,
            run_name=f"job {job.job_id}",
            tags=[{"key": "tandem.job_id", "value": job.job_id}],
        )
        run_id: str = made["run"]["info"]["run_id"]
        return run_id

    def _experiment_id(self) -> str:
        try:
            asked = {"experiment_name": EXPERIMENT}
            path = f"{API}/experiments/get-by-name"
            found = call_json("GET", self._uri, path, params=asked)["experiment"]
        except NotTaken as error:
            if error.status != NOT_FOUND:
                raise
            found = self._post("experiments/create", name=EXPERIMENT)
        return str(found["experiment_id"])

    def _post(self, what: str, **body: Any) -> dict[str, Any]:
        return call_json("POST", self._uri, f"{API}/{what}", json=body)


def _trouble(job: Job, error: NotTaken) -> ToolTrouble:
    return ToolTrouble(job.job_id, error.text, is_of_one_job=_is_refusal(error))


def _is_refusal(error: NotTaken) -> bool:
    """Whether MLflow refuses this very request, such as one about a run that was deleted there."""
    return error.status in (BAD_REQUEST, NOT_FOUND)


def _points(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    for curve in curves:
        for step, at_s, value in zip(curve["steps"], curve["at"], curve["values"], strict=True):
            if value is not None:
                at_ms = int((at_s or 0.0) * MS_PER_S)
                yield {"key": curve["name"], "value": value, "timestamp": at_ms, "step": step}


def _params(job: Job) -> Iterator[dict[str, str]]:
    """How the job trains, and on what; JSON where it is no plain text."""
    config, options = job.spec.config, train_options_json(job.sessions[-1].options)
    named = {"model_config": config.model, "dataset_config": config.dataset, **options}
    for name, value in named.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            yield {"key": name, "value": text[:MAX_PARAM_CHARS]}
