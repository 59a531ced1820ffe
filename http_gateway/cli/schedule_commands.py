"""The command line of ``tandem schedule``: pictures of schedules, without a gateway."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from actors.core.schedule_grid import draw
from actors.core.schedule_svg import svg_grid
from actors.core.schedules import SCHEDULES

MAX_STAGES = 64
MAX_MICROBATCHES = 512
CANT_WRITE = 1

ScheduleName = Enum("ScheduleName", {name: name for name in SCHEDULES}, type=str)  # type: ignore[misc]

schedule = typer.Typer(help="Pipeline schedules: what a step's order looks like.")


@schedule.command()
def show(
    name: Annotated[ScheduleName, typer.Argument(help="the schedule")],
    stages: Annotated[int, typer.Option(min=1, max=MAX_STAGES)] = 4,
    microbatches: Annotated[int, typer.Option(min=1, max=MAX_MICROBATCHES)] = 8,
    svg: Annotated[Path | None, typer.Option(help="file to draw it in, instead")] = None,
) -> None:
    """Draw one step: a row a stage, a column the time of a forward pass."""
    drawing = draw(name.value, stages, microbatches)
    if svg is None:
        typer.echo(drawing.text())
        return
    try:
        svg.write_text(svg_grid(drawing))
    except OSError as error:
        typer.echo(f"tandem: can't write {svg}: {error.strerror}", err=True)
        raise typer.Exit(CANT_WRITE) from None
    typer.echo(f"{drawing.title}\n{drawing.summary}\nDrawn in {svg}")
