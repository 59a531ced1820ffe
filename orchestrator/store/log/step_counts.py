"""Counts a job's optimiser steps over its epochs, which may have different numbers of steps: a
session may end within an epoch, and the next one begins another epoch. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from orchestrator.store.log.entries import Place


class StepCounts:
    """From places to numbers of steps, and back; ``num_steps`` is that of each epoch."""

    def __init__(self, num_steps: Mapping[int, int]) -> None:
        self._epochs = sorted(num_steps)
        ends = accumulate((num_steps[epoch] for epoch in self._epochs), initial=0)
        self._done = list(ends)
        """Steps before each epoch and, at the end, of all."""

    @property
    def total(self) -> int:
        return self._done[-1]

    def count(self, place: Place) -> int:
        """Steps up to that one, from 1."""
        epoch, step = place
        return self._done[bisect_left(self._epochs, epoch)] + step

    def place(self, count: int) -> Place:
        """Where so many steps are done; ``(0, 0)`` before the first."""
        if count <= 0 or not self._epochs:
            return 0, 0
        index = min(bisect_left(self._done, count), len(self._epochs)) - 1
        return self._epochs[index], count - self._done[index]
