from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.snapshot_cadence import MIN_INTERVAL_S, Boundary, SnapshotCadence
from actors.core.snapshots import Mark


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@given(st.integers(1, 50))
def test_of_a_number_of_steps_at_most_that_many_lie_between_two_arrived_copies(k: int) -> None:
    cadence = SnapshotCadence(k, Clock())
    snapshots = [0]
    for step in range(1, 10 * k):
        if cadence.next_step(None, ends_epoch=False) is Mark.SNAPSHOT:
            cadence.taken(0.0)
            snapshots.append(step)
    # Lost in the step before the one that waits for the copy of the second of three in a row.
    assert max(c - 1 - a for a, c in zip(snapshots, snapshots[2:], strict=False)) <= k


def test_without_a_number_snapshots_are_apart_by_time() -> None:
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    assert cadence.next_step(None, False) is Mark.NONE
    clock.now_s = MIN_INTERVAL_S
    assert cadence.next_step(None, False) is Mark.SNAPSHOT
    cadence.taken(0.0)
    assert cadence.next_step(None, False) is Mark.NONE


def test_an_expensive_snapshot_is_taken_less_often() -> None:
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    cadence.taken(cost_s=1.0)
    clock.now_s = 49.0
    assert cadence.next_step(None, False) is Mark.NONE
    clock.now_s = 50.0
    assert cadence.next_step(None, False) is Mark.SNAPSHOT


@pytest.mark.parametrize(
    "asked, ends_epoch, mark",
    [
        (Boundary.STEP, False, Mark.CHECKPOINT),
        (Boundary.EPOCH, False, Mark.NONE),
        (Boundary.EPOCH, True, Mark.CHECKPOINT),
        (None, True, Mark.NONE),
    ],
)
def test_a_checkpoint_is_taken_where_it_was_asked_for(
    asked: Boundary | None, ends_epoch: bool, mark: Mark
) -> None:
    assert SnapshotCadence(None, Clock()).next_step(asked, ends_epoch) is mark
