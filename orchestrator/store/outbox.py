"""Writes in the order in which things happened; what the storage refuses is tried again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Protocol

from orchestrator.errors import JobNotFound, StorageUnavailable, StoreFenced
from orchestrator.store.records import EventRecord

RETRY_S = 1.0
WRITING_TIMEOUT_S = 30.0
BUSY_TIMEOUT_S = 0.2

logger = logging.getLogger(__name__)


class EventStore(Protocol):
    """Where events end up."""

    def add_event(
        self, job_id: str, kind: str, text: str, at: str | None = None
    ) -> EventRecord: ...


@dataclass(eq=False)
class Entry:
    """One write. It takes no lock of the caller's; ``replaces`` names what it makes needless:
    earlier entries of that name."""

    write: Callable[[], object]
    replaces: str | None = None
    event: EventRecord | None = None


@dataclass(eq=False)
class _Queue:
    """What is to be written of one job; ``trouble`` says why it is not."""

    writing: threading.Lock = field(default_factory=threading.Lock)
    entries: list[Entry] = field(default_factory=list)
    current: Entry | None = None
    trouble: str | None = None
    since_s: float = 0.0

    def put(self, entry: Entry) -> None:
        if entry.replaces is not None:
            self.entries = [
                e for e in self.entries if e is self.current or e.replaces != entry.replaces
            ]
        self.entries.append(entry)


class Outbox:
    """A queue a job: what is on the disk is always the beginning of what happened.

    Any thread may call. A thread of its own tries again every second what was refused, as long
    as there is such a thing; the job's events say when that began and ended.
    """

    def __init__(self, store: EventStore, retry_s: float = RETRY_S) -> None:
        self._store = store
        self._retry_s = retry_s
        self._lock = threading.Lock()  # of the queues; never held while something is written
        self._queues: dict[str, _Queue] = {}
        self._retrying = False

    def put(self, job_id: str, entry: Entry) -> None:
        """To be written after all that was put before; ``flush`` does it."""
        with self._lock:
            self._queues.setdefault(job_id, _Queue()).put(entry)

    def note(self, job_id: str, kind: str, text: str) -> None:
        """Puts an event, as of now."""
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        event = EventRecord(job_id, 0, at, kind, text)
        self.put(job_id, Entry(lambda: self._store.add_event(job_id, kind, text, at), event=event))

    def flush(self, job_id: str) -> None:
        """Writes all that was put. Raises ``StorageUnavailable`` where something is refused: it
        stays, with all that follows it."""
        queue = self._queue(job_id)
        if queue is None:
            return
        wait_s = WRITING_TIMEOUT_S if queue.trouble is None else BUSY_TIMEOUT_S
        if not queue.writing.acquire(timeout=wait_s):
            text = f"An earlier write of job {job_id} takes longer than {wait_s:g} s: try again"
            raise StorageUnavailable(queue.trouble or text)
        try:
            while (entry := self._next(job_id, queue)) is not None:
                self._write(job_id, queue, entry)
        finally:
            queue.writing.release()

    def trouble(self, job_id: str) -> str | None:
        """Why what was put can't be written: path, cause and remedy; None when it can."""
        queue = self._queue(job_id)
        return None if queue is None else queue.trouble

    def events(self, job_id: str) -> list[EventRecord]:
        """Those not written yet, or just now, oldest first; their ``index`` means nothing."""
        with self._lock:
            queue = self._queues.get(job_id, _Queue())
            return [entry.event for entry in queue.entries if entry.event is not None]

    def discard(self, job_id: str) -> None:
        """Forgets what was not written: the job is deleted. Waits for the write under way."""
        with self._lock:
            queue = self._queues.pop(job_id, None)
            if queue is None:
                return
            queue.entries, queue.trouble = [], None
        if queue.writing.acquire(timeout=WRITING_TIMEOUT_S):
            queue.writing.release()

    def _queue(self, job_id: str) -> _Queue | None:
        with self._lock:
            return self._queues.get(job_id)

    def _next(self, job_id: str, queue: _Queue) -> Entry | None:
        """The one to be written now; None when everything is."""
        with self._lock:
            queue.current = queue.entries[0] if queue.entries else None
            if queue.current is not None or queue.trouble is None:
                return queue.current
            queue.trouble = None
        lasted_s = time.monotonic() - queue.since_s
        self.note(job_id, "storage_back", f"Everything is saved again, after {lasted_s:.0f} s")
        return self._next(job_id, queue)

    def _write(self, job_id: str, queue: _Queue, entry: Entry) -> None:
        is_done = True
        try:
            entry.write()
        except JobNotFound as error:
            logger.info("nothing more is kept of job %s: %s", job_id, error.message)
        except StoreFenced:
            is_done = False  # another JobManager has taken over: nothing of this one's counts
            raise
        except StorageUnavailable as error:
            is_done = False
            self._in_trouble(job_id, queue, error.message)
            raise
        finally:
            with self._lock:
                queue.current = None
                if is_done and entry in queue.entries:
                    queue.entries.remove(entry)

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
        with self._lock:
            start, self._retrying = not self._retrying, True
        if start:
            threading.Thread(target=self._retry, name="outbox", daemon=True).start()

    def _retry(self) -> None:
        while True:
            time.sleep(self._retry_s)
            with self._lock:
                troubled = [j for j, q in self._queues.items() if q.trouble is not None]
                if not troubled:
                    self._retrying = False
                    return
            for job_id in troubled:
                self._flush_again(job_id)

    def _flush_again(self, job_id: str) -> None:
        with suppress(StorageUnavailable):
            try:
                self.flush(job_id)
            except StoreFenced as error:
                logger.warning("job %s: %s", job_id, error.message)
                self.discard(job_id)
