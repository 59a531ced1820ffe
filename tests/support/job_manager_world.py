"""A JobManager with all that is below it in this process, on nodes that can be lost."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.core.folders import Folders
from actors.core.sources.registry import SourceSpec
from actors.core.sources.samples import Samples
from actors.loop.reports import Seen
from orchestrator.data import source_tasks
from orchestrator.errors import NoTrainedWeights, NoTrainingSessions
from orchestrator.job_manager import JobManager
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.models.trained_model import model_file
from orchestrator.sessions import session_watch
from orchestrator.sessions.members import device_choice, newcomers
from tests.support.in_process_ray import FIRST_PORT, Actor, InProcessRay, node_id_of

ANSWER_TIMEOUT_S = 10.0
VOLATILE = (
    "status",
    "progress",
    "history",
    "num_epochs",
    "device_stats",
    "plan",
    "layers",
    "spares",
    "data",
)
_read_once = functools.cache(source_tasks.read_source)
_read = source_tasks.read_source


class _Host:
    """Stands for the JobManager's actor, for a stage that trains alone."""

    def __init__(self, manager: JobManager) -> None:
        self.keep_copy = manager.keep_copy


class JobManagerWorld:
    """One JobManager after another on the same storage; node 0 is theirs."""

    def __init__(self, num_nodes: int, look_interval_s: float = float("inf")) -> None:
        """A session looks for newcomers that often; by default they are not taken in."""
        self._cleanup = contextlib.ExitStack()
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory())
        self.storage_path = Path(folder)
        self._config = ManagerConfig(folder, folder, (folder,), channel="actor_calls")
        self.ray = InProcessRay(num_nodes)
        self._cleanup.enter_context(self.ray.installed())
        self._cleanup.enter_context(_quick(look_interval_s))
        self.manager = self._start()

    def _start(self) -> JobManager:
        manager = JobManager(self._config)
        self.ray.current = Actor(_Host, (manager,), node_id_of(0), "job_manager", {})
        return manager

    @property
    def storage(self) -> Path:
        """Database and checkpoints; also where data sets are looked for."""
        return Path(self._config.storage_path)

    def restart(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """The process ends: nothing of it is written any more, and its actors go along."""
        for job in self.manager._book.all():
            self.manager._book.flush(job)  # what is shown is on its way to the disk
        self.manager._book.store.close()
        for job in self.manager.list_jobs():
            self.manager._desk.abandon(job["job_id"])
        self.ray.end_actors()
        meanwhile()
        self.manager = self._start()

    def close(self) -> None:
        """Nothing is left."""
        for job in self.manager.list_jobs():
            self.manager.delete_job(job["job_id"], force=True)
        self.manager._book.store.close()
        self._cleanup.close()

    def shown(self, job_id: str) -> dict[str, Any]:
        """All that the API shows of a job, but what changes while it trains."""
        job = self.manager.get_job(job_id)
        if job["status"] in ("training", "recovering"):
            return {name: value for name, value in job.items() if name not in VOLATILE}
        more: dict[str, Any] = {"events": self.manager.list_events(job_id)["events"]}
        more["checkpoints"] = self.manager.list_checkpoints(job_id)
        more["steps"] = self.manager.list_steps(job_id)
        with contextlib.suppress(NoTrainedWeights):
            more["model"] = self.model(job_id)
        return {**job, **more}

    def model(self, job_id: str) -> bytes:
        """The file of its trained weights."""
        return b"".join(model_file(self.manager.get_model(job_id)))

    def assert_still(self, before: Mapping[str, dict[str, Any]]) -> None:
        """``shown`` of these jobs has not changed."""
        for job_id, shown in before.items():
            now = self.shown(job_id)
            differs = {n: (v, now.get(n)) for n, v in shown.items() if now.get(n) != v}
            assert (differs, now.keys()) == ({}, shown.keys())

    def teraflops(self) -> list[Any]:
        """The TFLOPs of every session so far."""
        with contextlib.suppress(NoTrainingSessions):
            return list(self.manager.previous_teraflops())
        return []

    def actors(self, job_id: str) -> Sequence[Actor]:
        """The job's LayerActors, stage 0's first."""
        prefix = f"job-{job_id}-"
        return [a for a in self.ray.actors if a.is_alive and a.name.startswith(prefix)]

    def group(self, job_id: str) -> str:
        """The name of the job's LayerActors' group."""
        return next((a.name.partition("-stage-")[0] for a in self.actors(job_id)), "")

    def holders(self) -> dict[int, str]:
        """The job that holds a node, by node."""
        held = self.manager._table.holders()
        return {port - FIRST_PORT: job_id for (_, port), job_id in held.items()}

    def has_a_session(self, job_id: str) -> bool:
        """One is under way, or just coming to its end."""
        return job_id in self.manager._desk._running

    def trains(self, job_id: str) -> bool:
        """All stages of its plan have done a step in this generation."""
        job = self.manager.get_job(job_id)
        answers = [actor.poll.remote(Seen()) for actor in self.actors(job_id)]
        with contextlib.suppress(Exception):  # an actor may just be ended
            reports = [answer.result(ANSWER_TIMEOUT_S) for answer in answers]
            done = [report is not None and report.progress.step > 0 for report in reports]
            return job["status"] == "training" and len(done) == len(job["layers"]) and all(done)
        return False


def _read_digits_once(spec: SourceSpec, folders: Folders, max_bytes: int) -> Samples:
    """Files of others may change."""
    return (_read_once if spec.name == "digits" else _read)(spec, folders, max_bytes)


@contextlib.contextmanager
def _quick(look_interval_s: float) -> Iterator[None]:
    """Shortens waits that use the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_tasks, "read_source", _read_digits_once)
        patch.setattr(session_watch, "POLL_INTERVAL_S", 0.01)
        patch.setattr(device_choice, "WAIT_INTERVAL_S", 0.02)
        patch.setattr(newcomers, "LOOK_INTERVAL_S", look_interval_s)
        yield
