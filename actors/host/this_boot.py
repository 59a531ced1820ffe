"""The present boot of this host, by a name that no other one has."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

from actors.core.tracing.host_clocks import HostTime

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _this_boot() -> str:
    """The system's name for this boot, or a name that only this process has."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return uuid4().hex


THIS_BOOT = _this_boot()


def host_time() -> HostTime:
    """Now, by the clock that measures what a stage does."""
    return HostTime(THIS_BOOT, time.perf_counter())
