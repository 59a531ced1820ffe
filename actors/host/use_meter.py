"""What a stage's process uses of its device: memory, and power where the system tells it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from actors.core.stages.compute_device import ComputeDevice

ROOT = Path("/")
RAPL = "sys/class/powercap"
"""Energy counters of processors by Intel and AMD: Linux's ``Documentation/power/powercap``. Most
systems let only root read them."""
BETWEEN_S = 1.0
"""The counters are too coarse for less."""
UJ_PER_J = 1e6


class UseMeter:
    """For one thread at a time; ``root`` is the folder with ``proc`` and ``sys``."""

    def __init__(
        self,
        device: ComputeDevice,
        root: Path = ROOT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._root = root
        self._power = PowerMeter(root, clock)

    def memory_bytes(self) -> int | None:
        """The accelerator's that this process has, or the host's that it shares with none: data
        sets lie in shared memory."""
        own = self._device.used_memory_bytes()
        return _unshared_bytes(self._root) if own is None else own

    def power_w(self) -> float | None:
        """What the accelerator draws or, without one, all processors of the host."""
        return self._power.read_w() if self._device.accelerator is None else self._device.power_w()


@dataclass(frozen=True)
class _Counts:
    """The energy that each package has used so far, and when that was read."""

    at_s: float
    microjoules: list[int]


class PowerMeter:
    """Of the host's processors."""

    def __init__(self, root: Path, clock: Callable[[], float]) -> None:
        zones = sorted((root / RAPL).glob("*-rapl:*"))
        self._packages = [zone for zone in zones if _text(zone / "name").startswith("package")]
        self._clock = clock
        self._before = self._read()
        self._last_w: float | None = None

    def read_w(self) -> float | None:
        """The mean since a second ago or longer; None until then, and where nobody tells it."""
        now = self._read()
        if now is None or self._before is None:
            return None
        took_s = now.at_s - self._before.at_s
        if took_s >= BETWEEN_S:
            counts = zip(self._before.microjoules, now.microjoules, strict=True)
            used = [end - begin for begin, end in counts]
            if min(used) >= 0:  # a counter begins anew some times an hour
                self._last_w = sum(used) / UJ_PER_J / took_s
            self._before = now
        return self._last_w

    def _read(self) -> _Counts | None:
        told = [_text(package / "energy_uj") for package in self._packages]
        if not told or not all(text.isdigit() for text in told):
            return None
        return _Counts(self._clock(), [int(text) for text in told])


def _unshared_bytes(root: Path) -> int | None:
    """See ``man 5 proc_pid_statm``: pages that are in memory, without those of files."""
    pages = _text(root / "proc/self/statm").split()
    if len(pages) < 3:
        return _bytes_by_psutil()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")


def _bytes_by_psutil() -> int | None:
    try:
        import psutil

        return int(psutil.Process().memory_info().rss)
    except Exception:  # no psutil for this system: then nobody tells
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
