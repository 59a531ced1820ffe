"""Now, as it can still be compared after a restart of this process, or of its host."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# That of Linux goes on while the host sleeps.
UPTIME_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _this_boot() -> str:
    """Where the system has no name for it, one that no other process has."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return uuid4().hex


THIS_BOOT = _this_boot()


@dataclass(frozen=True)
class ClockReading:
    """``uptime_s`` is since the host was started, and compares within one ``boot``; ``wall_s`` is
    since 1970, UTC, and whoever sets the clock moves it."""

    wall_s: float
    boot: str
    uptime_s: float


def now() -> ClockReading:
    """The present one."""
    return ClockReading(time.time(), THIS_BOOT, time.clock_gettime(UPTIME_CLOCK))
