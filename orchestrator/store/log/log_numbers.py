"""Numbers what a log is told before a disk has taken it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from orchestrator.store.log.entries import LogEntry, NewEntry
from orchestrator.store.tables import storable


class NumberedLog(Protocol):
    """A log, and how far it goes."""

    def next_seq(self) -> int: ...


class LogNumbers:
    """Of the one process that writes to the log; for one thread at a time."""

    def __init__(self, log: NumberedLog) -> None:
        """Raises ``StorageUnavailable``."""
        self.next_seq = log.next_seq()

    def give(self, job_id: str, new: Sequence[NewEntry]) -> list[LogEntry]:
        """As of now."""
        now_ms = time.time_ns() // 1_000_000
        return [self._entry(job_id, now_ms, entry) for entry in new]

    def _entry(self, job_id: str, now_ms: int, new: NewEntry) -> LogEntry:
        seq, values = self.next_seq, new.values
        self.next_seq += 1
        if new.is_event:
            values = {**values, "text": storable(values["text"])}
        kind = storable(new.kind)
        return LogEntry(seq, job_id, now_ms, kind, new.epoch, new.step, new.is_event, values)
