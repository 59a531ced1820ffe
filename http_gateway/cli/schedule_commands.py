"""The command line of ``tandem schedule``: pictures of schedules, without a gateway."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from actors.core.schedule.schedules import SCHEDULES
from http_gateway.cli.options import PlainCommand, PlainGroup

MAX_STAGES = 64
MAX_MICROBATCHES = 512
CANT_WRITE = 1

ScheduleName = Enum("ScheduleName", {name: name for name in SCHEDULES}, type=str)  # type: ignore[misc]

schedule = typer.Typer(cls=PlainGroup, no_args_is_help=True, rich_markup_mode=None)


@schedule.callback()
def schedules() -> None:
    """Draw the order in which devices work through a step."""


@schedule.command(cls=PlainCommand)
def show(
    name: Annotated[ScheduleName, typer.Argument(metavar="NAME", help=f"{', '.join(SCHEDULES)}")],
    stages: Annotated[
        int, typer.Option(min=1, max=MAX_STAGES, help="how many devices share the network")
    ] = 4,
    microbatches: Annotated[
        int, typer.Option(min=1, max=MAX_MICROBATCHES, help="microbatches in a batch")
    ] = 8,
    svg: Annotated[Path | None, typer.Option(help="SVG file to draw it in, instead")] = None,
) -> None:
    """Draw one step: a row for each device, a column for each unit of time.

    A column is as long as a forward pass of one microbatch.
    """
    from actors.core.schedule.grid import draw
    from actors.core.schedule.svg import svg_grid

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
