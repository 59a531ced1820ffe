"""Adds up what a stage's computing takes, by the marks of the device that computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors.core.stages.compute_device import ComputeDevice
from actors.loop.reports import ReportBoard


@dataclass(slots=True)
class _Work:
    """A part of a step, between two marks."""

    part: str
    begin: Any
    end: Any
    flops: int


class StageClock:
    """Writes seconds and FLOPs to a board. If the device works later than its calls, both wait for
    ``settle``, so that a step does not wait for each of its actions."""

    def __init__(self, device: ComputeDevice, board: ReportBoard) -> None:
        self._device = device
        self._board = board
        self._open: list[_Work] = []

    def begin(self) -> Any:
        """A mark for ``add``."""
        return self._device.mark()

    def add(self, part: str, begin: Any, flops: int = 0) -> None:
        """Adds the work since the last call: ``forward``, ``backward`` or ``update``."""
        self._open.append(_Work(part, begin, self._device.mark(), flops))
        if not self._device.defers:
            self.settle()

    def settle(self) -> None:
        """Waits until all of it is done."""
        for work in self._open:
            took_s = self._device.seconds(work.begin, work.end)
            _add(self._board.seconds, f"{work.part}_s", took_s)
            if work.flops:
                _add(self._board, f"{work.part}_flops", work.flops)
        self._open.clear()


def _add(totals: object, name: str, value: float) -> None:
    setattr(totals, name, getattr(totals, name) + value)
