"""Answers questions about jobs, their models and what a job may be made of. None of them changes a
job."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import Any

import ray

from actors.core.sources.registry import sources
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.data.dataset_desk import DatasetDesk
from orchestrator.data.datasets import DatasetStore
from orchestrator.errors import IllegalTransition, JobBroken, JobNotFound
from orchestrator.exports.training_record import training_record
from orchestrator.jobs.broken_job import BrokenJob
from orchestrator.jobs.figures.comparison import comparison
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_plans import plan_in_force
from orchestrator.jobs.metrics import shown_epoch
from orchestrator.models.evaluation_plan import USUAL_WORST, plan_evaluation
from orchestrator.models.model_config import architectures, layer_kinds
from orchestrator.models.model_finder import ModelFinder
from orchestrator.models.trained_model import ModelFacts, TrainedModel
from orchestrator.observing.job_figures import all_figures

MAX_TOLD_EPOCHS = 10_000


class JobReader:
    """The part of the JobManager that reads jobs."""

    def __init__(
        self,
        book: JobBook,
        checkpoints: CheckpointStore,
        datasets: DatasetStore,
        uploads: DatasetDesk,
    ) -> None:
        self._book = book
        self._lock = book.lock
        self._checkpoints = checkpoints
        self._datasets = datasets
        self._uploads = uploads
        self._models = ModelFinder(book, checkpoints)

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

    def figures(self) -> dict[str, Any]:
        """Of all jobs, for tools that ask again and again."""
        with self._lock:
            return all_figures(self._book.all(), self._book.broken())

    def describe_model(self, job_id: str, checkpoint: str | None = None) -> ModelFacts:
        """The facts of the model that ``get_model`` would return. Reads no weights, but raises the
        same errors."""
        return self._models.facts(job_id, checkpoint)

    def describe_training(self, job_id: str, checkpoint: str | None = None) -> dict[str, Any]:
        """How the model of ``get_model`` came to be: see ``training_record``. Raises
        ``NotFound``."""
        info = self._models.checkpoint(job_id, checkpoint)
        details = self.get_job(job_id, history_limit=MAX_TOLD_EPOCHS)
        spec = self._book.get(job_id).spec
        if info is None:
            return training_record(details, spec, None, None)
        return training_record(details, spec, info.to_json(), info.last_epoch)

    def get_model(self, job_id: str, checkpoint: str | None = None) -> TrainedModel:
        """The trained weights, of that checkpoint or the newest; raises ``NoTrainedWeights``,
        ``NotFound``."""
        return self._models.load(job_id, checkpoint)

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
