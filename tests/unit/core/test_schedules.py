from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.errors import InvalidRequest
from actors.core.schedule_checks import ScheduleError, draw, simulate
from actors.core.schedules import SCHEDULES, Action, Kind, build_schedule, gpipe, one_f_one_b

stages = st.integers(1, 8)
microbatches = st.integers(1, 32)


@given(stages, microbatches, st.sampled_from(sorted(SCHEDULES)))
def test_every_schedule_is_complete_and_free_of_deadlock(p: int, m: int, name: str) -> None:
    simulation = simulate(build_schedule(name, p, m))
    assert len(simulation.starts) == 2 * p * m


@given(stages, microbatches)
def test_1f1b_holds_at_most_the_stages_still_to_come(p: int, m: int) -> None:
    assert simulate(one_f_one_b(p, m)).max_held == [min(m, p - i) for i in range(p)]


@given(stages, microbatches)
def test_gpipe_holds_every_microbatch(p: int, m: int) -> None:
    assert simulate(gpipe(p, m)).max_held == [m] * p


@given(stages, microbatches, st.sampled_from(sorted(SCHEDULES)))
def test_the_bubble_is_the_textbooks(p: int, m: int, name: str) -> None:
    simulation = simulate(build_schedule(name, p, m))
    assert simulation.makespan == 2 * (m + p - 1)
    assert simulation.bubble == pytest.approx((p - 1) / (m + p - 1))


@given(stages, microbatches, st.sampled_from(sorted(SCHEDULES)))
def test_backward_passes_run_in_the_order_of_the_microbatches(p: int, m: int, name: str) -> None:
    for actions in build_schedule(name, p, m):
        backwards = [a.microbatch for a in actions if a.kind is Kind.BACKWARD]
        assert backwards == list(range(m))


def test_the_drawing_shows_who_does_what_when() -> None:
    assert draw(one_f_one_b(2, 3)).splitlines() == [
        "0F0 0F1 .   0B0 0F2 0B1 .   0B2",
        ".   1F0 1B0 1F1 1B1 1F2 1B2 .",
    ]


def test_a_missing_action_is_named() -> None:
    schedule = gpipe(2, 2)
    schedule[1].remove(Action(1, Kind.BACKWARD, 1))
    with pytest.raises(ScheduleError, match="1B1"):
        simulate(schedule)


def test_a_deadlock_is_named() -> None:
    schedule = gpipe(2, 1)
    schedule[0].reverse()
    with pytest.raises(ScheduleError, match=r"deadlocks at 0B0, 1F0"):
        simulate(schedule)


def test_an_unknown_schedule_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"'zigzag'.*gpipe, 1f1b"):
        build_schedule("zigzag", 2, 2)
