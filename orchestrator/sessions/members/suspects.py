"""Remembers which devices a session leaves out for a while, after a dead link or a failed start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.sessions.recovery.group_failure import Suspect

LEFT_OUT_S = 60.0
"""So long at first; the device's next failure doubles that."""
NEEDED_S = 5.0
"""Used instead if the job can't go on without the device, up to ``LEFT_OUT_S``."""
MAX_DOUBLINGS = 10
"""After this many, each time is 17 hours."""


@dataclass(frozen=True)
class _Record:
    """``peer_id`` is the device that it did not reach."""

    since_s: float
    count: int
    peer_id: int | None

    @property
    def factor(self) -> float:
        """How many times as long as at first the device is left out."""
        return float(2 ** min(self.count - 1, MAX_DOUBLINGS))


class Suspects:
    """By device id; several threads may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[int, _Record] = {}
        self._lock = threading.Lock()

    def add(self, suspect: Suspect) -> None:
        """It has failed, again perhaps."""
        with self._lock:
            known = self._records.get(suspect.device_id)
            count = 1 if known is None else known.count + 1
            record = _Record(self._clock(), count, suspect.peer_id)
            self._records[suspect.device_id] = record

    def left_out(self, device_id: int, is_needed: bool = False) -> bool:
        """Whether it has no turn yet. A dead link of a needed device is a matter of looking, not
        of waiting: so it stays left out here."""
        with self._lock:
            record = self._records.get(device_id)
        if record is None:
            return False
        if is_needed and record.peer_id is not None:
            return True
        span_s = LEFT_OUT_S * record.factor
        if is_needed:
            span_s = min(NEEDED_S * record.factor, LEFT_OUT_S)
        return self._clock() - record.since_s < span_s

    def peer_of(self, device_id: int) -> int | None:
        """The device that it did not reach when it failed last."""
        with self._lock:
            record = self._records.get(device_id)
        return None if record is None else record.peer_id

    def clear_link(self, device_id: int) -> None:
        """Its link is back; how often it has failed is kept."""
        with self._lock:
            record = self._records[device_id]
            since_s = self._clock() - LEFT_OUT_S * record.factor
            self._records[device_id] = _Record(since_s, record.count, None)
