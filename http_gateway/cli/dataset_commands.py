"""The command lines of ``tandem dataset`` and ``tandem init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from http_gateway.cli.options import AsJson, PlainCommand, PlainGroup, Url

DataPath = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help="what lies in one of the gateway's data_roots; with ./ in front it is from here",
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--format", help="such as image_folder or csv (default: by the name's ending)"),
]
Target = Annotated[str | None, typer.Option(help="of a table: the column to tell")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="a field of dataset_config, such as resize=[64,64]; may be repeated"
    ),
]

dataset = typer.Typer(cls=PlainGroup, no_args_is_help=True)


@dataset.callback()
def datasets() -> None:
    """Look at data before anything is trained on it."""


@dataset.command(cls=PlainCommand)
def show(
    path: DataPath,
    kind: Format = None,
    target: Target = None,
    fields: Fields = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what Tandem understands of your files.

    It tells how many samples there are, their classes or columns, what is missing, what was
    skipped, and a few examples.
    """
    from http_gateway.cli.datasets import run_show
    from http_gateway.cli.showing.live_view import new_view
    from http_gateway.cli.showing.reporting import reporting

    with reporting(new_view(False)):
        run_show(path, kind, target, fields or [], url, as_json)


def init(
    path: DataPath,
    out: Annotated[Path, typer.Option(help="the job file to write")] = Path("job.yaml"),
    kind: Format = None,
    target: Target = None,
    fields: Fields = None,
    url: Url = None,
) -> None:
    """Write a job file that trains on your files at once.

    `tandem train` then trains it. The file is a place to begin: change it as you like.
    """
    from http_gateway.cli.datasets import run_init

    run_init(path, kind, target, fields or [], url, out)
