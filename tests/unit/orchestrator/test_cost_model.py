from __future__ import annotations

import pytest

from actors.core.specs import NetworkSpec
from orchestrator.cost_model import PlannedStage, is_worth_a_change, step_bound_s

EQUAL = NetworkSpec((100, 100, 100, 100, 100))
ONE = [PlannedStage(1, 0, 4)]
TWO = [PlannedStage(1, 0, 2), PlannedStage(2, 2, 4)]


def test_two_equal_devices_take_about_half_the_time() -> None:
    one = step_bound_s(EQUAL, ONE, {1: 1e9}, 64, 1)
    many = step_bound_s(EQUAL, TWO, {1: 1e9, 2: 1e9}, 64, 16)
    assert 0.45 < many / one < 0.6


def test_the_slowest_stage_decides() -> None:
    fast = step_bound_s(EQUAL, TWO, {1: 1e9, 2: 1e9}, 64, 8)
    slow = step_bound_s(EQUAL, TWO, {1: 1e9, 2: 1e8}, 64, 8)
    assert slow / fast > 5


def test_a_device_that_was_never_measured_is_an_average_one() -> None:
    known = step_bound_s(EQUAL, TWO, {1: 1e9, 2: 1e9}, 64, 8)
    assert step_bound_s(EQUAL, TWO, {1: 1e9}, 64, 8) == pytest.approx(known)


def test_a_change_has_to_pay_by_a_tenth() -> None:
    assert is_worth_a_change(1.1, 1.0) and not is_worth_a_change(1.09, 1.0)
