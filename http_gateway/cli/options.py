"""Options that several commands take, and how help shows a command; quick to import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

GATEWAY_PORT = 4000
DEFAULT_URL = f"http://127.0.0.1:{GATEWAY_PORT}"
URL_VARIABLE = "TANDEM_URL"

Job = Annotated[str, typer.Argument(metavar="JOB", help="the job's id, such as 1")]
Url = Annotated[
    str | None,
    typer.Option("--url", help=f"the gateway (default: {URL_VARIABLE}, or {DEFAULT_URL})"),
]
JsonLines = Annotated[bool, typer.Option("--json", help="one JSON object per line, for programs")]
AsJson = Annotated[bool, typer.Option("--json", help="the API's answer as JSON, for programs")]
RayAddress = Annotated[
    str | None, typer.Option(help="the Ray cluster, such as 192.168.1.5:6379 (default: one here)")
]
Ip = Annotated[
    str | None, typer.Option(help="this host's address for other devices, if it has several")
]
Storage = Annotated[
    Path | None, typer.Option(help="folder of Tandem's own files (default: ~/.tandem)")
]
Config = Annotated[Path | None, typer.Option(help="YAML file of settings; flags override it")]


def _name_types(params: list[Any]) -> list[Any]:
    """For the help: a flag takes no value, and a number's limits follow its type."""
    for param in params:
        if isinstance(param, TyperOption) and param.metavar is None:
            if param.is_flag:
                param.metavar = ""
            elif param.min is not None:
                param.metavar = "<int>"
    return params


def _reworded(error: typer.BadParameter, args: Sequence[str]) -> None:
    """The given value and what it must be, instead of pydantic's message."""
    error.message = error.message.removeprefix("Value error, ")
    param = error.param
    descriptor = getattr(param, "type_descriptor", None)
    given = None if param is None else _given(param.opts, args)
    if descriptor is None or given is None:
        return
    low, high = getattr(param, "min", None), getattr(param, "max", None)
    if descriptor.is_choice:
        must = "one of " + ", ".join(str(choice.value) for choice in descriptor.choices)
    elif descriptor.annotation is int:
        must = "an integer" if low is None else f"an integer from {low} to {high}"
    else:
        return
    error.message = f"it is {given!r}, but must be {must}"


def _given(names: Sequence[str], args: Sequence[str]) -> str | None:
    """The value of an option among ``args``; None of what is no option."""
    for place, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        if name in names and name.startswith("-"):
            return value if equals else "".join(args[place + 1 : place + 2])
    return None


def _unwrapped(text: str | None) -> str | None:
    """Paragraphs as one line each: the terminal's width is to break them, not the source's."""
    return None if text is None else re.sub(r"(?<!\n)\n(?!\n)", " ", text)


class PlainCommand(TyperCommand):
    """A command whose help fits the terminal."""

    def __init__(self, *args: Any, help: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, help=_unwrapped(help), **kwargs)

    def get_params(self, ctx: Any) -> Any:
        return _name_types(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = [*args]
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            _reworded(error, given)
            raise


class PlainGroup(TyperGroup):
    """The same for a group of commands."""

    def get_params(self, ctx: Any) -> Any:
        """A flag that is not given is False from the start: typer imports pydantic to make a bool
        of None, which would be a third of the time of a command's help."""
        params = _name_types(super().get_params(ctx))
        for param in params:
            if isinstance(param, TyperOption) and param.is_flag:
                param.default = param.default or False
        return params

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Those for one purpose together, each with the first paragraph of its help."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            rows = panels.setdefault(command.rich_help_panel or "Commands", [])
            rows.append((name, _unwrapped(command.help.partition("\n\n")[0]) or ""))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)
