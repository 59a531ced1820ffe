"""Answers all questions about jobs. None of them changes a job."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import Any

import ray

from actors.core.sources.registry import sources
from actors.core.stages.stage import Weights
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.checkpoints.manifest import CheckpointInfo
from orchestrator.data.dataset_desk import DatasetDesk
from orchestrator.data.datasets import DatasetStore
from orchestrator.errors import (
    CheckpointDamaged,
    IllegalTransition,
    JobBroken,
    JobNotFound,
    NoTrainedWeights,
    NoTrainingSessions,
)
from orchestrator.exports.training_record import training_record
from orchestrator.jobs.broken_job import BrokenJob
from orchestrator.jobs.figures.comparison import comparison
from orchestrator.jobs.figures.metric_series import metric_series
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_plans import plan_in_force
from orchestrator.jobs.metrics import shown_entry, shown_epoch, shown_metrics
from orchestrator.models.evaluation_plan import USUAL_WORST, plan_evaluation
from orchestrator.models.model_config import architectures, layer_kinds
from orchestrator.models.model_io import facts_of, trained_model
from orchestrator.models.trained_model import ModelFacts, TrainedModel
from orchestrator.observing.job_figures import all_figures
from orchestrator.observing.process_logs import ProcessLogs
from orchestrator.store.log.entries import LogFilter

MAX_TOLD_EPOCHS = 10_000


class JobReader:
    """The half of the JobManager that reads. It also keeps the answers of requests that may be sent
    twice."""

    def __init__(
        self,
        book: JobBook,
        checkpoints: CheckpointStore,
        datasets: DatasetStore,
        uploads: DatasetDesk,
        logs: ProcessLogs,
    ) -> None:
        self._book = book
        self._lock = book.lock
        self._checkpoints = checkpoints
        self._datasets = datasets
        self._uploads = uploads
        self._logs = logs

    def list_jobs(self) -> list[dict[str, Any]]:
        """All jobs, oldest first."""
        with self._lock:
            jobs: list[Job | BrokenJob] = [*self._book.all(), *self._book.broken()]
        return [job.summary() for job in sorted(jobs, key=lambda job: int(job.job_id))]

    def get_job(
        self, job_id: str, after_epoch: int | None = None, history_limit: int | None = None
    ) -> dict[str, Any]:
        """The job, with the epochs after ``after_epoch``, or with the latest. Raises
        ``JobNotFound``."""
        with self._lock:
            if (broken := self._book.find_broken(job_id)) is not None:
                return broken.details()
            job = self._book.get(job_id)
            details = job.details()
        log, trouble = self._book.log, self._book.unsaved_because(job) or job.checkpoint_error
        history = log.history(job_id, after_epoch, history_limit)
        details["history"] = [shown_epoch(record) for record in history.epochs]
        details["num_epochs"] = history.num_epochs
        return details if trouble is None else {**details, "storage_error": trouble}

    def get_plan(self, job_id: str) -> dict[str, Any]:
        """The plan in force. Raises ``IllegalTransition`` if there is none."""
        with self._lock:
            job = copy(self._book.get(job_id))
            job.devices = list(job.devices)
        begin = job.sessions[-1].first_epoch_index if job.sessions else None
        history = [] if begin is None else self._book.log.history(job_id, begin).epochs
        return plan_in_force(job, history)  # of hundreds of layers it takes a while

    def compare_jobs(self, jobs: str) -> dict[str, Any]:
        """What differs between jobs, and what came of each; ``jobs`` are their ids, joined by
        commas. Raises ``JobNotFound``, which names the job."""
        job_ids = list(dict.fromkeys(jobs.split(",")))
        if unknown := [job_id for job_id in job_ids if not self._book.has(job_id)]:
            raise JobNotFound(f"There is no job {unknown[0]}: GET /api/jobs lists those there are")
        plans = {}
        for job_id in job_ids:
            with suppress(IllegalTransition, JobBroken):  # it was never initialized, or is broken
                plans[job_id] = self.get_plan(job_id)
        return comparison([self.get_job(job_id) for job_id in job_ids], plans)

    def list_checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """Newest first."""
        job = self._book.get(job_id)
        return [info.to_json() for info in self._checkpoints.list(job.lineage)]

    def list_strangers(self) -> list[str]:
        """Folders with checkpoints that belong to no job here, such as those of an old database."""
        with self._lock:
            jobs: list[Job | BrokenJob] = [*self._book.all(), *self._book.broken()]
            lineages = [job.lineage for job in jobs]
        return self._checkpoints.strangers(lineages)

    def list_events(
        self, job_id: str, after: int | None = None, limit: int = 1_000, kinds: str | None = None
    ) -> dict[str, Any]:
        """What was told of the job after that ``seq``, or else the latest, oldest first: of those
        ``kinds``, joined by commas, or what people read. Raises ``JobNotFound``."""
        self._book.get(job_id)
        return self._page(_people_read(kinds, job_id), after, limit)

    def list_all_events(
        self, after: int | None = None, limit: int = 1_000, kinds: str | None = None
    ) -> dict[str, Any]:
        """The same of all jobs."""
        return self._page(_people_read(kinds), after, limit)

    def read_log(
        self,
        after: int | None,
        limit: int,
        job_id: str | None = None,
        kinds: Sequence[str] | None = None,
        watched: Sequence[str] = (),
    ) -> dict[str, Any]:
        """All that was told after that ``seq`` (or else the latest), of one job or of all, of those
        kinds or of all. ``gone`` are those of the ``watched`` jobs that there are not. Raises
        ``JobNotFound``."""
        if job_id is not None:
            self._book.get(job_id)
        wanted = LogFilter(job_id, None if kinds is None else tuple(kinds))
        gone = [job_id for job_id in watched if not self._book.has(job_id)]
        return {**self._page(wanted, after, limit), "gone": gone}

    def get_metrics(
        self,
        job_id: str,
        names: str | None = None,
        after: int | None = None,
        max_points: int = 1_000,
    ) -> dict[str, Any]:
        """The job's curves; ``names`` are joined by commas. Raises ``JobNotFound``,
        ``InvalidRequest``."""
        self._book.get(job_id)
        wanted = None if names is None else names.split(",")
        begin = -1 if after is None else after
        return metric_series(self._book.log, job_id, wanted, begin, max_points)

    def list_steps(
        self, job_id: str, after_epoch: int = 0, after_step: int = 0, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """Steps behind that one, in order."""
        self._book.get(job_id)
        return [
            {"epoch": step.epoch, "step": step.step, "loss": step.loss}
            | shown_metrics(step.metrics or {})
            for step in self._book.log.steps(job_id, (after_epoch, after_step), limit)
        ]

    def list_logs(
        self, job_id: str, after: int | None = None, limit: int = 1_000
    ) -> dict[str, Any]:
        """Log lines of the processes that trained the job: those after that one, or the latest."""
        self._book.get(job_id)
        return self._logs.page(job_id, after, limit)

    def figures(self) -> dict[str, Any]:
        """Of all jobs, for tools that ask again and again."""
        with self._lock:
            return all_figures(self._book.all(), self._book.broken())

    def describe_model(self, job_id: str, checkpoint: str | None = None) -> ModelFacts:
        """The facts of the model that ``get_model`` would return. Reads no weights, but raises the
        same errors."""
        job = self._book.get(job_id)
        with self._lock:
            lineage, unsaved = job.lineage, job.unsaved
        if checkpoint is not None:
            newest = _name_of(self._checkpoints.find(lineage, checkpoint))
        elif unsaved is not None:
            newest = f"session {unsaved.session}, step {unsaved.total_steps}"
        elif infos := self._checkpoints.list(lineage):
            newest = _name_of(infos[0])
        else:
            self._trained(job_id)
            newest = ""
        weights_id = f"{job.identity} {lineage.folders}: {newest}" if newest else ""
        return replace(facts_of(job.spec), weights_id=weights_id)

    def describe_training(self, job_id: str, checkpoint: str | None = None) -> dict[str, Any]:
        """How the model of ``get_model`` came to be: see ``training_record``. Raises
        ``NotFound``."""
        job = self._book.get(job_id)
        if checkpoint is not None:
            found = [self._checkpoints.find(job.lineage, checkpoint)]
        else:
            found = [] if job.unsaved else self._checkpoints.list(job.lineage)[:1]
        details = self.get_job(job_id, history_limit=MAX_TOLD_EPOCHS)
        if not found:
            return training_record(details, job.spec, None, None)
        info = found[0]
        return training_record(details, job.spec, info.to_json(), info.last_epoch)

    def get_model(self, job_id: str, checkpoint: str | None = None) -> TrainedModel:
        """The trained weights, of that checkpoint or the newest; raises ``NoTrainedWeights``,
        ``NotFound``."""
        weights = self._weights_of(job_id, checkpoint)
        return trained_model(self._book.get(job_id).spec, weights)

    def plan_evaluation(
        self,
        job_id: str,
        dataset_config: dict[str, Any] | None = None,
        split: str | None = None,
        num_worst: int = USUAL_WORST,
    ) -> dict[str, Any]:
        """A reference to what an ``Evaluator`` is to do: light for who only hands it on."""
        job = self._book.get(job_id)
        uploads = self._uploads.configs()
        plan = plan_evaluation(job, self._datasets, dataset_config, split, num_worst, uploads)
        return {"plan": ray.put(plan)}

    def list_layers(self) -> list[dict[str, Any]]:
        """The kinds of layers that ``model_config.layers`` may have."""
        return layer_kinds()

    def list_architectures(self) -> list[dict[str, Any]]:
        """What ``model_config.architecture`` may be."""
        return architectures()

    def list_sources(self) -> list[dict[str, Any]]:
        """What ``dataset_config`` may name."""
        return sources()

    def inspect_dataset(self, dataset_config: dict[str, Any]) -> dict[str, Any]:
        """What it is, and a job that would fit; raises ``InvalidRequest``,
        ``DatasetUnavailable``."""
        return self._uploads.inspect(dataset_config)

    def list_datasets(self) -> list[dict[str, Any]]:
        """The data sets that Tandem knows and the uploaded ones, with the jobs that use them."""
        return self._uploads.summaries()

    def get_dataset(self, name: str) -> dict[str, Any]:
        """An uploaded data set. Raises ``DatasetNotFound``, ``DatasetUnavailable``."""
        return self._uploads.show(name)

    def check_upload(self, name: str, replace: bool) -> None:
        """Checks an upload before its files are unpacked. Raises ``InvalidRequest``,
        ``Conflict``."""
        self._uploads.check(name, replace)

    def previous_teraflops(self, limit: int | None = None) -> list[dict[str, dict[str, float]]]:
        """The latest, oldest first. Raises ``NoTrainingSessions`` before the first has ended."""
        entries = self._book.log.sessions(limit)
        if not entries:
            raise NoTrainingSessions("No previous training sessions found")
        return [entry.values["devices"] for entry in entries]

    def _page(self, wanted: LogFilter, after: int | None, limit: int) -> dict[str, Any]:
        page = self._book.log.page(wanted, after, limit)
        events = [shown_entry(entry) for entry in page.entries]
        return {"events": events, "next_after": page.next_after}

    def begin_request(self, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The answer of this same request if it was finished before."""
        answer = self._book.store.begin_request(key, fingerprint)
        return None if answer is None else answer.value

    def do_request(self, key: str, method: str, arguments: dict[str, Any]) -> Any:
        """Calls the method for the request begun under ``key``, and returns its result. It is done
        only once: the result is saved together with the change, and a retry gets it again."""
        with self._book.store.doing(key) as before:
            return getattr(self, method)(**arguments) if before is None else before.value

    def finish_request(self, key: str, answer: dict[str, Any]) -> None:
        """Keeps the answer."""
        self._book.store.finish_request(key, answer)

    def drop_request(self, key: str) -> None:
        """Forgets a refused request, so that it may be sent again."""
        self._book.store.drop_request(key)

    def _weights_of(self, job_id: str, checkpoint_id: str | None) -> Weights:
        """The weights of that checkpoint, or of the newest. Raises ``NotFound``,
        ``NoTrainedWeights``, ``CheckpointDamaged``."""
        if checkpoint_id is None:
            return self._trained(job_id)
        lineage = self._book.get(job_id).lineage
        return self._checkpoints.load(lineage, checkpoint_id).state.weights

    def _trained(self, job_id: str) -> Weights:
        while True:
            job = self._book.get(job_id)
            with self._lock:
                lineage, unsaved = job.lineage, job.unsaved
            if unsaved is not None:
                return unsaved.state.weights
            try:
                loaded = self._checkpoints.load_latest(lineage)
            except CheckpointDamaged:
                if self._has_lineage(job_id, lineage):
                    raise
                continue
            if loaded is not None:
                return loaded.state.weights
            if self._has_lineage(job_id, lineage):
                raise NoTrainedWeights(
                    f"Job {job_id} is {job.status.value} and has no trained weights yet: train it "
                    f"first with POST /api/network/train/{job_id}"
                )

    def _has_lineage(self, job_id: str, lineage: Lineage) -> bool:
        """False if the job was initialized or trained meanwhile. Raises ``JobNotFound``."""
        return self._book.get(job_id).lineage == lineage


def _people_read(kinds: str | None, job_id: str | None = None) -> LogFilter:
    """What has a text, if no ``kinds`` are asked for."""
    if kinds is None:
        return LogFilter(job_id, only_events=True)
    return LogFilter(job_id, tuple(kinds.split(",")))


def _name_of(info: CheckpointInfo) -> str:
    """Another one for another checkpoint of the job, also of the same step."""
    return f"{info.checkpoint_id} of {info.created_at}"
