"""Every job, in memory and in the store: what is changed here is saved, or not changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.errors import JobNotFound, StorageUnavailable, StoreFenced
from orchestrator.job import Job
from orchestrator.job_records import from_record, to_record
from orchestrator.store.job_store import JobStore
from orchestrator.store.records import EventRecord, StepRecord

logger = logging.getLogger(__name__)


class JobBook:
    """Guarded by ``lock``, which may be held for a write to the store, and for nothing longer."""

    def __init__(self, storage_path: Path, owner: str) -> None:
        """Raises ``StorageUnavailable``."""
        self.lock = threading.RLock()
        self.store = JobStore.open(storage_path, owner)
        records = self.store.load_jobs()
        jobs = [from_record(r, self.store.load_epochs(r.job_id)) for r in records]
        self._jobs = {job.job_id: job for job in jobs}

    def get(self, job_id: str, message: str = "Job not found") -> Job:
        """Raises ``JobNotFound``."""
        with self.lock:
            if job_id not in self._jobs:
                raise JobNotFound(message)
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """Oldest first."""
        with self.lock:
            return list(self._jobs.values())

    def next_id(self) -> str:
        """Of the next job; ids are never used again."""
        return str(self.store.next_job_number())

    def add(self, job: Job) -> None:
        """Raises ``StorageUnavailable``, and then there is no such job."""
        with self.lock:
            self.store.add_job(to_record(job))
            self._jobs[job.job_id] = job

    def delete(self, job_id: str) -> None:
        """Raises ``StorageUnavailable``, and then the job is still there."""
        with self.lock:
            self.store.delete_job(job_id)
            del self._jobs[job_id]

    @contextmanager
    def changing(self, job: Job) -> Iterator[None]:
        """Saves what the block changed; raises ``StorageUnavailable`` with nothing changed."""
        with self.lock, job.undone_on_error():
            yield
            self._save(job)

    def forget_history(self, job: Job) -> None:
        """The weights were drawn anew."""
        self.store.clear_history(job.job_id)

    def note(self, job: Job, kind: str, text: str) -> None:
        """An event; a full disk does not stop what it tells of."""
        with _tolerated(f"job {job.job_id}: {kind}: {text}"):
            self.store.add_event(job.job_id, kind, text)

    def try_save(self, job: Job) -> bool:
        """For what has happened already: the change stays, and is saved with the next one."""
        with self.lock, _tolerated(f"job {job.job_id} was not saved"):
            self._save(job)
            return True
        return False

    def try_add(
        self, job: Job, epochs: Sequence[dict[str, Any]], steps: Sequence[StepRecord]
    ) -> bool:
        """Results of a session; False when they have to be tried again."""
        with _tolerated(f"results of job {job.job_id} were not saved"):
            if epochs:
                self.store.add_epochs(job.job_id, epochs)
            if steps:
                self.store.add_steps(job.job_id, steps)
            return True
        return False

    def events(self, job_id: str) -> list[EventRecord]:
        """Oldest first."""
        return self.store.load_events(self.get(job_id).job_id)

    def _save(self, job: Job) -> None:
        if job.job_id in self._jobs:  # not deleted meanwhile
            self.store.save_job(to_record(job))


@contextmanager
def _tolerated(what: str) -> Iterator[None]:
    try:
        yield
    except StoreFenced:
        raise  # another JobManager has taken over: this one is to change nothing any more
    except (StorageUnavailable, JobNotFound) as error:
        logger.warning("%s: %s", what, error.message)
