"""All jobs, in memory and in the store. A change here is either saved or not made."""

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
"""Takes back all steps and epochs so far."""


class JobBook:
    """All jobs. ``lock`` guards those in memory. It is never held while the store is read or
    written, so reading a job never waits for a disk. ``log`` has the jobs' stories."""

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
        """The jobs that this version can't read."""
        with self.lock:
            return list(self._broken.values())

    def find_broken(self, job_id: str) -> BrokenJob | None:
        """None if the job can be read, or is unknown."""
        with self.lock:
            return self._broken.get(job_id)

    def has(self, job_id: str) -> bool:
        """Whether there is such a job, broken or not."""
        with self.lock:
            return job_id in self._jobs or job_id in self._broken

    def add(self, make: Callable[[str], Job]) -> Job:
        """Adds the job that ``make`` returns for the next id. An id is never used twice. Raises
        ``StorageUnavailable``, and then adds nothing."""
        while True:
            job = make(str(self.store.next_job_number()))
            try:
                self.store.add_job(to_record(job), StoredAnswer(job.job_id))
            except Conflict:
                continue  # a request at the same time has taken this number
            with self.lock:
                self._jobs[job.job_id] = job
                self._told_status[job.job_id] = job.status.value
            return job

    def delete(self, job_id: str) -> None:
        """Deletes the job from the store. Call ``forget`` once its other parts are gone, too.
        Raises ``StorageUnavailable``, and then the job is still there."""
        self.store.delete_job(job_id)

    def forget(self, job_id: str) -> None:
        """Drops a deleted job from memory."""
        with suppress(StorageUnavailable):
            self._outbox.flush(job_id)  # its TFLOPs outlive it
        with self.lock:
            del (self._broken if job_id in self._broken else self._jobs)[job_id]
            del self._told_status[job_id]
        self._outbox.discard(job_id)

    @contextmanager
    def changing(
        self, *jobs: Job, result: Any = None, forget_history: bool = False
    ) -> Iterator[list[Job]]:
        """Gives drafts of the jobs to the block, which may change them but must not wait. After the
        block, all drafts are saved in one transaction, and only then do others see them. Everything
        that happened to the jobs before is saved first.

        ``result`` is what the JobManager's method returns; a request that is sent twice gets it
        again. ``forget_history`` says that new weights are drawn. Raises ``StorageUnavailable``.
        """
        new = [WEIGHTS_DRAWN] if forget_history else []
        with self._alone(jobs), self._outbox.numbering() as number:
            with self._settled(jobs):
                drafts = [JobDraft(job) for job in jobs]
                yield [draft.job for draft in drafts]
                records = [to_record(draft.job) for draft in drafts]
                entries = {r.job_id: [*new, *self._new_status(r)] for r in records}
                told = [e for job_id, own in entries.items() for e in number(job_id, own)]
            self.store.save_job(*records, told=told, result=StoredAnswer(result))
            with self.lock:
                self._note_told(told)
                for job, draft in zip(jobs, drafts, strict=True):
                    draft.publish()
                    if not self._outbox.is_empty(job.job_id):
                        self.try_save(job)  # a session goes on: what it put knows no change yet

    def check_writable(self, job: Job) -> None:
        """Tests that the store takes a change of the job now. Call it before ending something for a
        change that is saved later. Raises ``StorageUnavailable``."""
        with self._alone([job]):
            with self._settled([job]):
                record = to_record(job)
            self.store.save_job(record)

    def flush(self, job: Job) -> None:
        """Waits until all that happened to the job is saved. Raises ``StorageUnavailable``."""
        self._outbox.flush(job.job_id)

    def settle(self, job: Job) -> None:
        """Like ``flush``, but returns if the storage refuses. Large weights may take long, so no
        thread that others wait for should call it."""
        while self.unsaved_because(job) is None and not self._outbox.is_empty(job.job_id):
            try:
                self.flush(job)
            except StoreFenced:
                raise
            except StorageUnavailable:
                continue  # it is told as the job's trouble, or a write under way takes long

    def note(self, job: Job, kind: str, text: str) -> None:
        """Adds an event to the job's log; it is saved as soon as possible."""
        self.tell(job, NewEntry(kind, {"text": text}, is_event=True))

    def tell(self, job: Job, *new: NewEntry, soon: bool = True) -> None:
        """Adds entries to the job's log. They are saved as soon as possible; if not ``soon``, with
        the next thing that is saved."""
        with self.lock:
            if new and job.job_id in self._jobs:
                self._outbox.tell(job.job_id, *new, soon=soon)

    def try_save(self, job: Job) -> None:
        """Saves the job as soon as possible. The change stays even if the storage refuses it now,
        because it has already happened."""
        with self.lock:
            record = to_record(job)
            self.tell(job, *self._new_status(record), soon=False)
            self._told_status[job.job_id] = record.status
            self._put(job, Entry(lambda: self.store.save_job(record), "job"))

    def thin(self, job: Job) -> None:
        """Drops old steps, in another thread."""
        self.write(job, lambda: self.store.thin_log(job.job_id))

    def write(self, job: Job, write: Callable[[], object]) -> None:
        """Calls ``write`` in another thread, after everything that happened to the job before is
        saved. Repeats it while the storage refuses. ``write`` must not take the book's lock."""
        self._put(job, Entry(write))

    def unsaved_because(self, job: Job) -> str | None:
        """Why the job's latest state is not on the disk; None if it is, or will be in a moment."""
        return self._outbox.trouble(job.job_id)

    def _new_status(self, record: JobRecord) -> list[NewEntry]:
        """An entry for the job's status, unless the log has it already."""
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
        """Holds the lock at a moment when everything that happened to the jobs is saved."""
        while True:
            for job in jobs:
                self._outbox.flush(job.job_id)
            with self.lock:
                if all(self._outbox.is_empty(job.job_id) for job in jobs):
                    yield
                    return
