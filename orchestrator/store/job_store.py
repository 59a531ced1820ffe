"""The store: what survives a restart of the gateway, the JobManager and the whole cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import BaseFileLock

from orchestrator.store import job_rows, request_rows, result_rows
from orchestrator.store.database import Database
from orchestrator.store.records import EventRecord, JobRecord, StepRecord, StoredAnswer
from orchestrator.store.schema import upgrade
from orchestrator.store.storage_errors import explained
from orchestrator.store.storage_lock import lock_storage

FILE_NAME = "tandem.db"


class JobStore:
    """Everything the JobManager must not forget, in ``tandem.db`` under the storage path.

    Any thread may call. Each method that writes is one transaction, on the disk when it returns,
    and raises ``StoreFenced`` once a newer JobManager has opened the store. All raise
    ``StorageUnavailable``; the store can be used again when its cause is gone.
    """

    def __init__(self, database: Database, lock: BaseFileLock) -> None:
        self._database = database
        self._lock = lock
        self.writer_epoch = database.claim()

    @classmethod
    def open(cls, storage_path: Path, owner: str, lock_timeout_s: float = 15.0) -> JobStore:
        """Takes the lock, brings the tables up to date, fences whoever wrote before.

        ``owner`` says who has the store when another one is refused, such as "the JobManager of
        the cluster at 192.168.1.5:6379". Raises ``StorageUnavailable`` when the lock is not free
        within ``lock_timeout_s``, or the folder or the file can't be used.
        """
        file = storage_path / FILE_NAME
        with explained(file):
            lock = lock_storage(storage_path, owner, lock_timeout_s)
        database = Database(file)
        try:
            upgrade(database)
            store = cls(database, lock)
            with database.write() as connection:
                request_rows.purge(connection)
        except BaseException:
            database.close()
            lock.release()
            raise
        return store

    def close(self) -> None:
        """Waits for the write under way and lets the next one in; once is enough."""
        self._database.close()
        self._lock.release()

    # Jobs

    def load_jobs(self) -> list[JobRecord]:
        """Every job, oldest first."""
        with self._database.read() as connection:
            return job_rows.read_jobs(connection)

    def next_job_number(self) -> int:
        """The number for the next job; no job ever had it. ``add_job`` takes it."""
        with self._database.read() as connection:
            return job_rows.read_next_number(connection)

    def add_job(self, record: JobRecord) -> None:
        """Also takes its number. Raises ``Conflict`` when there is such a job."""
        with self._database.write() as connection:
            job_rows.insert_job(connection, record)

    def save_job(self, record: JobRecord) -> None:
        """Replaces the job, its devices, stages and sessions. Raises ``JobNotFound``."""
        with self._database.write() as connection:
            job_rows.replace_job(connection, record)

    def delete_job(self, job_id: str) -> None:
        """With all that belongs to it, but for its TFLOPs. Raises ``JobNotFound``."""
        with self._database.write() as connection:
            job_rows.delete_job(connection, job_id)

    # Results

    def clear_history(self, job_id: str) -> None:
        """Forgets epochs and steps: the weights were drawn anew."""
        with self._database.write() as connection:
            result_rows.delete_history(connection, job_id)

    def add_epochs(self, job_id: str, records: Sequence[dict[str, Any]]) -> None:
        """Adds epochs or replaces them, by ``epoch``. Raises ``JobNotFound``.

        Each has ``epoch``, ``session`` (int), ``train_loss``, ``val_loss``, ``val_accuracy``,
        ``samples_per_s`` (float).
        """
        with self._database.write() as connection:
            result_rows.upsert_epochs(connection, job_id, records)

    def load_epochs(self, job_id: str) -> list[dict[str, Any]]:
        """As they were added, in their order; none of an unknown job."""
        with self._database.read() as connection:
            return result_rows.read_epochs(connection, job_id)

    def add_steps(self, job_id: str, rows: Sequence[StepRecord]) -> None:
        """Adds steps or replaces them, by epoch and step. Raises ``JobNotFound``."""
        with self._database.write() as connection:
            result_rows.upsert_steps(connection, job_id, rows)

    def load_steps(
        self, job_id: str, after: tuple[int, int] = (0, 0), limit: int = 10_000
    ) -> list[StepRecord]:
        """The first ``limit`` steps beyond ``after`` (epoch, step), in their order."""
        with self._database.read() as connection:
            return result_rows.read_steps(connection, job_id, after, limit)

    def add_event(self, job_id: str, kind: str, text: str) -> EventRecord:
        """Notes what happened, as of now. Raises ``JobNotFound``."""
        with self._database.write() as connection:
            return result_rows.insert_event(connection, job_id, kind, text)

    def load_events(self, job_id: str) -> list[EventRecord]:
        """In their order; none of an unknown job."""
        with self._database.read() as connection:
            return result_rows.read_events(connection, job_id)

    def add_teraflops(
        self, job_id: str, run: int, session_index: int, devices: result_rows.DeviceTeraflops
    ) -> None:
        """A session's TFLOPs by device; written again, they replace what was there."""
        with self._database.write() as connection:
            result_rows.upsert_teraflops(connection, job_id, run, session_index, devices)

    def load_teraflops(self) -> list[result_rows.DeviceTeraflops]:
        """Of every session, oldest first, those of deleted jobs too."""
        with self._database.read() as connection:
            return result_rows.read_teraflops(connection)

    # Requests with an Idempotency-Key

    def begin_request(self, key: str, fingerprint: str) -> StoredAnswer | None:
        """None for a new request, which is now under way; else what it was answered.

        Raises ``InvalidRequest`` when the key was used with another fingerprint, ``Conflict`` when
        it is under way, or was when an earlier JobManager ended. Keys are kept for a day.
        """
        with self._database.write() as connection:
            return request_rows.begin(connection, key, fingerprint, self.writer_epoch)

    def finish_request(self, key: str, value: Any) -> None:
        """It was answered with ``value`` (fit for JSON): a retry gets the same."""
        with self._database.write() as connection:
            request_rows.finish(connection, key, value)

    def drop_request(self, key: str) -> None:
        """It was refused: a retry may try again."""
        with self._database.write() as connection:
            request_rows.drop(connection, key)
