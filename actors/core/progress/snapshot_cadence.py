"""When a snapshot is due: decided by stage 0 for all, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from actors.core.progress.snapshots import Mark

MIN_INTERVAL_S = 0.5
MAX_COST = 0.02
"""Share of the training time that snapshots may take where no number of steps was asked for."""
MAX_COPYING = 0.2
"""Share of the time in which copies may be under way then: a link has other users, too."""


class Boundary(str, Enum):
    """When a request takes effect: after the next step, or at the end of the epoch."""

    STEP = "step"
    EPOCH = "epoch"


class SnapshotCadence:
    """Chooses the steps that end with a snapshot.

    Such a step begins only when the copies of the snapshot before have arrived. So with a cadence
    of c steps, at most 2c - 1 are lost with a stage: c is (k + 1) // 2 for k ``max_lost_steps``. To
    keep that promise the stages wait for the copies.

    With None they never wait: a step is chosen only once the copies have arrived. Snapshots are at
    least ``MIN_INTERVAL_S`` apart, and so far apart that they cost no more than ``MAX_COST``: the
    time to take one, and the extra time of steps while a copy is under way.
    """

    def __init__(
        self, max_lost_steps: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.interval_s: float | None = None
        """Between the last two snapshots."""
        self._every = None if max_lost_steps is None else (max_lost_steps + 1) // 2
        self._clock = clock
        self._steps = 0
        self._last_s: float | None = None
        self._begin_s = clock()
        self._taking_s = 0.0
        self._is_copying = False
        self._beside_copies = _StepTimes()
        self._alone = _StepTimes()

    def next_step(
        self, checkpoint: Boundary | None, steps_left: int, copied_s: float | None
    ) -> Mark:
        """How the step that begins now will end. ``checkpoint`` is when one was requested, and
        ``steps_left`` come after the step in its epoch.

        ``copied_s`` is the time of the slowest copy of the last snapshot; None while one is under
        way. If the stages do not wait for copies, a checkpoint is put off until they have arrived;
        before a checkpoint at the epoch's end, ordinary snapshots are put off that would be in its
        way.
        """
        self._steps += 1
        self._begin_s = self._clock()
        self._is_copying = copied_s is None
        is_promised = self._every is not None and self._steps >= self._every
        if copied_s is None and self._every is None:
            return Mark.NONE
        if checkpoint is Boundary.STEP or (checkpoint is Boundary.EPOCH and steps_left == 0):
            return Mark.CHECKPOINT
        if is_promised:
            return Mark.SNAPSHOT
        if copied_s is None or not self._is_time(copied_s):
            return Mark.NONE
        is_in_the_way = checkpoint is Boundary.EPOCH and self._lasts(steps_left, copied_s)
        return Mark.NONE if is_in_the_way else Mark.SNAPSHOT

    def end_step(self) -> None:
        """The step that began last is done."""
        times = self._beside_copies if self._is_copying else self._alone
        times.add(self._clock() - self._begin_s)

    def taken(self, cost_s: float) -> None:
        """A snapshot was taken, which kept the stage from training for ``cost_s``."""
        self._steps = 0
        now_s = self._clock()
        self.interval_s = None if self._last_s is None else now_s - self._last_s
        self._last_s, self._taking_s = now_s, cost_s
        self._beside_copies, self._alone = _StepTimes(), _StepTimes()

    def _lasts(self, steps: int, copied_s: float) -> bool:
        """Whether the copies of a snapshot taken now may still be under way after this many steps:
        news of their arrival comes one step later at the earliest."""
        known = self._alone.count + self._beside_copies.count
        step_s = (self._alone.total_s + self._beside_copies.total_s) / max(1, known)
        return steps <= 1 or steps * step_s < 2 * copied_s

    def _is_time(self, copied_s: float) -> bool:
        if self._every is not None:
            return False
        cost_s = self._taking_s + min(copied_s, self._slowed_s())
        interval_s = max(MIN_INTERVAL_S, copied_s / MAX_COPYING, cost_s / MAX_COST)
        return self._last_s is None or self._clock() - self._last_s >= interval_s

    def _slowed_s(self) -> float:
        """The extra time of steps during copies; the whole time of the copies until there is a step
        without any to compare with."""
        if self._alone.count == 0:
            return float("inf")
        usual_s = self._alone.total_s / self._alone.count
        return max(0.0, self._beside_copies.total_s - self._beside_copies.count * usual_s)


class _StepTimes:
    """The steps of a kind since the last snapshot."""

    def __init__(self) -> None:
        self.count = 0
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total_s += seconds
