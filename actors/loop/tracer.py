"""Records what a stage does in some steps, while its loop runs in another thread."""

from __future__ import annotations

import threading
import time

from actors.core.tracing.slices import Slice, SliceKind, StageTrace, TraceWindow

MAX_SLICES = 50_000
"""No further step is recorded beyond that: some 5 MB."""


class Tracer:
    """The loop calls all but ``result``."""

    def __init__(self, window: TraceWindow, computes_apart: bool = False) -> None:
        self.window = window
        self._slices: list[Slice] = []
        self._step = window.first
        self._began_s = 0.0
        self._num_steps = 0
        self._end = 0
        """The first step that is not whole yet."""
        self._computes_apart = computes_apart
        self._is_done = threading.Event()

    def begin_step(self, step: int) -> bool:
        """Whether it is recorded."""
        if self._is_done.is_set() or step < self.window.first:
            return False
        self._step, self._began_s = step, time.perf_counter()
        return True

    def add(
        self, kind: SliceKind, begin_s: float, end_s: float, microbatch: int | None = None
    ) -> None:
        """A part of the step that began last, or of what follows it."""
        self._slices.append(Slice(kind, begin_s, end_s, self._step, microbatch))

    def end_step(self) -> None:
        """The step is whole; the last one ends the recording."""
        self.add(SliceKind.STEP, self._began_s, time.perf_counter())
        self._num_steps, self._end = self._num_steps + 1, self._step + 1
        if self._num_steps == self.window.num_steps or len(self._slices) >= MAX_SLICES:
            self.close()

    def close(self) -> None:
        """Nothing more comes."""
        self._is_done.set()

    def result(self, wait_s: float) -> StageTrace:
        """What was recorded until all of it was, or until the time is over."""
        self._is_done.wait(wait_s)
        num_steps, end = self._num_steps, self._end
        whole = tuple(each for each in list(self._slices) if each.step < end)
        return StageTrace(whole, num_steps, self._computes_apart)
