"""A clock whose readings can be compared even after a restart of this process or its host."""

from __future__ import annotations

import time
from dataclasses import dataclass

from actors.host.this_boot import THIS_BOOT

# That of Linux goes on while the host sleeps.
UPTIME_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class ClockReading:
    """``uptime_s`` counts from the start of the host; compare it only within one ``boot``.
    ``wall_s`` counts from 1970, UTC; setting the clock moves it."""

    wall_s: float
    boot: str
    uptime_s: float


def now() -> ClockReading:
    """The reading of this moment."""
    return ClockReading(time.time(), THIS_BOOT, time.clock_gettime(UPTIME_CLOCK))
