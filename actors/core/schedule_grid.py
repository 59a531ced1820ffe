"""Draws a schedule as a grid of stages and time, as text."""

from __future__ import annotations

from actors.core.schedule_checks import Simulation, StageCosts, simulate
from actors.core.schedules import Schedule

IDLE = "."


def text_grid(schedule: Schedule) -> str:
    """A line a stage, a column a forward pass; ``B0---`` takes two, ``.`` is a wait."""
    simulation = simulate(schedule)
    width = max(len(str(action)) for actions in schedule for action in actions)
    return "\n".join(
        f"stage {stage:<{len(str(len(schedule) - 1))}}  {_row(schedule, stage, simulation, width)}"
        for stage in range(len(schedule))
    )


def _row(schedule: Schedule, stage: int, simulation: Simulation, width: int) -> str:
    units = StageCosts()
    cells = [IDLE.ljust(width)] * round(simulation.makespan)
    for action in schedule[stage]:
        begin, length = round(simulation.starts[action]), round(units.of(action.kind))
        label = f"{action.kind.value}{action.microbatch}"
        cells[begin] = label.ljust(length * width - 1, "-" if length > 1 else " ") + " "
        cells[begin + 1 : begin + length] = [""] * (length - 1)
    return "".join(cells).rstrip()
