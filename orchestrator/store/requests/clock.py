"""A clock whose readings can be compared even after a restart of this process or its host."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# That of Linux goes on while the host sleeps.
UPTIME_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _this_boot() -> str:
    """The system's name for this boot, or a name that only this process has."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return uuid4().hex


THIS_BOOT = _this_boot()


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
