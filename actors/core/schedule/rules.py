"""The rules for a list of actions, whatever its actions cost.

Channels are first in, first out, so besides its dependencies a schedule has to keep the order of
the microbatches. The sums of gradients also need that order, because it decides their bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from actors.core.schedule.schedules import Action, ActionKind, Schedule


class ScheduleError(AssertionError):
    """A schedule is wrong: our own mistake, never a caller's."""


def check_held(schedule: Schedule, bounds: Sequence[int]) -> None:
    """Raises ``ScheduleError`` where a stage holds more activations than its bound."""
    for stage, (actions, bound) in enumerate(zip(schedule, bounds, strict=True)):
        held = max_held(actions)
        if held > bound:
            raise ScheduleError(
                f"stage {stage} holds {held} activations at once, but at most {bound} are allowed"
            )


def max_held(actions: Sequence[Action]) -> int:
    """The most activations a stage holds at once: forwards run, weight gradients still to come."""
    held = most = 0
    for action in actions:
        if action.kind is ActionKind.FORWARD:
            held += 1
            most = max(most, held)
        elif action.kind is not ActionKind.INPUT_GRAD:
            held -= 1
    return most


def check_lists(schedule: Schedule) -> None:
    """Raises ``ScheduleError`` unless each stage does each microbatch once and in order.

    Each has one F, and either one B or one I and one W. All F of a stage, all its B or I and all
    its B or W are in the order of the microbatches, F before I before W.
    """
    num_microbatches = sum(action.kind is ActionKind.FORWARD for action in schedule[0])
    for stage, actions in enumerate(schedule):
        odd = _first_out_of_order(stage, actions)
        if odd is None and _is_complete(actions, num_microbatches):
            continue
        _tell_incomplete(stage, actions, num_microbatches)
        raise ScheduleError(
            f"stage {stage} has {odd} out of order: F before B, or before I before W, and each of "
            "them by microbatch"
        )


def _first_out_of_order(stage: int, actions: list[Action]) -> Action | None:
    forwards = inputs = weights = 0
    for action in actions:
        kind, m = action.kind, action.microbatch
        if kind is ActionKind.FORWARD:
            fits, forwards = m == forwards, forwards + 1
        elif kind is ActionKind.BACKWARD:
            fits, inputs, weights = m == inputs == weights < forwards, inputs + 1, weights + 1
        elif kind is ActionKind.INPUT_GRAD:
            fits, inputs = m == inputs < forwards, inputs + 1
        else:
            fits, weights = m == weights < inputs, weights + 1
        if not fits or action.stage != stage:
            return action
    return None


def _is_complete(actions: list[Action], num_microbatches: int) -> bool:
    """Whether actions in order are all there: they can't be foreign or doubled, but the last ones
    may be missing."""
    counts = Counter(action.kind for action in actions)
    halves = counts[ActionKind.INPUT_GRAD], counts[ActionKind.WEIGHT_GRAD]
    backward = counts[ActionKind.BACKWARD]
    return counts[ActionKind.FORWARD] == num_microbatches and (
        (backward, *halves) in ((num_microbatches, 0, 0), (0, num_microbatches, num_microbatches))
    )


def _tell_incomplete(stage: int, actions: list[Action], num_microbatches: int) -> None:
    split = any(a.kind in (ActionKind.INPUT_GRAD, ActionKind.WEIGHT_GRAD) for a in actions)
    back = (ActionKind.INPUT_GRAD, ActionKind.WEIGHT_GRAD) if split else (ActionKind.BACKWARD,)
    kinds = (ActionKind.FORWARD, *back)
    expected = {Action(stage, kind, m) for kind in kinds for m in range(num_microbatches)}
    found = Counter(actions)
    problems = {
        "missing": [a for a in expected if a not in found],
        "foreign": [a for a in found if a not in expected],
        "doubled": [a for a, count in found.items() if count > 1],
    }
    told = [f"{what}: {', '.join(sorted(map(str, odd)))}" for what, odd in problems.items() if odd]
    if told:
        raise ScheduleError(f"stage {stage} has actions that are {'; '.join(told)}")
