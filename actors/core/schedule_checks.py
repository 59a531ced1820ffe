"""Checks and draws a schedule by simulating it: each action takes one unit of time."""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.schedules import Action, Kind, Schedule


class ScheduleError(AssertionError):
    """A schedule is wrong: our own mistake, never a caller's."""


@dataclass(frozen=True)
class Simulation:
    """When each action starts (in units of one action) and what that amounts to."""

    starts: dict[Action, int]
    makespan: int
    bubble: float
    """Share of the stages' time in which they have nothing to do."""
    max_held: list[int]
    """Per stage, the most activations held at once."""


def simulate(schedule: Schedule) -> Simulation:
    """Runs the schedule as early as its dependencies allow.

    Raises ``ScheduleError`` naming the stuck actions where it deadlocks, and where an action is
    missing or listed twice.
    """
    _check_complete(schedule)
    starts: dict[Action, int] = {}
    positions = [0] * len(schedule)
    ready_at = [0] * len(schedule)
    remaining = sum(len(actions) for actions in schedule)
    while remaining:
        before = remaining
        for stage, actions in enumerate(schedule):
            while positions[stage] < len(actions):
                action = actions[positions[stage]]
                needs = _needs(action, len(schedule))
                if any(need not in starts for need in needs):
                    break
                begin = max([ready_at[stage]] + [starts[need] + 1 for need in needs])
                starts[action] = begin
                ready_at[stage] = begin + 1
                positions[stage] += 1
                remaining -= 1
        if remaining == before:
            stuck = [str(a[p]) for a, p in zip(schedule, positions, strict=True) if p < len(a)]
            raise ScheduleError(f"the schedule deadlocks at {', '.join(stuck)}")
    makespan = max(ready_at)
    busy = sum(len(actions) for actions in schedule)
    bubble = 1 - busy / (makespan * len(schedule))
    return Simulation(starts, makespan, bubble, [max_held(actions) for actions in schedule])


def max_held(actions: list[Action]) -> int:
    """The most activations a stage holds at once: forwards run, backwards still to come."""
    held = most = 0
    for action in actions:
        held += 1 if action.kind is Kind.FORWARD else -1
        most = max(most, held)
    return most


def draw(schedule: Schedule) -> str:
    """The schedule as text: a line a stage, a column a unit of time, ``.`` where it idles."""
    simulation = simulate(schedule)
    width = max(len(str(action)) for actions in schedule for action in actions) + 1
    lines = []
    for actions in schedule:
        cells = ["."] * simulation.makespan
        for action in actions:
            cells[simulation.starts[action]] = str(action)
        lines.append("".join(cell.ljust(width) for cell in cells).rstrip())
    return "\n".join(lines)


def _check_complete(schedule: Schedule) -> None:
    microbatches = {action.microbatch for action in schedule[0]}
    for stage, actions in enumerate(schedule):
        expected = {Action(stage, kind, m) for kind in Kind for m in microbatches}
        if set(actions) != expected or len(actions) != len(expected):
            odd = set(actions) ^ expected or {a for a in actions if actions.count(a) > 1}
            names = ", ".join(sorted(map(str, odd)))
            raise ScheduleError(f"stage {stage} has missing, foreign or doubled actions: {names}")


def _needs(action: Action, num_stages: int) -> list[Action]:
    if action.kind is Kind.FORWARD:
        if action.stage == 0:
            return []
        return [Action(action.stage - 1, Kind.FORWARD, action.microbatch)]
    own = Action(action.stage, Kind.FORWARD, action.microbatch)
    if action.stage == num_stages - 1:
        return [own]
    return [own, Action(action.stage + 1, Kind.BACKWARD, action.microbatch)]
