"""Options that several commands take, and how help shows a command; quick to import."""

from __future__ import annotations

import re
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
JsonLines = Annotated[bool, typer.Option("--json", help="one JSON object a line, for programs")]
AsJson = Annotated[bool, typer.Option("--json", help="the API's answer as JSON, for programs")]
RayAddress = Annotated[
    str | None, typer.Option(help="the Ray cluster, such as 192.168.1.5:6379 (default: one here)")
]
Storage = Annotated[
    Path | None, typer.Option(help="folder of Tandem's own files (default: ~/.tandem)")
]
Config = Annotated[Path | None, typer.Option(help="YAML file of settings; flags come first")]


def _name_types(params: list[Any]) -> list[Any]:
    """As help shows them: a flag takes no value, and the limits of a number follow its type."""
    for param in params:
        if isinstance(param, TyperOption) and param.metavar is None:
            if param.is_flag:
                param.metavar = ""
            elif param.min is not None:
                param.metavar = "<int>"
    return params


def _unwrapped(text: str | None) -> str | None:
    """Paragraphs as one line each: the terminal's width is to break them, not the source's."""
    return None if text is None else re.sub(r"(?<!\n)\n(?!\n)", " ", text)


class PlainCommand(TyperCommand):
    """A command whose help suits the terminal."""

    def __init__(self, *args: Any, help: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, help=_unwrapped(help), **kwargs)

    def get_params(self, ctx: Any) -> Any:
        return _name_types(super().get_params(ctx))


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
