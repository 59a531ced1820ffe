"""Adds up what a stage's time is spent on, and has it recorded where somebody asked for that."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from actors.core.stages.compute_device import ComputeDevice
from actors.core.tracing.slices import SliceKind
from actors.loop.reports import ReportBoard
from actors.loop.tracer import Tracer

SECONDS = {
    SliceKind.LOAD: "load_s",
    SliceKind.FORWARD: "forward_s",
    SliceKind.BACKWARD: "backward_s",
    SliceKind.INPUT_GRAD: "backward_s",
    SliceKind.WEIGHT_GRAD: "backward_s",
    SliceKind.UPDATE: "update_s",
    SliceKind.SEND_ACTIVATIONS: "wire_s",
    SliceKind.SEND_GRADIENTS: "wire_s",
    SliceKind.RECEIVE_ACTIVATIONS: "wait_s",
    SliceKind.RECEIVE_GRADIENTS: "wait_s",
    SliceKind.CLIP: "wait_s",
    SliceKind.SNAPSHOT: "snapshot_s",
}
"""Where each counts in a report, if it does."""
FLOPS = {
    SliceKind.FORWARD: "forward_flops",
    SliceKind.BACKWARD: "backward_flops",
    SliceKind.INPUT_GRAD: "backward_flops",
    SliceKind.WEIGHT_GRAD: "backward_flops",
}


@dataclass(slots=True)
class _Work:
    """A part of a step, between two marks of the device."""

    kind: SliceKind
    begin: Any
    end: Any
    flops: int
    microbatch: int | None


class StageClock:
    """Writes seconds and FLOPs to a board. If the device works later than its calls, both wait for
    ``settle``, so that a step does not wait for each of its actions. ``tracer`` is None unless the
    step is recorded."""

    def __init__(self, device: ComputeDevice, board: ReportBoard) -> None:
        self._device = device
        self._board = board
        self._open: list[_Work] = []
        self.tracer: Tracer | None = None
        self._base: tuple[Any, float] = (None, 0.0)
        """A mark of a device that works later, and its time by the host's clock."""

    def begin_step(self, tracer: Tracer | None) -> None:
        """Which is recorded by that."""
        self.tracer = tracer
        if tracer is not None and self._device.defers:
            self._base = self._device.mark(), time.perf_counter()

    def end_step(self) -> None:
        """All of it is done."""
        if self.tracer is not None:
            self.tracer.end_step()

    def begin(self) -> Any:
        """A mark for ``add``."""
        return self._device.mark()

    def add(
        self, kind: SliceKind, begin: Any, flops: int = 0, microbatch: int | None = None
    ) -> None:
        """Adds what the device has computed since ``begin``."""
        self._open.append(_Work(kind, begin, self._device.mark(), flops, microbatch))
        if not self._device.defers:
            self.settle()

    def spent(
        self,
        kind: SliceKind,
        begin_s: float,
        microbatch: int | None = None,
        taking_s: float = 0.0,
    ) -> float:
        """Adds what this thread has done since ``begin_s`` of ``time.perf_counter``. Returns the
        seconds. Of those of a receipt, ``taking_s`` were for what had come, and no waiting."""
        end_s = time.perf_counter()
        if (total := SECONDS.get(kind)) is not None:
            _add(self._board.seconds, total, end_s - begin_s - taking_s)
            self._board.seconds.wire_s += taking_s
        if self.tracer is not None:
            self.tracer.add(kind, begin_s, end_s, microbatch)
        return end_s - begin_s

    def settle(self) -> None:
        """Waits until all of the device's work is done."""
        for work in self._open:
            took_s = self._device.seconds(work.begin, work.end)
            _add(self._board.seconds, SECONDS[work.kind], took_s)
            if work.flops:
                _add(self._board, FLOPS[work.kind], work.flops)
            if self.tracer is not None:
                begin_s = self._by_host(work.begin)
                self.tracer.add(work.kind, begin_s, begin_s + took_s, work.microbatch)
        self._open.clear()

    def _by_host(self, mark: Any) -> float:
        if not self._device.defers:
            host_s: float = mark
            return host_s
        base, base_s = self._base
        return base_s + self._device.seconds(base, mark)


def _add(totals: object, name: str, value: float) -> None:
    setattr(totals, name, getattr(totals, name) + value)
