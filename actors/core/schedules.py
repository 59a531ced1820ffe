"""Pipeline schedules as data: for each stage, the list of actions of one step.

A schedule is made for (stages, microbatches) and knows nothing of tensors, time or devices. All
of them run the backward passes of a stage in the order of the microbatches, so that gradients
are summed in the same order whatever the schedule: the bits stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from actors.core.errors import InvalidRequest


class Kind(Enum):
    """What an action does with its microbatch."""

    FORWARD = "F"
    BACKWARD = "B"


@dataclass(frozen=True)
class Action:
    """One thing a stage does to one microbatch; prints as ``1F0`` (stage 1, forward, first)."""

    stage: int
    kind: Kind
    microbatch: int

    def __str__(self) -> str:
        return f"{self.stage}{self.kind.value}{self.microbatch}"


Schedule = list[list[Action]]
"""Per stage, its actions in order."""


def gpipe(num_stages: int, num_microbatches: int) -> Schedule:
    """All forwards, then all backwards (Huang et al. 2019); holds every activation of a step."""
    kinds = (Kind.FORWARD, Kind.BACKWARD)
    return [
        [Action(stage, kind, m) for kind in kinds for m in range(num_microbatches)]
        for stage in range(num_stages)
    ]


def one_f_one_b(num_stages: int, num_microbatches: int) -> Schedule:
    """One forward, one backward (PipeDream-Flush, Narayanan et al. 2021).

    Stage i of p holds at most min(M, p - i) activations.
    """
    return [_one_f_one_b_stage(stage, num_stages, num_microbatches) for stage in range(num_stages)]


def _one_f_one_b_stage(stage: int, num_stages: int, num_microbatches: int) -> list[Action]:
    warm_up = min(num_microbatches, num_stages - stage - 1)
    steady = num_microbatches - warm_up
    actions = [Action(stage, Kind.FORWARD, m) for m in range(warm_up)]
    for m in range(steady):
        actions.append(Action(stage, Kind.FORWARD, warm_up + m))
        actions.append(Action(stage, Kind.BACKWARD, m))
    actions += [Action(stage, Kind.BACKWARD, steady + m) for m in range(warm_up)]
    return actions


SCHEDULES: dict[str, Callable[[int, int], Schedule]] = {"gpipe": gpipe, "1f1b": one_f_one_b}


def build_schedule(name: str, num_stages: int, num_microbatches: int) -> Schedule:
    """The named schedule; raises ``InvalidRequest`` for a name or a count that does not exist."""
    if name not in SCHEDULES:
        raise InvalidRequest(f"schedule is {name!r}, but must be one of {', '.join(SCHEDULES)}")
    if num_stages < 1 or num_microbatches < 1:
        raise InvalidRequest(
            f"a schedule needs at least 1 stage and 1 microbatch, not {num_stages} and "
            f"{num_microbatches}"
        )
    return SCHEDULES[name](num_stages, num_microbatches)
