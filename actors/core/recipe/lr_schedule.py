"""The learning-rate schedules there are, a table that new ones enter, and the rate of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.core.fields import Field, count
from actors.core.recipe.kind_spec import KindSpec, Objection, none

WARMUP = "warmup_steps"


@dataclass(frozen=True)
class When:
    """A step of a schedule, from 0, and of how many."""

    step: int
    total: int


@dataclass(frozen=True)
class LrScheduleKind:
    """A schedule: ``rate`` gives a step's learning rate from the recipe's, with the schedule's
    arguments by name. Every schedule takes ``warmup_steps`` besides its own ``own_fields``."""

    name: str
    says: str
    rate: Callable[..., float]
    own_fields: Mapping[str, Field] = field(default_factory=dict)
    objection: Objection = field(default=none)

    @property
    def fields(self) -> Mapping[str, Field]:
        """All of its arguments."""
        return {**self.own_fields, WARMUP: count(0, 10**9, 0)}


LR_SCHEDULES: dict[str, LrScheduleKind] = {}
"""By name. ``actors.core.recipe.lr_schedules``, and code from outside, add to it."""


def add_lr_schedule(kind: LrScheduleKind) -> None:
    """Makes a schedule known by its name; a name is taken once."""
    assert kind.name not in LR_SCHEDULES, f"there is a schedule {kind.name} already"
    LR_SCHEDULES[kind.name] = kind


def rate_at(spec: KindSpec, learning_rate: float, step: int, num_steps: int) -> float:
    """The learning rate of a session's step (from 0) of ``num_steps``.

    The first w = ``warmup_steps`` steps rise to the rate r that the schedule begins with, step t
    having r (t + 1) / (w + 1); the schedule itself runs over the others.
    """
    arguments: dict[str, Any] = spec.keywords
    warmup = arguments.pop(WARMUP)
    kind = LR_SCHEDULES[spec.kind]
    total = max(1, num_steps - warmup)
    rate = kind.rate(learning_rate, When(max(0, step - warmup), total), **arguments)
    return rate * (step + 1) / (warmup + 1) if step < warmup else rate
