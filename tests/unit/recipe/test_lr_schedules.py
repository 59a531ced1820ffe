"""Rates against torch.optim.lr_scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from actors.core.fields import number
from actors.core.recipe.lr_schedule import LR_SCHEDULES, LrScheduleKind, When, add_lr_schedule
from actors.core.recipe.recipe import parse_recipe

RATE, STEPS = 0.3, 57
NEEDED: dict[str, dict[str, Any]] = {"step": {"step_size": 3}, "exponential": {"gamma": 0.9}}
Scheduler = Callable[[torch.optim.Optimizer, int], lr_scheduler.LRScheduler]
CYCLE: dict[str, Any] = {"cycle_momentum": False}
CASES: list[tuple[dict[str, Any], Scheduler]] = [
    ({"type": "constant"}, lambda o, n: lr_scheduler.ConstantLR(o, 1.0)),
    ({"type": "linear"}, lambda o, n: lr_scheduler.LinearLR(o, 1.0, 0.0, n)),
    (
        {"type": "linear", "end_factor": 0.2},
        lambda o, n: lr_scheduler.LinearLR(o, 1.0, 0.2, n),
    ),
    ({"type": "cosine"}, lambda o, n: lr_scheduler.CosineAnnealingLR(o, n)),
    (
        {"type": "cosine", "eta_min": 0.01},
        lambda o, n: lr_scheduler.CosineAnnealingLR(o, n, eta_min=0.01),
    ),
    ({"type": "step", "step_size": 10}, lambda o, n: lr_scheduler.StepLR(o, 10)),
    (
        {"type": "step", "step_size": 7, "gamma": 0.5},
        lambda o, n: lr_scheduler.StepLR(o, 7, 0.5),
    ),
    ({"type": "exponential", "gamma": 0.97}, lambda o, n: lr_scheduler.ExponentialLR(o, 0.97)),
    ({"type": "one_cycle"}, lambda o, n: lr_scheduler.OneCycleLR(o, RATE, n, **CYCLE)),
    (
        {
            "type": "one_cycle",
            "pct_start": 0.4,
            "anneal_strategy": "linear",
            "div_factor": 10.0,
            "final_div_factor": 100.0,
            "three_phase": True,
        },
        lambda o, n: lr_scheduler.OneCycleLR(
            o, RATE, n, None, None, 0.4, "linear", False, 0.85, 0.95, 10.0, 100.0, True
        ),
    ),
]
NAMES = [str(given)[:60] for given, _ in CASES]


def rates(scheduler: Scheduler, num_steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=RATE)
    of_steps = scheduler(optimizer, num_steps)
    found = []
    for _ in range(num_steps):
        found.append(of_steps.get_last_lr()[0])
        optimizer.step()
        of_steps.step()
    return [float(rate) for rate in found]


@pytest.mark.parametrize(("given", "scheduler"), CASES, ids=NAMES)
def test_rates_are_torchs(given: dict[str, Any], scheduler: Scheduler) -> None:
    recipe = parse_recipe({"learning_rate": RATE, "lr_schedule": given})
    own = [recipe.rate(step, STEPS) for step in range(STEPS)]
    assert own == pytest.approx(rates(scheduler, STEPS), abs=1e-12, rel=0)


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
@pytest.mark.parametrize(("given", "scheduler"), CASES[:8], ids=NAMES[:8])
def test_rates_warm_up_as_a_linear_schedule_before_it(
    given: dict[str, Any], scheduler: Scheduler
) -> None:
    warmup = 9
    recipe = parse_recipe({"learning_rate": RATE, "lr_schedule": {**given, "warmup_steps": warmup}})

    def both(optimizer: torch.optim.Optimizer, num_steps: int) -> lr_scheduler.LRScheduler:
        rise = lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), 1.0, warmup)
        then = scheduler(optimizer, num_steps - warmup)
        return lr_scheduler.SequentialLR(optimizer, [rise, then], [warmup])

    own = [recipe.rate(step, STEPS) for step in range(STEPS)]
    assert own == pytest.approx(rates(both, STEPS), abs=1e-12, rel=0)


def test_a_warm_up_rises_to_where_the_schedule_begins() -> None:
    given = {"type": "one_cycle", "warmup_steps": 4}
    recipe = parse_recipe({"learning_rate": 1.0, "lr_schedule": given})
    own = [recipe.rate(step, 20) for step in range(5)]
    assert own == pytest.approx([0.04 * part for part in (0.2, 0.4, 0.6, 0.8, 1.0)])


@pytest.mark.parametrize("kind", sorted(LR_SCHEDULES))
def test_every_schedule_has_a_rate_for_sessions_of_any_length(kind: str) -> None:
    needed = NEEDED.get(kind, {})
    for num_steps in (1, 2, 3, 10):
        for warmup in (0, 1, 5):
            given = {"type": kind, "warmup_steps": warmup, **needed}
            recipe = parse_recipe({"lr_schedule": given})
            found = [recipe.rate(step, num_steps) for step in range(num_steps)]
            assert all(0.0 <= rate <= recipe.learning_rate for rate in found), given


def test_a_schedule_from_outside_takes_warmup_too() -> None:
    def half(rate: float, when: When, share: float) -> float:
        return rate if when.step < share * when.total else rate / 2

    add_lr_schedule(LrScheduleKind("half", "halves", half, {"share": number(0.0, 1.0)}))
    try:
        given = {"type": "half", "share": 0.5, "warmup_steps": 1}
        recipe = parse_recipe({"learning_rate": 1.0, "lr_schedule": given})
        assert [recipe.rate(step, 5) for step in range(5)] == [0.5, 1.0, 1.0, 0.5, 0.5]
    finally:
        del LR_SCHEDULES["half"]
