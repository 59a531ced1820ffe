"""Draws a schedule as a grid of stages and time, as text.

The unit of time is a forward pass; a backward pass takes two, either half of it one.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.schedule.checks import Simulation, StageCosts, simulate
from actors.core.schedule.schedules import Action, ActionKind, Schedule, build_schedule

MEANINGS = {
    ActionKind.FORWARD: "forward",
    ActionKind.BACKWARD: "backward",
    ActionKind.INPUT_GRAD: "gradient of the inputs",
    ActionKind.WEIGHT_GRAD: "gradient of the weights",
}
IDLE = "."


@dataclass(frozen=True)
class Drawing:
    """A schedule and the facts shown with it, as text and for ``schedule_svg``."""

    name: str
    num_microbatches: int
    schedule: Schedule
    simulation: Simulation

    @property
    def title(self) -> str:
        """The schedule's name and size."""
        num_stages = len(self.schedule)
        return (
            f"{self.name}: {_count(num_stages, 'stage')}, "
            f"{_count(self.num_microbatches, 'microbatch', 'es')}"
        )

    @property
    def summary(self) -> str:
        """How long it takes, the share of waiting, and what the stages hold."""
        simulation = self.simulation
        held = simulation.max_held
        told = f"{held[0]} each" if len(set(held)) == 1 else " ".join(map(str, held))
        return (
            f"{simulation.makespan:g} forward passes long{self._overlap()}, bubble "
            f"{simulation.bubble:.1%}; activations held, by stage: {told}"
        )

    @property
    def kinds(self) -> list[ActionKind]:
        """Those that occur."""
        found = {action.kind for actions in self.schedule for action in actions}
        return [kind for kind in ActionKind if kind in found]

    def begin(self, action: Action) -> int:
        """The column in which an action starts."""
        return round(self.simulation.starts[action])

    def length(self, action: Action) -> int:
        """How many columns it takes."""
        return round(StageCosts().of(action.kind))

    def text(self) -> str:
        """A line a stage, a column a forward pass; ``B0---`` takes two, ``.`` is a wait."""
        stages = range(len(self.schedule))
        digits = len(str(stages[-1]))
        rows = [f"stage {stage:<{digits}}  {self._row(stage)}" for stage in stages]
        meanings = ", ".join(f"{kind.value} {MEANINGS[kind]}" for kind in self.kinds)
        return "\n".join([self.title, "", *rows, "", f"{meanings}; {IDLE} waits", self.summary])

    def _overlap(self) -> str:
        """When the next step can begin, where that is before the last stage is through."""
        begins = [self.begin(actions[0]) for actions in self.schedule]
        spans = [end - begin for begin, end in zip(begins, self.simulation.ends, strict=True)]
        if max(spans) == self.simulation.makespan:
            return ""
        return f", the next step begins after {max(spans):g}"

    def _row(self, stage: int) -> str:
        width = len(f"F{self.num_microbatches - 1} ")
        cells = [IDLE.ljust(width)] * round(self.simulation.makespan)
        for action in self.schedule[stage]:
            begin, length = self.begin(action), self.length(action)
            label = f"{action.kind.value}{action.microbatch}"
            fill = "-" if length > 1 else " "
            cells[begin] = label.ljust(length * width - 1, fill) + " "
            cells[begin + 1 : begin + length] = [""] * (length - 1)
        return "".join(cells).rstrip()


def draw(name: str, num_stages: int, num_microbatches: int) -> Drawing:
    """The named schedule with equal stages; raises ``InvalidRequest`` as ``build_schedule``."""
    schedule = build_schedule(name, num_stages, num_microbatches)
    return Drawing(name, num_microbatches, schedule, simulate(schedule))


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
