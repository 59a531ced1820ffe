"""``tandem dataset add``, ``list`` and ``remove``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from actors.core.units import size_text
from http_gateway.cli.connection import make_client
from http_gateway.cli.data.datasets import CHOICES, of_file, own_fields, show, table
from http_gateway.cli.showing.live_view import new_console
from http_gateway.client import ApiError, TandemClient
from http_gateway.packing import packed

ARCHIVES = frozenset({".zip", ".tar", ".tgz", ".gz"})
"""The gateway finds out what is in files with these endings."""


def run_add(
    name: str,
    path: Path,
    kind: str | None,
    target: str | None,
    fields: Sequence[str],
    replace: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Raises ``InvalidRequest``, ``ApiError``."""
    wanted = {**_format(path, kind), **own_fields(target, fields)}
    with make_client(url) as client:
        shown = _uploaded(client, name, path, wanted, replace)
    if as_json:
        typer.echo(json.dumps(shown))
    else:
        show(shown["understood"], new_console())
        typer.echo(f"To train on it: dataset_config: {{name: {name}}}, or tandem init {name}")


def run_list(url: str | None, as_json: bool) -> None:
    """Raises ``ApiError``."""
    with make_client(url) as client:
        datasets = client.list_datasets()
    if as_json:
        typer.echo(json.dumps(datasets))
        return
    names = ("data set", "format", "training", "validation", "size", "jobs")
    new_console().print(table(names, map(_row, datasets)))


def run_remove(name: str, force: bool, url: str | None) -> None:
    """Raises ``ApiError``."""
    with make_client(url) as client:
        client.delete_dataset(name, force=force)
    typer.echo(f"The data set {name} is deleted.")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if not one["is_uploaded"]:
        return one["name"], "known to Tandem", "", "", "", ", ".join(one["jobs"])
    samples = ("" if one[part] is None else f"{one[part]:,}" for part in ("num_train", "num_val"))
    size = "" if one["num_bytes"] is None else size_text(one["num_bytes"])
    return one["name"], one["format"] or "?", *samples, size, ", ".join(one["jobs"])


def _format(path: Path, kind: str | None) -> dict[str, Any]:
    """The format that the name of a file says. The gateway finds out that of archives and
    folders."""
    if kind is None and (path.is_dir() or path.suffix.lower() in ARCHIVES):
        return {}
    return of_file(path.name, kind)


def _uploaded(
    client: TandemClient, name: str, path: Path, wanted: dict[str, Any], replace: bool
) -> dict[str, Any]:
    """Sends it again if the data turns out to need a choice."""
    while True:
        kind = wanted.get("format")
        fields = {own: value for own, value in wanted.items() if own != "format"}
        try:
            with _progress(path) as on_progress:
                return client.upload_dataset(
                    name,
                    path,
                    format=kind,
                    fields=fields,
                    replace=replace,
                    on_progress=on_progress,
                )
        except ApiError as error:
            choice = next((c for c in CHOICES if c.names in str(error)), None)
            if choice is None or choice.field in wanted:
                raise
        typer.echo(
            f"{choice.says} (--set {choice.field}=… chooses otherwise). It is sent again.", err=True
        )
        wanted = {**wanted, choice.field: choice.value}


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None]]:
    """Shows in a terminal how much was sent."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = new_console()
    with Progress(
        *columns, TransferSpeedColumn(), console=console, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task("Sending", total=len(packed(path)))

        def on_progress(num_bytes: int) -> None:
            shown.update(task, advance=num_bytes)
            if shown.finished:
                shown.update(task, description="Sent; the gateway looks at it")

        yield on_progress
