"""Times operations, and measures how far other processes kept the core from them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from actors.core.stages.compute_device import ComputeDevice

FINE_CLOCK_S = 1e-6

Timings = dict[str, list[float]]
"""Seconds by what took them."""


class OperationTimer:
    """Times operations; ``stretch`` is the factor by which they took longer than the core worked.

    This can be known only if one thread computes: the work of other threads is not in its clock,
    but the time to wait for them may be.
    """

    def __init__(self, device: ComputeDevice, threads: int) -> None:
        self.device = device
        fine = time.get_clock_info("thread_time").resolution <= FINE_CLOCK_S
        self._tells_work = threads == 1 and device.accelerator is None and fine
        self._worked_s = 0.0
        self._took_s = 0.0

    @property
    def stretch(self) -> float:
        """At least 1, and 1 if it can't be known."""
        return 1.0 if self._worked_s == 0.0 else max(1.0, self._took_s / self._worked_s)

    def time(self, times: Timings, name: str, run: Callable[[], object]) -> None:
        """The seconds that ``run`` takes go under ``name``."""
        self.device.synchronize()
        begin, worked = time.perf_counter(), time.thread_time()
        run()
        self.device.synchronize()
        took_s, worked_s = time.perf_counter() - begin, time.thread_time() - worked
        if self._tells_work:
            self._took_s += took_s
            self._worked_s += worked_s
        times.setdefault(name, []).append(worked_s if self._tells_work else took_s)


def usual_s(seconds: Sequence[float]) -> float:
    """The lower median: other work on the machine makes some of them longer, and none shorter."""
    return statistics.median_low(seconds)
