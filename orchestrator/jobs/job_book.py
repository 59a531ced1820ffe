"""Every job, in memory and in the store: what is changed here is saved, or not changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
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
from orchestrator.store.log.entries import ROLLED_BACK, STATUS, LogEntry, NewEntry
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.outbox import Entry, Outbox
from orchestrator.store.records import JobRecord, StoredAnswer

WEIGHTS_DRAWN = NewEntry(ROLLED_BACK, {}, 0, 0)
"""Nothing that was trained before counts any more."""


class JobBook:
    """``lock`` guards the jobs in memory and is never held while the store is read or written:
    who reads a job does not wait for a disk. ``log`` shows what happened to them."""

    def __init__(self, storage_path: Path, owner: str) -> None:
        """Raises ``StorageUnavailable``."""
        self.lock = threading.RLock()
        self.store = JobStore.open(storage_path, owner)
        self._outbox = Outbox(self.store)
        self.log = JobLog(self.store, self._outbox)
        records = self.store.load_jobs()
        self._told_status = {record.job_id: record.status for record in records}
        jobs = [from_record(record) for record in records]
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
                self._told_status[job.job_id] = job.status.value
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
            del self._told_status[job_id]
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
        new = [WEIGHTS_DRAWN] if forget_history else []
        with self._alone(jobs):
            with self._settled(jobs):
                drafts = [JobDraft(job) for job in jobs]
                yield [draft.job for draft in drafts]
                records = [to_record(draft.job) for draft in drafts]
                told = [e for r in records for e in self._numbered(r, new)]
            self.store.save_job(*records, told=told, result=StoredAnswer(result))
            with self.lock:
                self._note_told(told)
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
        self.tell(job, NewEntry(kind, {"text": text}, is_event=True))

    def tell(self, job: Job, *new: NewEntry, soon: bool = True) -> None:
        """What happened now, for the job's log; saved as soon as that can be, or not ``soon``, with
        what is saved next."""
        with self.lock:
            if new and job.job_id in self._jobs:
                self._outbox.tell(job.job_id, *new, soon=soon)

    def try_save(self, job: Job) -> None:
        """For what has happened already: the change stays, and is saved as soon as that can be."""
        with self.lock:
            record = to_record(job)
            self.tell(job, *self._new_status(record), soon=False)
            self._told_status[job.job_id] = record.status
            self._put(job, Entry(lambda: self.store.save_job(record), "job"))

    def thin(self, job: Job) -> None:
        """Old steps are forgotten, in another thread."""
        self.write(job, lambda: self.store.thin_log(job.job_id))

    def write(self, job: Job, write: Callable[[], object]) -> None:
        """Does that, in another thread, once all that happened to the job before is saved: where
        the storage refuses, as soon as it does not. ``write`` must not take the book's lock."""
        self._put(job, Entry(write))

    def unsaved_because(self, job: Job) -> str | None:
        """Why the latest of the job is not on the disk; None where it is, or is in a moment."""
        return self._outbox.trouble(job.job_id)

    def _numbered(self, record: JobRecord, new: Sequence[NewEntry]) -> list[LogEntry]:
        """What the log is told with a change, when nothing else of the job waits."""
        return self._outbox.number(record.job_id, [*new, *self._new_status(record)])

    def _new_status(self, record: JobRecord) -> list[NewEntry]:
        """Empty where the log knows it."""
        is_known = self._told_status.get(record.job_id) == record.status
        return [] if is_known else [NewEntry(STATUS, {"status": record.status})]

    def _note_told(self, told: Sequence[LogEntry]) -> None:
        self._told_status |= {e.job_id: e.values["status"] for e in told if e.kind == STATUS}

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
