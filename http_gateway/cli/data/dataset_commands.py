"""The command lines of ``tandem dataset`` and ``tandem init``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from http_gateway.cli.options import AsJson, PlainCommand, PlainGroup, Url

DataPath = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="a data set's name, or what lies in one of the gateway's data_roots; with ./ in front "
        "it is from here",
    ),
]
DatasetName = Annotated[
    str, typer.Argument(metavar="NAME", help="1 to 64 of the characters a-z, 0-9, _ and -")
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
    """Look at data, and upload it."""


@dataset.command(cls=PlainCommand)
def show(
    path: DataPath,
    kind: Format = None,
    target: Target = None,
    fields: Fields = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what Tandem understands of data, before anything is trained on it.

    It tells how many samples there are, their classes or columns, what is missing, what was
    skipped, and a few examples.
    """
    from http_gateway.cli.data.datasets import run_show

    with _reported():
        run_show(path, kind, target, fields or [], url, as_json)


@dataset.command(cls=PlainCommand)
def add(
    name: DatasetName,
    path: Annotated[
        Path, typer.Argument(help="a folder, a zip, a tar or a single file, from here")
    ],
    kind: Format = None,
    target: Target = None,
    fields: Fields = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="in the place of the data set of this name")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Upload a data set to the gateway.

    A folder is sent as it is read. Jobs are then trained on it by its name. What --target and --set
    say holds for all of them.
    """
    from http_gateway.cli.data.uploads import run_add

    with _reported():
        run_add(name, path, kind, target, fields or [], replace, url, as_json)


@dataset.command("list", cls=PlainCommand)
def list_all(url: Url = None, as_json: AsJson = False) -> None:
    """List the data sets that Tandem knows, and those that were uploaded."""
    from http_gateway.cli.data.uploads import run_list

    with _reported():
        run_list(url, as_json)


@dataset.command(cls=PlainCommand)
def remove(
    name: DatasetName,
    force: Annotated[
        bool, typer.Option("--force", help="also while jobs may still train on it")
    ] = False,
    url: Url = None,
) -> None:
    """Delete an uploaded data set."""
    from http_gateway.cli.data.uploads import run_remove

    with _reported():
        run_remove(name, force, url)


@contextmanager
def _reported() -> Iterator[None]:
    """Says in one sentence why a command could not finish."""
    from http_gateway.cli.showing.live_view import new_view
    from http_gateway.cli.showing.reporting import reporting

    with reporting(new_view(False)):
        yield


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
    from http_gateway.cli.data.datasets import run_init

    run_init(path, kind, target, fields or [], url, out)
