"""Writes changes to the store in the order in which they happened, and repeats refused writes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from actors.background import Rounds
from orchestrator.errors import JobNotFound, StorageUnavailable, StoreFenced
from orchestrator.store.log.entries import LogEntry, NewEntry
from orchestrator.store.log.log_numbers import LogNumbers, NumberedLog

RETRY_S = 1.0
WRITING_TIMEOUT_S = 10.0
BUSY_TIMEOUT_S = 0.2

logger = logging.getLogger(__name__)

GiveNumbers = Callable[[str, Sequence[NewEntry]], list[LogEntry]]
"""From a job and what its log is to be told now to what is to be written."""


class LogWriter(NumberedLog, Protocol):
    """Where the log is kept."""

    def append_log(self, entries: Sequence[LogEntry]) -> None: ...


@dataclass(eq=False)
class Entry:
    """One write. ``write`` must take no lock of the caller. Waiting entries with the same
    ``replaces`` are dropped, because this one makes them needless. ``told`` is what it writes to
    the log; if it ``may_grow``, more is added until it is written."""

    write: Callable[[], object]
    replaces: str | None = None
    told: list[LogEntry] = field(default_factory=list)
    may_grow: bool = False


@dataclass(frozen=True)
class Waiting:
    """What no disk may have yet, of all jobs, in its order. What was told before ``end_seq`` is
    here or on the disk; of what came later, some may be in neither."""

    entries: list[LogEntry]
    end_seq: int


@dataclass(eq=False)
class _Queue:
    """The writes of one job that wait; ``trouble`` says why they can't be made."""

    writing: threading.RLock = field(default_factory=threading.RLock)
    entries: list[Entry] = field(default_factory=list)
    current: Entry | None = None
    has_writer: bool = False
    trouble: str | None = None
    since_s: float = 0.0

    def put(self, entry: Entry) -> None:
        if entry.replaces is not None:
            self.entries = [
                e for e in self.entries if e is self.current or e.replaces != entry.replaces
            ]
        self.entries.append(entry)

    def grow(self, told: Sequence[LogEntry]) -> bool:
        """Adds to the last entry. False if that one may not grow, or is being written."""
        last = self.entries[-1] if self.entries else None
        if last is None or not last.may_grow or last is self.current:
            return False
        last.told.extend(told)
        return True


class Outbox:
    """Has a queue for each job, so that the disk always holds a beginning of what happened. It also
    numbers the log's entries, so that those which are not on the disk yet have their place.

    Any thread may call it. Callers don't wait for the disk: each job has a thread that writes while
    there is something to write. It repeats a refused write every second. The job's events say when
    the trouble began and ended.
    """

    def __init__(self, store: LogWriter, retry_s: float = RETRY_S) -> None:
        """Raises ``StorageUnavailable``."""
        self._store = store
        self._retry_s = retry_s
        self._lock = threading.Lock()  # of the queues; never held while something is written
        self._queues: dict[str, _Queue] = {}
        self._fenced: StoreFenced | None = None
        self._numbers = LogNumbers(store)
        self._not_written: set[int] = set()
        """Numbers of what others write themselves."""

    def put(self, job_id: str, entry: Entry) -> None:
        """Queues a write behind all earlier ones. Raises ``StoreFenced`` once another JobManager
        has the store."""
        with self._lock:
            self._check_fence()
            queue = self._queues.setdefault(job_id, _Queue())
            queue.put(entry)
            start, queue.has_writer = not queue.has_writer, True
        if start:
            self._start_writer(job_id, queue)

    def tell(self, job_id: str, *new: NewEntry, soon: bool = True) -> None:
        """Queues entries for the job's log. If not ``soon``, they are written together with the
        next write, and with all other entries that wait until then."""
        with self._lock:
            self._check_fence()
            queue = self._queues.setdefault(job_id, _Queue())
            told = self._numbers.give(job_id, new)
            if soon or not queue.grow(told):
                entry = Entry(lambda: self._store.append_log(told), told=told, may_grow=not soon)
                queue.put(entry)
            start = soon and not queue.has_writer
            queue.has_writer = queue.has_writer or start
        if start:
            self._start_writer(job_id, queue)

    def note(self, job_id: str, kind: str, text: str) -> None:
        """Queues an event for the job's log."""
        self.tell(job_id, NewEntry(kind, {"text": text}, is_event=True))

    @contextmanager
    def numbering(self) -> Iterator[GiveNumbers]:
        """For a block that is ``alone`` with its jobs and writes itself what it numbers, before
        anything that is put later. Nobody is shown what was told since then before the block has
        ended."""
        given: list[int] = []

        def give(job_id: str, new: Sequence[NewEntry]) -> list[LogEntry]:
            with self._lock:
                numbered = self._numbers.give(job_id, new)
                given.extend(entry.seq for entry in numbered)
                self._not_written.update(given)
            return numbered

        try:
            yield give
        finally:
            with self._lock:
                self._not_written.difference_update(given)

    @contextmanager
    def alone(self, job_id: str) -> Iterator[None]:
        """Keeps all others from writing anything of the job. Raises ``StorageUnavailable`` if a
        write under way takes too long."""
        with self._lock:
            queue = self._queues.setdefault(job_id, _Queue())
        wait_s = WRITING_TIMEOUT_S if queue.trouble is None else BUSY_TIMEOUT_S
        if not queue.writing.acquire(timeout=wait_s):
            text = f"An earlier write of job {job_id} takes longer than {wait_s:g} s: try again"
            raise StorageUnavailable(queue.trouble or text)
        try:
            yield
        finally:
            queue.writing.release()

    def flush(self, job_id: str) -> None:
        """Makes all waiting writes in this thread. Raises ``StorageUnavailable`` if one is refused;
        that one and all behind it keep waiting."""
        with self.alone(job_id):
            while (found := self._next(job_id)) is not None:
                self._write(job_id, *found)

    def is_empty(self, job_id: str) -> bool:
        """True if no write waits."""
        with self._lock:
            queue = self._queues.get(job_id)
            return queue is None or not queue.entries

    def trouble(self, job_id: str) -> str | None:
        """Why the waiting writes can't be made, with path, cause and remedy; None if they can."""
        with self._lock:
            queue = self._queues.get(job_id)
            return None if queue is None else queue.trouble

    def waiting(self, job_id: str) -> list[LogEntry]:
        """The job's log entries that are not written yet, or are being written."""
        with self._lock:
            queue = self._queues.get(job_id, _Queue())
            return [told for entry in queue.entries for told in entry.told]

    def waiting_of_all(self) -> Waiting:
        """The same of every job, at one moment."""
        with self._lock:
            queued = (entry for queue in self._queues.values() for entry in queue.entries)
            told = [entry for put in queued for entry in put.told]
            end_seq = min([self._numbers.next_seq, *self._not_written])
        return Waiting(sorted(told, key=lambda entry: entry.seq), end_seq)

    def discard(self, job_id: str) -> None:
        """Drops the waiting writes of a deleted job. Waits for the write under way."""
        with self._lock:
            queue = self._queues.pop(job_id, None)
            if queue is None:
                return
            queue.entries, queue.trouble = [], None
        if queue.writing.acquire(timeout=WRITING_TIMEOUT_S):
            queue.writing.release()

    def _start_writer(self, job_id: str, queue: _Queue) -> None:
        name = f"outbox-job-{job_id}"
        threading.Thread(
            target=self._write_all, args=(job_id, queue), name=name, daemon=True
        ).start()

    def _check_fence(self) -> None:
        if self._fenced is not None:
            raise self._fenced

    def _next(self, job_id: str) -> tuple[_Queue, Entry] | None:
        """What is to be written now; None when everything is."""
        with self._lock:
            self._check_fence()
            queue = self._queues.get(job_id)
            if queue is None:
                return None
            queue.current = queue.entries[0] if queue.entries else None
            if queue.current is not None:
                return queue, queue.current
            if queue.trouble is None:
                return None
            queue.trouble = None
        lasted_s = time.monotonic() - queue.since_s
        self.note(job_id, "storage_back", f"Everything is saved again, after {lasted_s:.0f} s")
        return self._next(job_id)

    def _write(self, job_id: str, queue: _Queue, entry: Entry) -> None:
        is_done = True
        try:
            entry.write()
        except JobNotFound as error:
            logger.info("nothing more is kept of job %s: %s", job_id, error.message)
        except StoreFenced as error:
            with self._lock:
                self._fenced = error  # this JobManager may not write any more
            raise
        except StorageUnavailable as error:
            is_done = False
            self._in_trouble(job_id, queue, error.message)
            raise
        except Exception as error:
            is_done = False  # or the disk would hold later writes without this one
            raise self._unexpected(job_id, queue, error) from error
        finally:
            with self._lock:
                queue.current = None
                if is_done and entry in queue.entries:
                    queue.entries.remove(entry)

    def _unexpected(self, job_id: str, queue: _Queue, error: Exception) -> StorageUnavailable:
        if queue.trouble is None:
            logger.error("job %s: a write failed unexpectedly", job_id, exc_info=error)
        text = (
            f"A write of job {job_id} failed unexpectedly ({type(error).__name__}: {error}); it is "
            "tried again every second. If it keeps failing, the JobManager's log has the details"
        )
        self._in_trouble(job_id, queue, text)
        return StorageUnavailable(text)

    def _in_trouble(self, job_id: str, queue: _Queue, text: str) -> None:
        with self._lock:
            if self._queues.get(job_id) is not queue:
                return  # deleted meanwhile
            is_new, queue.trouble = queue.trouble is None, text
        if is_new:
            queue.since_s = time.monotonic()
            logger.warning("job %s: %s", job_id, text)
            self.note(
                job_id, "storage_trouble", f"{text}. What is new is kept in memory until then"
            )

    def _write_all(self, job_id: str, queue: _Queue) -> None:
        rounds = Rounds(f"The outbox of job {job_id}")
        while self._has_work(queue):
            is_done = False
            with rounds.round():
                is_done = self._tried(job_id)
            if not is_done:
                time.sleep(self._retry_s)

    def _has_work(self, queue: _Queue) -> bool:
        """False if nothing waits. Then the next ``put`` starts another writer."""
        with self._lock:
            queue.has_writer = self._fenced is None and bool(queue.entries)
            return queue.has_writer

    def _tried(self, job_id: str) -> bool:
        try:
            self.flush(job_id)
        except StoreFenced as error:
            logger.warning("job %s: %s", job_id, error.message)
        except StorageUnavailable:
            return False
        return True
