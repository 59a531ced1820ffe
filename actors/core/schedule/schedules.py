"""Pipeline schedules as data: for each stage, the list of actions of one step.

A schedule is made for (stages, microbatches) and knows nothing of tensors, time or devices. Every
schedule adds up a stage's gradients in the order of the microbatches, so the bits stay the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from actors.core.errors import InvalidRequest


class ActionKind(Enum):
    """What an action does with its microbatch; ``B`` is ``I`` and ``W`` in one."""

    FORWARD = "F"
    BACKWARD = "B"
    INPUT_GRAD = "I"
    WEIGHT_GRAD = "W"


@dataclass(frozen=True)
class Action:
    """One thing a stage does to one microbatch; prints as ``1F0`` (stage 1, forward, first)."""

    stage: int
    kind: ActionKind
    microbatch: int

    def __str__(self) -> str:
        return f"{self.stage}{self.kind.value}{self.microbatch}"


Schedule = list[list[Action]]
"""Per stage, its actions in order."""


def gpipe(num_stages: int, num_microbatches: int) -> Schedule:
    """All forwards, then all backwards (Huang et al. 2019); holds every activation of a step."""
    kinds = (ActionKind.FORWARD, ActionKind.BACKWARD)
    return [
        [Action(stage, kind, m) for kind in kinds for m in range(num_microbatches)]
        for stage in range(num_stages)
    ]


def one_f_one_b(num_stages: int, num_microbatches: int) -> Schedule:
    """One forward, one backward (PipeDream-Flush, Narayanan et al. 2021).

    Stage i of p holds at most min(M, p - i) activations.
    """
    stages = range(num_stages)
    return [_alternate(i, num_microbatches, num_stages - i - 1) for i in stages]


def zb_h1(num_stages: int, num_microbatches: int) -> Schedule:
    """1F1B with the backward pass split (Qi et al. 2023, "Zero Bubble Pipeline Parallelism").

    The stage before waits for the gradient of the inputs (I), so it comes first. In stage i the
    gradient of the weights (W) runs i microbatches behind, to fill the wait at the step's end. Any
    stage holds at most min(M, p) activations. Stage 0 sends no gradient: there W would directly
    follow I, so its backward pass stays whole.
    """
    whole = one_f_one_b(num_stages, num_microbatches)
    return [_split(actions, behind=stage) for stage, actions in enumerate(whole)]


def zb_h2(num_stages: int, num_microbatches: int) -> Schedule:
    """ZB-H1 with twice the warm-up and W twice as far behind (the same paper).

    Each stage computes without a pause from its first action on and ends as much later than the
    stage before as it began: steps that follow each other leave no bubble. The price is memory:
    any stage holds at most min(M, 2p - 1) activations.
    """
    stages = range(num_stages)
    whole = [_alternate(i, num_microbatches, 2 * (num_stages - i - 1)) for i in stages]
    return [_split(actions, behind=2 * stage) for stage, actions in enumerate(whole)]


def _alternate(stage: int, num_microbatches: int, warm_up: int) -> list[Action]:
    """``warm_up`` forwards, then one forward and one backward in turn, then backwards."""
    warm_up = min(num_microbatches, warm_up)
    steady = num_microbatches - warm_up
    actions = [Action(stage, ActionKind.FORWARD, m) for m in range(warm_up)]
    for m in range(steady):
        actions.append(Action(stage, ActionKind.FORWARD, warm_up + m))
        actions.append(Action(stage, ActionKind.BACKWARD, m))
    actions += [Action(stage, ActionKind.BACKWARD, steady + m) for m in range(warm_up)]
    return actions


def _split(whole: list[Action], behind: int) -> list[Action]:
    """Each backward pass becomes its I, and the W of the microbatch ``behind`` places earlier."""
    if behind == 0:
        return whole
    actions: list[Action] = []
    for action in whole:
        if action.kind is ActionKind.FORWARD:
            actions.append(action)
            continue
        stage, m = action.stage, action.microbatch
        actions.append(Action(stage, ActionKind.INPUT_GRAD, m))
        if m >= behind:
            actions.append(Action(stage, ActionKind.WEIGHT_GRAD, m - behind))
    num_microbatches = sum(action.kind is ActionKind.FORWARD for action in whole)
    left = range(max(0, num_microbatches - behind), num_microbatches)
    return actions + [Action(whole[0].stage, ActionKind.WEIGHT_GRAD, m) for m in left]


@dataclass(frozen=True)
class ScheduleKind:
    """``build`` makes it for (stages, microbatches). ``most_held`` tells the most activations that
    a stage may hold at once, for (stage, stages, microbatches)."""

    build: Callable[[int, int], Schedule]
    most_held: Callable[[int, int, int], int]


SCHEDULES = {
    "1f1b": ScheduleKind(one_f_one_b, lambda i, p, m: min(m, p - i)),
    "gpipe": ScheduleKind(gpipe, lambda i, p, m: m),
    "zb-h1": ScheduleKind(zb_h1, lambda i, p, m: min(m, p)),
    "zb-h2": ScheduleKind(zb_h2, lambda i, p, m: min(m, 2 * p - 1)),
}


def build_schedule(name: str, num_stages: int, num_microbatches: int) -> Schedule:
    """The named schedule; raises ``InvalidRequest`` for a name or a count that does not exist."""
    if name not in SCHEDULES:
        raise InvalidRequest(f"schedule is {name!r}, but must be one of {', '.join(SCHEDULES)}")
    if num_stages < 1 or num_microbatches < 1:
        raise InvalidRequest(
            f"a schedule needs at least 1 stage and 1 microbatch, not {num_stages} and "
            f"{num_microbatches}"
        )
    return SCHEDULES[name].build(num_stages, num_microbatches)
