from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.errors import InvalidRequest
from actors.core.schedule.rules import check_lists
from actors.core.schedule.schedules import (
    SCHEDULES,
    ActionKind,
    build_schedule,
    gpipe,
    one_f_one_b,
    zb_h1,
    zb_h2,
)

stages = st.integers(1, 8)
microbatches = st.integers(1, 32)
names = st.sampled_from(sorted(SCHEDULES))


@given(stages, microbatches, names)
def test_every_stage_does_every_microbatch_once_and_in_order(p: int, m: int, name: str) -> None:
    schedule = build_schedule(name, p, m)
    check_lists(schedule)
    assert len(schedule) == p
    assert {a.microbatch for actions in schedule for a in actions} == set(range(m))


@given(stages, microbatches, names)
def test_gradients_are_added_up_in_the_order_of_the_microbatches(p: int, m: int, name: str) -> None:
    for actions in build_schedule(name, p, m):
        adding = [
            a.microbatch for a in actions if a.kind in (ActionKind.BACKWARD, ActionKind.WEIGHT_GRAD)
        ]
        assert adding == list(range(m))


def test_gpipe_does_all_forwards_first() -> None:
    assert written(gpipe(2, 2)) == ["F0 F1 B0 B1", "F0 F1 B0 B1"]


def test_1f1b_alternates_after_its_warm_up() -> None:
    assert written(one_f_one_b(2, 3)) == ["F0 F1 B0 F2 B1 B2", "F0 B0 F1 B1 F2 B2"]


def test_zb_h1_leaves_weight_gradients_the_further_behind_the_later_the_stage() -> None:
    assert written(zb_h1(3, 4)) == [
        "F0 F1 F2 B0 F3 B1 B2 B3",
        "F0 F1 I0 F2 I1 W0 F3 I2 W1 I3 W2 W3",
        "F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 W2 W3",
    ]


def test_zb_h2_runs_twice_as_far_ahead() -> None:
    assert written(zb_h2(2, 4)) == [
        "F0 F1 F2 B0 F3 B1 B2 B3",
        "F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 W2 W3",
    ]


@given(microbatches)
def test_zero_bubble_of_one_stage_is_1f1b(m: int) -> None:
    assert zb_h1(1, m) == zb_h2(1, m) == one_f_one_b(1, m)


def test_an_unknown_schedule_names_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"'zigzag'.*1f1b, gpipe, zb-h1, zb-h2"):
        build_schedule("zigzag", 2, 2)


@pytest.mark.parametrize(("p", "m"), [(0, 1), (1, 0)])
def test_a_schedule_of_nothing_is_refused(p: int, m: int) -> None:
    with pytest.raises(InvalidRequest, match="at least 1 stage and 1 microbatch"):
        build_schedule("1f1b", p, m)


def written(schedule: list) -> list[str]:
    return [" ".join(f"{a.kind.value}{a.microbatch}" for a in actions) for actions in schedule]
