from __future__ import annotations

import itertools
import signal

from tests.chaos.cases import (
    PHASES,
    SIGNALS,
    TARGETS,
    Case,
    Outcome,
    Strike,
    draw_cases,
    medians,
    row,
)

CELLS = list(itertools.product(TARGETS, SIGNALS, PHASES))


def test_as_many_runs_as_cells_meet_each_once_and_every_pair_comes_soon() -> None:
    cases = draw_cases(seed=7, runs=len(CELLS))
    assert {(c.target, c.how, c.phase) for c in cases} == set(CELLS)
    assert {(c.target, c.how) for c in cases[:10]} == set(itertools.product(TARGETS, SIGNALS))


def test_a_seed_tells_the_cases() -> None:
    assert draw_cases(3, 20) == draw_cases(3, 20) != draw_cases(4, 20)


def test_a_ray_node_that_is_hit_has_a_stage_and_is_not_always_the_same_and_never_the_head() -> None:
    cases = draw_cases(1, 30, targets=["ray_node"])
    assert {case.nodes[case.stage] for case in cases} == {1, 2}


def test_an_outcome_is_good_only_with_the_bits_and_few_steps_done_again() -> None:
    case = Case("layer_actor", signal.SIGKILL, "forward", (0, 1), 1)
    strike = Strike("forward", 1.5, "backward", 2, 3, 100.0)
    outcome = Outcome(case, strike, True, 4.0, lost_steps=3, allowed_steps=10)
    assert outcome.is_good and outcome.is_aimed
    shown = (
        "| SIGKILL layer_actor in forward | 0 [1] | forward → backward | 1.5 | yes | 4.0 | 3 of 10"
    )
    assert row(outcome).startswith(shown)
    assert "| SIGKILL layer_actor | 1 | 1 | 4.0 | 4.0 |" in medians([outcome])
    outcome.lost_steps = 11
    assert not outcome.is_good
