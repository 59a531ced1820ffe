"""The store. It survives restarts of the gateway, the JobManager and the whole cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import BaseFileLock
from sqlalchemy import Connection

from orchestrator.files.file_systems import network_mount, network_text
from orchestrator.store import job_rows
from orchestrator.store.database import Database
from orchestrator.store.log import log_losses, log_pages, log_rows, log_thinning
from orchestrator.store.log.entries import LogEntry, LogFilter, LogPart, LogView, Place
from orchestrator.store.records import JobRecord, StoredAnswer
from orchestrator.store.requests import request_rows
from orchestrator.store.requests.requests_under_way import RequestsUnderWay, current_key
from orchestrator.store.schema import upgrade
from orchestrator.store.storage_errors import explained
from orchestrator.store.storage_lock import lock_storage

FILE_NAME = "tandem.db"
WAL = "wal"
SEQS_OF_AN_OPENING = 10**10
"""No JobManager uses so many. JSON's numbers stay exact for 900,000 openings."""
EVERYTHING = LogPart(after=())


class JobStore:
    """Everything that the JobManager must not forget, in ``tandem.db`` under the storage path.

    Any thread may call it. Each method that writes is one transaction, which is on the disk when
    the method returns. It raises ``StoreFenced`` once a newer JobManager has opened the store. All
    methods raise ``StorageUnavailable``; once its cause is gone, the store can be used again.
    """

    def __init__(self, database: Database, lock: BaseFileLock) -> None:
        self._database = database
        self._lock = lock
        self._under_way = RequestsUnderWay()
        self.notes = _notes(database)
        self.writer_epoch = database.claim()

    @classmethod
    def open(cls, storage_path: Path, owner: str, lock_timeout_s: float = 15.0) -> JobStore:
        """Takes the lock, brings the tables up to date and fences earlier writers.

        If another process is refused, its error names ``owner``, such as "the JobManager of the
        cluster at 192.168.1.5:6379". Raises ``StorageUnavailable`` if the lock is not free within
        ``lock_timeout_s``, or if the folder or the file can't be used.
        """
        file = storage_path / FILE_NAME
        with explained(file):
            lock = lock_storage(storage_path, owner, lock_timeout_s)
        database = Database(file)
        try:
            upgrade(database)
            store = cls(database, lock)
        except BaseException:
            database.close()
            lock.release()
            raise
        return store

    def close(self) -> None:
        """Waits for the write under way, then frees the store for the next process."""
        self._database.close()
        self._lock.release()

    # Jobs

    def load_jobs(self) -> list[JobRecord]:
        """Every job, oldest first."""
        with self._database.read() as connection:
            return job_rows.read_jobs(connection)

    def next_job_number(self) -> int:
        """The number for the next job. No job ever had it. ``add_job`` uses it up."""
        with self._database.read() as connection:
            return job_rows.read_next_number(connection)

    def add_job(self, record: JobRecord, result: StoredAnswer | None = None) -> None:
        """Adds the job and uses up its number. Raises ``Conflict`` if there is such a job.
        ``result`` is that of the request that is ``doing`` this; the same transaction saves it."""
        with self._database.write() as connection:
            job_rows.insert_job(connection, record)
            _note_effect(connection, result)

    def save_job(
        self,
        *records: JobRecord,
        told: Sequence[LogEntry] = (),
        result: StoredAnswer | None = None,
    ) -> None:
        """Replaces the jobs with their devices, stages and sessions, all or none. ``told`` goes to
        the log in the same transaction. Raises ``JobNotFound``. ``result`` is as in ``add_job``."""
        with self._database.write() as connection:
            for record in records:
                job_rows.replace_job(connection, record)
            log_rows.append(connection, told)
            _note_effect(connection, result)

    def delete_job(self, job_id: str) -> None:
        """Deletes the job with everything that belongs to it, except the figures of its sessions.
        Raises ``JobNotFound``."""
        with self._database.write() as connection:
            job_rows.delete_job(connection, job_id)
            log_rows.forget(connection, job_id)

    # The log

    def append_log(self, entries: Sequence[LogEntry]) -> None:
        """Raises ``JobNotFound``."""
        with self._database.write() as connection:
            log_rows.append(connection, entries)

    def load_log(self, job_id: str, view: LogView, part: LogPart = EVERYTHING) -> list[LogEntry]:
        """Entries in the view's order, without those that were taken back. Empty for an unknown
        job."""
        with self._database.read() as connection:
            return log_rows.read(connection, job_id, view, part)

    def load_counted(self, job_id: str, view: LogView, part: LogPart) -> tuple[list[LogEntry], int]:
        """Like ``load_log``, and the number of entries in the whole view."""
        with self._database.read() as connection:
            found = log_rows.read(connection, job_id, view, part)
            return found, log_rows.count(connection, job_id, view, replace(part, after=None))

    def load_page(
        self, wanted: LogFilter, after: int | None, end: int, limit: int
    ) -> list[LogEntry]:
        """As it was told; see ``log_pages.read_page``."""
        with self._database.read() as connection:
            return log_pages.read_page(connection, wanted, after, end, limit)

    def load_extremes(
        self, job_id: str, bounds: Sequence[Place], before_seq: int | None
    ) -> list[LogEntry]:
        """Steps; see ``log_losses.read_extremes``."""
        with self._database.read() as connection:
            return log_losses.read_extremes(connection, job_id, bounds, before_seq)

    def load_place_after(self, job_id: str, seq: int) -> Place:
        """See ``log_losses.read_place_after``."""
        with self._database.read() as connection:
            return log_losses.read_place_after(connection, job_id, seq)

    def load_last_steps(self, job_id: str, epochs: Sequence[int], part: LogPart) -> dict[int, int]:
        """See ``log_losses.read_last_steps``."""
        with self._database.read() as connection:
            return log_losses.read_last_steps(connection, job_id, epochs, part)

    def load_sessions(self, limit: int | None = None) -> list[LogEntry]:
        """The figures of the latest ``limit`` sessions, or of all, oldest first. Includes sessions
        of deleted jobs."""
        with self._database.read() as connection:
            return log_rows.read_sessions(connection, limit)

    def thin_log(self, job_id: str) -> None:
        """Drops old steps by the rule of ``log_thinning``. Others may write in between."""
        with self._database.read() as connection:
            doomed = log_thinning.doomed_steps(connection, job_id)
        for steps in doomed:
            is_going_on = True
            while is_going_on:
                with self._database.write() as connection:
                    is_going_on = log_thinning.delete_some(connection, steps)

    def next_seq(self) -> int:
        """The number for the next entry of the log. No entry ever had it, or a later one. Each
        opening begins a range of its own, because some numbers of the last opening may have been
        given to entries that never reached the disk."""
        with self._database.read() as connection:
            return max(log_rows.next_seq(connection), self.writer_epoch * SEQS_OF_AN_OPENING)

    # Requests with an Idempotency-Key

    def begin_request(self, key: str, fingerprint: str) -> StoredAnswer | None:
        """Returns None if the request has to be done now, or the answer that it got before.

        Raises ``InvalidRequest`` if the key was used with another fingerprint, and ``Conflict`` if
        the request is under way. Keys are kept for a day, 10,000 at most.
        """
        with self._database.write() as connection:
            answer = request_rows.begin(connection, key, fingerprint, self.writer_epoch)
            if answer is None:
                self._under_way.begin(key)
        return answer

    @contextmanager
    def doing(self, key: str) -> Iterator[StoredAnswer | None]:
        """Marks the request as being done by this thread. Gives its result if it took effect
        before, and otherwise None.

        Raises ``Conflict`` if another thread does it, or if it was given up meanwhile.
        """
        with self._under_way.doing(key):
            with self._database.read() as connection:
                before = request_rows.read_effect(connection, key)
            yield before

    def finish_request(self, key: str, value: Any) -> None:
        """Saves the request's answer, which must fit JSON. A retry gets the same."""
        with self._database.write() as connection:
            request_rows.finish(connection, key, value)
        self._under_way.end(key)

    def drop_request(self, key: str) -> None:
        """Forgets a refused request, so that a retry may try again. No effect while it is being
        done."""
        with self._database.write() as connection:
            if self._under_way.is_done_now(key):
                return
            request_rows.drop(connection, key)
        self._under_way.end(key)


def _notes(database: Database) -> list[str]:
    """Sentences about the storage that its owner should know."""
    notes = []
    if (mount := network_mount(database.file)) is not None:
        notes.append(f"The store {database.file} {network_text(mount)}")
    if (mode := database.journal_mode()) != WAL:
        notes.append(
            f"The store {database.file} can't have a write-ahead log (SQLite uses {mode!r}), so "
            "reads wait for writes. Choose a --storage-path on a disk of the gateway's host"
        )
    return notes


def _note_effect(connection: Connection, result: StoredAnswer | None) -> None:
    key = current_key.get()
    if key is not None and result is not None:
        request_rows.take_effect(connection, key, result.value)
