"""When a snapshot is due: decided by stage 0 for all, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from actors.core.snapshots import Mark

MIN_INTERVAL_S = 0.5
MAX_COST = 0.02
"""Share of the training time that snapshots may take where no number of steps was asked for."""


class Boundary(str, Enum):
    """Where something asked for happens: after the next step, or at the end of the epoch."""

    STEP = "step"
    EPOCH = "epoch"


class SnapshotCadence:
    """Which steps end with a snapshot.

    A step that does begins only when the copies of the snapshot before have arrived. So of a
    cadence of c steps at most 2c - 1 are lost with a stage: c is (k + 1) // 2 for k
    ``max_lost_steps``. For None, snapshots are ``MIN_INTERVAL_S`` apart, or further where they are
    expensive.
    """

    def __init__(
        self, max_lost_steps: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every = None if max_lost_steps is None else (max_lost_steps + 1) // 2
        self._clock = clock
        self._steps = 0
        self._last_s = clock()
        self._interval_s = MIN_INTERVAL_S

    def next_step(self, checkpoint: Boundary | None, ends_epoch: bool) -> Mark:
        """What the step that begins now ends with; ``checkpoint`` is where one is asked for."""
        self._steps += 1
        if checkpoint is Boundary.STEP or (checkpoint is Boundary.EPOCH and ends_epoch):
            return Mark.CHECKPOINT
        return Mark.SNAPSHOT if self._is_due() else Mark.NONE

    def taken(self, cost_s: float) -> None:
        """A snapshot was taken, which kept the stage from training for ``cost_s``."""
        self._steps = 0
        self._last_s = self._clock()
        self._interval_s = max(MIN_INTERVAL_S, cost_s / MAX_COST)

    def _is_due(self) -> bool:
        if self._every is not None:
            return self._steps >= self._every
        return self._clock() - self._last_s >= self._interval_s
