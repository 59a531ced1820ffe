"""Adds up what a stage's computing takes, by the marks of the device that computes."""

from __future__ import annotations

from typing import Any

from actors.core.compute_device import ComputeDevice
from actors.reports import ReportBoard


class StageClock:
    """Writes seconds and FLOPs to a board. Of a device that works later than it is told to, both
    wait for ``settle``, so that a step does not wait for each of its actions."""

    def __init__(self, device: ComputeDevice, board: ReportBoard) -> None:
        self._device = device
        self._board = board
        self._open: list[tuple[str, Any, Any, int]] = []

    def begin(self) -> Any:
        """A mark for ``add``."""
        return self._device.mark()

    def add(self, part: str, begin: Any, flops: int = 0) -> None:
        """What was done since: ``forward``, ``backward`` or ``update``."""
        self._open.append((part, begin, self._device.mark(), flops))
        if not self._device.defers:
            self.settle()

    def settle(self) -> None:
        """Waits until all of it is done."""
        board = self._board
        for part, begin, end, flops in self._open:
            took_s = self._device.seconds(begin, end)
            setattr(board.seconds, f"{part}_s", getattr(board.seconds, f"{part}_s") + took_s)
            if flops:
                name = f"{part}_flops"
                setattr(board, name, getattr(board, name) + flops)
        self._open.clear()
