"""Every job, in memory and in the store: what is changed here is saved, or not changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import (
    Conflict,
    JobBroken,
    JobNotFound,
    StorageUnavailable,
    StoreFenced,
)
from orchestrator.jobs.broken_job import BrokenJob
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_draft import JobDraft
from orchestrator.jobs.job_records import from_record, to_record
from orchestrator.store.job_store import JobStore
from orchestrator.store.outbox import Entry, Outbox
from orchestrator.store.records import EventRecord, StepRecord, StoredAnswer


class JobBook:
    """``lock`` guards the jobs in memory and is never held while the store is read or written:
    who reads a job does not wait for a disk."""

    def __init__(self, storage_path: Path, owner: str) -> None:
        """Raises ``StorageUnavailable``."""
        self.lock = threading.RLock()
        self.store = JobStore.open(storage_path, owner)
        self._outbox = Outbox(self.store)
        records = self.store.load_jobs()
        jobs = [from_record(r, self.store.load_epochs(r.job_id)) for r in records]
        self._jobs = {job.job_id: job for job in jobs if isinstance(job, Job)}
        self._broken = {job.job_id: job for job in jobs if isinstance(job, BrokenJob)}

    def get(self, job_id: str, message: str = "Job not found") -> Job:
        """Raises ``JobNotFound``, ``JobBroken``."""
        with self.lock:
            if job_id in self._broken:
                raise JobBroken(f"Job {job_id} is broken. {self._broken[job_id].reason}")
            if job_id not in self._jobs:
                raise JobNotFound(message)
            return self._jobs[job_id]

    def all(self) -> list[Job]:
        """Oldest first."""
        with self.lock:
            return sorted(self._jobs.values(), key=lambda job: int(job.job_id))

    def broken(self) -> list[BrokenJob]:
        """Those that can't be read."""
        with self.lock:
            return list(self._broken.values())

    def find_broken(self, job_id: str) -> BrokenJob | None:
        """None of one that can be read, or is unknown."""
        with self.lock:
            return self._broken.get(job_id)

    def add(self, make: Callable[[str], Job]) -> Job:
        """The next job, made with its id; ids are never used again. Raises
        ``StorageUnavailable``, and then there is no such job."""
        while True:
            job = make(str(self.store.next_job_number()))
            try:
                self.store.add_job(to_record(job), StoredAnswer(job.job_id))
            except Conflict:
                continue  # another one that came at the same time has taken this number
            with self.lock:
                self._jobs[job.job_id] = job
            return job

    def delete(self, job_id: str) -> None:
        """From the disk; ``forget`` comes when nothing of it is left. Raises
        ``StorageUnavailable``, and then the job is still there."""
        self.store.delete_job(job_id)

    def forget(self, job_id: str) -> None:
        """A job that was deleted is shown no more."""
        with suppress(StorageUnavailable):
            self._outbox.flush(job_id)  # what outlives it: its TFLOPs
        with self.lock:
            del (self._broken if job_id in self._broken else self._jobs)[job_id]
        self._outbox.discard(job_id)

    @contextmanager
    def changing(
        self, *jobs: Job, result: Any = None, forget_history: bool = False
    ) -> Iterator[list[Job]]:
        """Gives drafts of the jobs to the block, which changes them and waits for nothing. What it
        changed is saved, after all that happened before, and then seen: of all of them or of none.

        ``result`` is what the JobManager's method returns: a request sent twice gets it again.
        ``forget_history``: the weights are drawn anew. Raises ``StorageUnavailable``.
        """
        with self._alone(jobs):
            with self._settled(jobs):
                drafts = [JobDraft(job) for job in jobs]
                yield [draft.job for draft in drafts]
                records = [to_record(draft.job) for draft in drafts]
            self.store.save_job(
                *records, forget_history=forget_history, result=StoredAnswer(result)
            )
            with self.lock:
                for job, draft in zip(jobs, drafts, strict=True):
                    draft.publish()
                    if not self._outbox.is_empty(job.job_id):
                        self.try_save(job)  # a session goes on: what it put knows no change yet

    def check_writable(self, job: Job) -> None:
        """Before something is ended for a change that is saved later: raises
        ``StorageUnavailable`` where it would be refused now."""
        with self._alone([job]):
            with self._settled([job]):
                record = to_record(job)
            self.store.save_job(record)

    def flush(self, job: Job) -> None:
        """Waits until all that happened to the job is saved. Raises ``StorageUnavailable``."""
        self._outbox.flush(job.job_id)

    def settle(self, job: Job) -> None:
        """The same, unless the storage refuses it; large weights may take long. Not for a thread
        that others wait for."""
        while self.unsaved_because(job) is None and not self._outbox.is_empty(job.job_id):
            try:
                self.flush(job)
            except StoreFenced:
                raise
            except StorageUnavailable:
                continue  # it is told as the job's trouble, or a write under way takes long

    def note(self, job: Job, kind: str, text: str) -> None:
        """An event, to be saved as soon as that can be."""
        with self.lock:
            if job.job_id in self._jobs:
                self._outbox.note(job.job_id, kind, text)

    def try_save(self, job: Job) -> None:
        """For what has happened already: the change stays, and is saved as soon as that can be."""
        with self.lock:
            record = to_record(job)
            self._put(job, Entry(lambda: self.store.save_job(record), "job"))

    def add_results(
        self, job: Job, epochs: Sequence[dict[str, Any]], steps: Sequence[StepRecord]
    ) -> None:
        """Of a session; saved as soon as that can be."""
        self.write(job, lambda: self.store.add_results(job.job_id, epochs, steps))

    def take_back_results(self, job: Job, epoch: int, step: tuple[int, int]) -> None:
        """Of the last session: a roll-back has undone the epochs after that one, and the steps
        after ``step`` (epoch, step)."""
        with self.lock:
            session = job.sessions[-1]
            session.history = [known for known in session.history if known["epoch"] <= epoch]
        self.write(job, lambda: self.store.take_back_results(job.job_id, epoch, step))
        self.settle(job)  # who reads them from the disk is not to see more

    def write(self, job: Job, write: Callable[[], object]) -> None:
        """Does that, in another thread, once all that happened to the job before is saved: where
        the storage refuses, as soon as it does not. ``write`` must not take the book's lock."""
        self._put(job, Entry(write))

    def unsaved_because(self, job: Job) -> str | None:
        """Why the latest of the job is not on the disk; None where it is, or is in a moment."""
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

    def _put(self, job: Job, entry: Entry) -> None:
        with self.lock:
            if job.job_id in self._jobs:  # else it was deleted
                self._outbox.put(job.job_id, entry)

    @contextmanager
    def _alone(self, jobs: Sequence[Job]) -> Iterator[None]:
        with ExitStack() as held:
            for job in jobs:
                held.enter_context(self._outbox.alone(job.job_id))
            yield

    @contextmanager
    def _settled(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Holds the lock, in a moment in which all that happened to the jobs is saved."""
        while True:
            for job in jobs:
                self._outbox.flush(job.job_id)
            with self.lock:
                if all(self._outbox.is_empty(job.job_id) for job in jobs):
                    yield
                    return
