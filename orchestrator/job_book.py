"""Every job, in memory and in the store: what is changed here is saved, or not changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import JobNotFound, StorageUnavailable, StoreFenced
from orchestrator.job import Job
from orchestrator.job_records import from_record, to_record
from orchestrator.store.job_store import JobStore
from orchestrator.store.outbox import Entry, Outbox
from orchestrator.store.records import EventRecord, StepRecord, StoredAnswer


class JobBook:
    """Guarded by ``lock``, which may be held for a write to the store, and for nothing longer."""

    def __init__(self, storage_path: Path, owner: str) -> None:
        """Raises ``StorageUnavailable``."""
        self.lock = threading.RLock()
        self.store = JobStore.open(storage_path, owner)
        self._outbox = Outbox(self.store)
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
            self.store.add_job(to_record(job), StoredAnswer(job.job_id))
            self._jobs[job.job_id] = job

    def delete(self, job_id: str) -> None:
        """Raises ``StorageUnavailable``, and then the job is still there."""
        with self.lock:
            self.store.delete_job(job_id)
            del self._jobs[job_id]
        self._outbox.discard(job_id)

    @contextmanager
    def changing(
        self, job: Job, result: Any = None, forget_history: bool = False
    ) -> Iterator[None]:
        """Saves what the block changed, which comes after all that happened before; raises
        ``StorageUnavailable`` with nothing changed.

        ``result`` is what the JobManager's method returns: a request sent twice gets it again.
        ``forget_history``: the weights are drawn anew.
        """
        self._outbox.flush(job.job_id)  # here nobody waits for the lock meanwhile
        with self.lock, job.undone_on_error():
            self._outbox.flush(job.job_id)
            yield
            if job.job_id in self._jobs:  # not deleted meanwhile
                self.store.save_job(to_record(job), forget_history, StoredAnswer(result))

    def note(self, job: Job, kind: str, text: str) -> None:
        """An event; a full disk does not stop what it tells of."""
        self._outbox.note(job.job_id, kind, text)
        self._try_flush(job)

    def try_save(self, job: Job) -> None:
        """For what has happened already: the change stays, and is saved as soon as that can be."""
        with self.lock:
            if job.job_id not in self._jobs:
                return
            record = to_record(job)
            self._outbox.put(job.job_id, Entry(lambda: self.store.save_job(record), "job"))
        self._try_flush(job)

    def add_results(
        self, job: Job, epochs: Sequence[dict[str, Any]], steps: Sequence[StepRecord]
    ) -> None:
        """Of a session; saved as soon as that can be."""

        def write() -> None:
            self.store.add_results(job.job_id, epochs, steps)

        self.write(job, write)

    def take_back_results(self, job: Job, epoch: int, step: tuple[int, int]) -> None:
        """Of the last session: a roll-back has undone the epochs after that one, and the steps
        after ``step`` (epoch, step)."""
        with self.lock:
            session = job.sessions[-1]
            session.history = [known for known in session.history if known["epoch"] <= epoch]
        self.write(job, lambda: self.store.take_back_results(job.job_id, epoch, step))

    def write(self, job: Job, write: Callable[[], object]) -> None:
        """Does that once all that happened to the job before is saved: now or, where the storage
        refuses, as soon as it does not. ``write`` must not take the book's lock."""
        self._outbox.put(job.job_id, Entry(write))
        self._try_flush(job)

    def unsaved_because(self, job: Job) -> str | None:
        """Why the latest of the job is not on the disk; None where it is."""
        return self._outbox.trouble(job.job_id)

    def events(
        self, job_id: str, after: int | None = None, limit: int = 10_000
    ) -> list[EventRecord]:
        """The first ``limit`` after that index, or the latest without one; oldest first, those that
        no disk has taken yet included."""
        job = self.get(job_id)
        waiting = self._outbox.events(job.job_id)
        latest = self.store.load_events(job.job_id, None, limit + len(waiting))
        known = {(e.at, e.kind, e.text) for e in latest}
        new = [e for e in waiting if (e.at, e.kind, e.text) not in known]
        next_index = latest[-1].index + 1 if latest else 0
        latest += [replace(event, index=next_index + i) for i, event in enumerate(new)]
        if after is None:
            return latest[-limit:]
        stored = self.store.load_events(job.job_id, after, limit)
        last = stored[-1].index if stored else after
        return [*stored, *(event for event in latest if event.index > last)][:limit]

    def _try_flush(self, job: Job) -> None:
        """What is known to be in trouble is tried again elsewhere: nobody waits for it here."""
        if self.unsaved_because(job) is None:
            with _tolerated():
                self._outbox.flush(job.job_id)


@contextmanager
def _tolerated() -> Iterator[None]:
    try:
        yield
    except StoreFenced:
        raise  # another JobManager has taken over: this one is to change nothing any more
    except StorageUnavailable:
        return  # the outbox tells, and tries again
