"""Ends a command: one sentence on stderr, the last event, and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from actors.core.errors import TandemError
from http_gateway.cli.showing.live_view import View
from http_gateway.client import ApiError
from http_gateway.process.interrupts import held

FAILED = 1
UNKNOWN_JOB = 2
INTERRUPTED = 130  # what a shell makes of SIGINT


class CommandEnd(Exception):
    """Ends a command with a sentence and an exit code."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@contextmanager
def reporting(view: View) -> Iterator[View]:
    """Stops ``view`` and says in one sentence why the command could not finish."""
    try:
        with view:
            yield view
    except (TandemError, ApiError, CommandEnd, KeyboardInterrupt) as error:
        message = str(error) or "Interrupted"
        with held():
            view.cut_off(message)
            typer.echo(f"tandem: {message}", err=True)
        raise typer.Exit(exit_code(error)) from None


def exit_code(error: BaseException) -> int:
    if isinstance(error, CommandEnd):
        return error.exit_code
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
