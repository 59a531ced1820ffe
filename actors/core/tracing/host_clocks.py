"""By how much the clocks of two processes differ, found by asking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class HostTime:
    """A reading of ``time.perf_counter``, which all processes of one ``boot`` of a host share."""

    boot: str
    now_s: float


@dataclass(frozen=True)
class RoundTrip:
    """A question sent and its answer received, by the asker's clock, and what the other told."""

    sent_s: float
    told: HostTime
    received_s: float


@dataclass(frozen=True)
class ClockOffset:
    """The seconds that turn another clock's time into one's own; off by at most ``error_s``."""

    offset_s: float
    error_s: float


def clock_offset(trips: Iterable[RoundTrip], own_boot: str) -> ClockOffset:
    """By the quickest round trip: the answer was given somewhere within it, so that half of it is
    the largest error (Cristian 1989). Exactly 0 within one boot of a host."""
    best = min(trips, key=lambda trip: trip.received_s - trip.sent_s)
    if best.told.boot == own_boot:
        return ClockOffset(0.0, 0.0)
    middle_s = (best.sent_s + best.received_s) / 2
    return ClockOffset(middle_s - best.told.now_s, (best.received_s - best.sent_s) / 2)
