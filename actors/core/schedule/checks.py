"""Simulates a schedule before it runs, by units of time or by measured seconds.

Room in a channel is bounded: a sender that is ahead waits, which may deadlock, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from actors.core.schedule.rules import ScheduleError, check_held, check_lists, max_held
from actors.core.schedule.schedules import SCHEDULES, Action, ActionKind, Schedule, build_schedule

TIGHTEST_SLOTS = 1


@dataclass(frozen=True)
class StageCosts:
    """How long a stage's actions take for one microbatch, and its update once in a step.

    Seconds, or any other unit. The defaults are those of the drawings: a forward pass takes one
    unit, and so does either half of the backward pass.
    """

    forward_s: float = 1.0
    backward_s: float = 2.0
    input_grad_s: float = 1.0
    weight_grad_s: float = 1.0
    update_s: float = 0.0

    def of(self, kind: ActionKind) -> float:
        """How long an action of this kind takes."""
        if kind is ActionKind.FORWARD:
            return self.forward_s
        if kind is ActionKind.BACKWARD:
            return self.backward_s
        return self.input_grad_s if kind is ActionKind.INPUT_GRAD else self.weight_grad_s


@dataclass(frozen=True)
class EdgeCosts:
    """How long a message is on its way between two stages: activations, and gradients back.

    It keeps neither stage busy. In each direction an edge carries one message at a time, for that
    long. Each arrives ``latency_s`` later; the next one may already follow.
    """

    forward_s: float = 0.0
    backward_s: float = 0.0
    latency_s: float = 0.0


@dataclass(frozen=True)
class Simulation:
    """One step, played through from time 0, in the unit of the costs."""

    starts: dict[Action, float]
    """When each action starts."""
    ends: tuple[float, ...]
    """Per stage, when it has done its last action and its update."""
    makespan: float
    """When the last stage has done so."""
    period: float
    """The time from one step to the next. A stage begins a step as soon as it has finished the one
    before and has a message. So it is the longest time from a stage's first action to its end."""
    busy: tuple[float, ...]
    """Per stage, the time in which it computes, its update included."""
    wait: tuple[float, ...]
    """Per stage, the rest of the makespan."""
    bubble: float
    """Share of the stages' time in which they have nothing to do."""
    max_held: tuple[int, ...]
    """Per stage, the most activations held at once."""


def simulate(
    schedule: Schedule,
    stages: Sequence[StageCosts] | None = None,
    edges: Sequence[EdgeCosts] | None = None,
    slots: int | None = None,
) -> Simulation:
    """Runs the schedule as early as its dependencies allow; O(actions).

    ``stages`` has an entry for each stage, ``edges`` one for each pair of neighbours; None stands
    for units of time, and for edges that take none. ``slots`` bounds the messages of one direction
    of an edge that are sent and not yet taken; None is no bound.

    Raises ``ScheduleError`` where an action is missing, foreign, listed twice or out of order, and,
    naming the stuck actions, where it deadlocks.
    """
    check_lists(schedule)
    num_stages = len(schedule)
    stages = [StageCosts()] * num_stages if stages is None else stages
    edges = [EdgeCosts()] * (num_stages - 1) if edges is None else edges
    if len(stages) != num_stages or len(edges) != num_stages - 1:
        raise ScheduleError(
            f"the costs are of {len(stages)} stages and {len(edges)} edges, but the schedule has "
            f"{num_stages} stages: give {num_stages} and {num_stages - 1}"
        )
    return _Run(schedule, stages, edges, slots).simulation()


def checked_schedule(name: str, num_stages: int, num_microbatches: int) -> Schedule:
    """The named schedule, checked for whatever channels it may run over.

    Raises ``InvalidRequest`` as ``build_schedule`` does, ``ScheduleError`` as ``simulate`` and
    ``check_held``.
    """
    schedule = build_schedule(name, num_stages, num_microbatches)
    simulate(schedule, slots=TIGHTEST_SLOTS)
    bound = SCHEDULES[name].most_held
    check_held(schedule, [bound(i, num_stages, num_microbatches) for i in range(num_stages)])
    return schedule


class _Link:
    """One direction of an edge: messages are taken in the order in which they are sent."""

    def __init__(self, receiver: int, transit: float, latency: float, slots: int | None) -> None:
        self.receiver = receiver
        self.arrivals: list[float] = []
        self.taken: list[float] = []
        self._transit = transit
        self._latency = latency
        self._slots = slots
        self._free_at = 0.0

    def room_since(self) -> float | None:
        """Since when the next message has room; None if it has none yet."""
        if self._slots is None or len(self.arrivals) < self._slots:
            return 0.0
        must_be_taken = len(self.arrivals) - self._slots
        return self.taken[must_be_taken] if must_be_taken < len(self.taken) else None

    def send(self, at: float) -> None:
        self._free_at = max(at, self._free_at) + self._transit
        self.arrivals.append(self._free_at + self._latency)


class _Run:
    """Plays a schedule through. A stage runs until it lacks a message or room for one; when either
    comes, the stage is put back in line, so that no stage is visited for nothing."""

    def __init__(
        self,
        schedule: Schedule,
        stages: Sequence[StageCosts],
        edges: Sequence[EdgeCosts],
        slots: int | None,
    ) -> None:
        self._schedule = schedule
        self._costs = stages
        self._forward = [
            _Link(i + 1, edge.forward_s, edge.latency_s, slots) for i, edge in enumerate(edges)
        ]
        self._backward = [
            _Link(i, edge.backward_s, edge.latency_s, slots) for i, edge in enumerate(edges)
        ]
        self._positions = [0] * len(schedule)
        self._clocks = [0.0] * len(schedule)
        self._busy = [0.0] * len(schedule)
        self._unsent: list[_Link | None] = [None] * len(schedule)
        self._starts: dict[Action, float] = {}
        self._line = deque(range(len(schedule)))

    def simulation(self) -> Simulation:
        """Plays the step."""
        while self._line:
            self._advance(self._line.popleft())
        self._check_done()
        ends = tuple(t + c.update_s for t, c in zip(self._clocks, self._costs, strict=True))
        busy = tuple(t + c.update_s for t, c in zip(self._busy, self._costs, strict=True))
        makespan = max(ends)
        bubble = 1 - sum(busy) / (makespan * len(busy)) if makespan > 0 else 0.0
        wait = tuple(makespan - t for t in busy)
        held = tuple(max_held(actions) for actions in self._schedule)
        begins = (self._starts[actions[0]] for actions in self._schedule)
        period = max(end - begin for end, begin in zip(ends, begins, strict=True))
        return Simulation(self._starts, ends, makespan, period, busy, wait, bubble, held)

    def _advance(self, stage: int) -> None:
        actions, costs = self._schedule[stage], self._costs[stage]
        while self._sent(stage) and self._positions[stage] < len(actions):
            action = actions[self._positions[stage]]
            begin = self._take(stage, action, self._clocks[stage])
            if begin is None:
                return
            cost = costs.of(action.kind)
            self._starts[action] = begin
            self._clocks[stage] = begin + cost
            self._busy[stage] += cost
            self._positions[stage] += 1
            self._unsent[stage] = self._out(stage, action.kind)

    def _take(self, stage: int, action: Action, ready: float) -> float | None:
        """When the action can start, its message taken; None while that was not sent."""
        link = self._in(stage, action.kind)
        if link is None:
            return ready
        if len(link.arrivals) == len(link.taken):
            return None
        begin = max(ready, link.arrivals[len(link.taken)])
        link.taken.append(begin)
        sender = stage - 1 if action.kind is ActionKind.FORWARD else stage + 1
        if self._unsent[sender] is link:
            self._line.append(sender)
        return begin

    def _sent(self, stage: int) -> bool:
        """Sends the result of the last action; False while there is no room for it."""
        link = self._unsent[stage]
        if link is None:
            return True
        room_since = link.room_since()
        if room_since is None:
            return False
        self._clocks[stage] = max(self._clocks[stage], room_since)
        link.send(self._clocks[stage])
        self._unsent[stage] = None
        self._line.append(link.receiver)
        return True

    def _in(self, stage: int, kind: ActionKind) -> _Link | None:
        if kind is ActionKind.FORWARD:
            return self._forward[stage - 1] if stage > 0 else None
        if kind is ActionKind.WEIGHT_GRAD or stage == len(self._schedule) - 1:
            return None
        return self._backward[stage]

    def _out(self, stage: int, kind: ActionKind) -> _Link | None:
        if kind is ActionKind.FORWARD:
            return self._forward[stage] if stage < len(self._schedule) - 1 else None
        return (
            self._backward[stage - 1] if kind is not ActionKind.WEIGHT_GRAD and stage > 0 else None
        )

    def _check_done(self) -> None:
        stuck = []
        for stage, (actions, position) in enumerate(
            zip(self._schedule, self._positions, strict=True)
        ):
            if self._unsent[stage] is not None:
                stuck.append(f"{actions[position - 1]} (no room to send)")
            elif position < len(actions):
                stuck.append(str(actions[position]))
        if stuck:
            raise ScheduleError(f"the schedule deadlocks at {', '.join(stuck)}")
