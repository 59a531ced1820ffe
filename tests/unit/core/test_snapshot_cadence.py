from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.core.progress.snapshot_cadence import (
    MAX_COPYING,
    MAX_COST,
    MIN_INTERVAL_S,
    Boundary,
    SnapshotCadence,
)
from actors.core.progress.snapshots import Mark


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
        if cadence.next_step(None, steps_left=1, copied_s=0.0) is Mark.SNAPSHOT:
            cadence.taken(0.0)
            snapshots.append(step)
    # Lost in the step before the one that waits for the copy of the second of three in a row.
    assert max(c - 1 - a for a, c in zip(snapshots, snapshots[2:], strict=False)) <= k


def test_without_a_number_snapshots_are_apart_by_time() -> None:
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    cadence.taken(0.0)
    assert cadence.next_step(None, 1, 0.0) is Mark.NONE
    clock.now_s = MIN_INTERVAL_S
    assert cadence.next_step(None, 1, 0.0) is Mark.SNAPSHOT
    cadence.taken(0.0)
    assert cadence.next_step(None, 1, 0.0) is Mark.NONE


def test_an_expensive_snapshot_is_taken_less_often() -> None:
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    cadence.taken(cost_s=1.0)
    clock.now_s = 49.0
    assert cadence.next_step(None, 1, 0.0) is Mark.NONE
    clock.now_s = 50.0
    assert cadence.next_step(None, 1, 0.0) is Mark.SNAPSHOT


@pytest.mark.parametrize(
    "asked, steps_left, mark",
    [
        (Boundary.STEP, 1, Mark.CHECKPOINT),
        (Boundary.EPOCH, 1, Mark.NONE),
        (Boundary.EPOCH, 0, Mark.CHECKPOINT),
        (None, 0, Mark.NONE),
    ],
)
def test_a_checkpoint_is_taken_where_it_was_asked_for(
    asked: Boundary | None, steps_left: int, mark: Mark
) -> None:
    cadence = SnapshotCadence(None, Clock())
    cadence.taken(0.0)
    assert cadence.next_step(asked, steps_left, 0.0) is mark


def test_a_checkpoint_is_put_off_until_the_copies_have_arrived() -> None:
    cadence = SnapshotCadence(None, Clock())
    assert cadence.next_step(Boundary.STEP, 1, None) is Mark.NONE
    assert cadence.next_step(Boundary.STEP, 1, 3.0) is Mark.CHECKPOINT


def test_of_a_number_of_steps_a_checkpoint_waits_for_the_copies_before() -> None:
    cadence = SnapshotCadence(40, Clock())
    assert cadence.next_step(Boundary.EPOCH, 0, None) is Mark.CHECKPOINT
    assert cadence.next_step(Boundary.STEP, 5, None) is Mark.CHECKPOINT


def test_every_epoch_can_end_with_a_checkpoint_however_its_steps_fall(
    subtests: pytest.Subtests,
) -> None:
    """Snapshots are due at every step, and that copies have arrived is heard a step later."""
    for length in range(1, 8):
        with subtests.test(length=length):
            clock = Clock()
            cadence = SnapshotCadence(None, clock)
            cadence.taken(0.0)
            since, missed = 0, 0
            for step in range(20 * length):
                steps_left = length - 1 - step % length
                since += 1
                mark = cadence.next_step(Boundary.EPOCH, steps_left, None if since == 1 else 0.01)
                clock.now_s += 2 * MIN_INTERVAL_S
                cadence.end_step()
                if mark is not Mark.NONE:
                    cadence.taken(0.0)
                    since = 0
                missed += steps_left == 0 and mark is not Mark.CHECKPOINT
            # Of epochs of a single step every second one: the first step never hears of copies.
            assert missed == (10 if length == 1 else 0)


def test_of_a_number_of_steps_a_snapshot_waits_for_the_copies_before() -> None:
    cadence = SnapshotCadence(4, Clock())
    assert cadence.next_step(None, 1, None) is Mark.NONE
    assert cadence.next_step(None, 1, None) is Mark.SNAPSHOT


@dataclass(frozen=True)
class Training:
    """The result of ``simulate``: shares of the time, and the longest time between two
    snapshots."""

    cost: float
    copying: float
    longest_s: float


def simulate(step_s: float, copy_s: float, slower: float, duration_s: float) -> Training:
    """Steps take ``slower`` times as long while a copy is under way, which takes ``copy_s``. Stage
    0 hears of its arrival in the step after it."""
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    cadence.taken(0.0)
    cost_s = copying_s = longest_s = taken_s = 0.0
    is_heard = False
    while clock.now_s < duration_s:
        mark = cadence.next_step(None, 1, copy_s if is_heard else None)
        left_s = max(0.0, taken_s + copy_s - clock.now_s)
        is_heard = left_s == 0.0
        slowed_s = min(step_s * (slower - 1), left_s * (1 - 1 / slower))
        cost_s += slowed_s
        clock.now_s += step_s + slowed_s
        cadence.end_step()
        if mark is Mark.SNAPSHOT:
            longest_s = max(longest_s, clock.now_s - taken_s)
            taken_s, is_heard, copying_s = clock.now_s, False, copying_s + copy_s
            cadence.taken(0.0)
    return Training(cost_s / duration_s, copying_s / duration_s, longest_s)


@settings(max_examples=60)
@given(st.floats(0.01, 10.0), st.floats(0.01, 30.0), st.floats(1.0, 3.0))
def test_snapshots_cost_no_more_than_their_share_whatever_the_link(
    step_s: float, copied_steps: float, slower: float
) -> None:
    copy_s = copied_steps * step_s
    duration_s = 200 * max(step_s, copy_s)
    training = simulate(step_s, copy_s, slower, duration_s)
    # The first copy, and a step only partly beside another one, are lost once.
    once = (copy_s + 3 * step_s * slower) / duration_s
    assert training.cost <= 2 * MAX_COST + once
    assert training.copying <= MAX_COPYING + once


def test_a_copy_of_a_second_does_not_make_a_training_wait() -> None:
    training = simulate(step_s=0.01, copy_s=1.0, slower=2.0, duration_s=1000)
    assert training.cost == pytest.approx(MAX_COST, rel=0.05)
    assert training.longest_s == pytest.approx(0.5 / MAX_COST, rel=0.05)


def test_copies_that_cost_nothing_are_as_frequent_as_the_link_allows() -> None:
    training = simulate(step_s=0.01, copy_s=1.0, slower=1.0, duration_s=100)
    assert training.longest_s == pytest.approx(1.0 / MAX_COPYING, rel=0.01)
    assert simulate(0.01, 0.005, 1.0, 100).longest_s == pytest.approx(MIN_INTERVAL_S, rel=0.05)


def test_one_slow_step_beside_a_quick_copy_is_not_taken_for_its_cost() -> None:
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    cadence.taken(0.0)
    cadence.next_step(None, 1, None)
    clock.now_s += 30.0
    cadence.end_step()
    assert cadence.next_step(None, 1, copied_s=0.01) is Mark.SNAPSHOT


def test_the_interval_is_the_time_between_the_last_two_snapshots() -> None:
    clock = Clock()
    cadence = SnapshotCadence(None, clock)
    found = []
    for now_s in (1.0, 4.0, 9.0):
        clock.now_s = now_s
        cadence.taken(0.1)
        found.append(cadence.interval_s)
    assert found == [None, 3.0, 5.0]
