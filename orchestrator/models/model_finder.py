"""Finds the model that a job has trained, while the job may be trained on or begun anew."""

from __future__ import annotations

from dataclasses import replace

from actors.core.stages.stage import Weights
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.checkpoints.manifest import CheckpointInfo
from orchestrator.errors import CheckpointDamaged, NoTrainedWeights
from orchestrator.jobs.job_book import JobBook
from orchestrator.models.model_io import facts_of, trained_model
from orchestrator.models.trained_model import ModelFacts, TrainedModel


class ModelFinder:
    """Looks for a job's trained weights in memory and among its checkpoints. Every method takes the
    checkpoint's id, or None for the newest weights."""

    def __init__(self, book: JobBook, checkpoints: CheckpointStore) -> None:
        self._book = book
        self._checkpoints = checkpoints

    def facts(self, job_id: str, checkpoint_id: str | None) -> ModelFacts:
        """Reads no weights, but raises the errors of ``load``."""
        job = self._book.get(job_id)
        with self._book.lock:
            lineage, unsaved = job.lineage, job.unsaved
        if checkpoint_id is not None:
            newest = _name_of(self._checkpoints.find(lineage, checkpoint_id))
        elif unsaved is not None:
            newest = f"session {unsaved.session}, step {unsaved.total_steps}"
        elif infos := self._checkpoints.list(lineage):
            newest = _name_of(infos[0])
        else:
            self._newest_weights(job_id)
            newest = ""
        weights_id = f"{job.identity} {lineage.folders}: {newest}" if newest else ""
        return replace(facts_of(job.spec), weights_id=weights_id)

    def checkpoint(self, job_id: str, checkpoint_id: str | None) -> CheckpointInfo | None:
        """The checkpoint that the weights lie in; None if they are in none. Raises ``NotFound``."""
        job = self._book.get(job_id)
        if checkpoint_id is not None:
            return self._checkpoints.find(job.lineage, checkpoint_id)
        found = [] if job.unsaved else self._checkpoints.list(job.lineage)
        return found[0] if found else None

    def load(self, job_id: str, checkpoint_id: str | None) -> TrainedModel:
        """Raises what ``weights`` raises."""
        weights = self.weights(job_id, checkpoint_id)
        return trained_model(self._book.get(job_id).spec, weights)

    def weights(self, job_id: str, checkpoint_id: str | None) -> Weights:
        """Raises ``NotFound``, ``NoTrainedWeights``, ``CheckpointDamaged``."""
        if checkpoint_id is None:
            return self._newest_weights(job_id)
        lineage = self._book.get(job_id).lineage
        return self._checkpoints.load(lineage, checkpoint_id).state.weights

    def _newest_weights(self, job_id: str) -> Weights:
        while True:
            job = self._book.get(job_id)
            with self._book.lock:
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


def _name_of(info: CheckpointInfo) -> str:
    """Another one for another checkpoint of the job, also of the same step."""
    return f"{info.checkpoint_id} of {info.created_at}"
