"""The ``tandem`` command in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner, Result

from http_gateway.cli.main import app

Tandem = Callable[..., Result]


def tandem(*arguments: Any) -> Result:
    """Runs a command with these arguments; its stdout is no terminal."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def events(stdout: str) -> list[dict[str, Any]]:
    """The output of ``--json``: one object a line and nothing else."""
    return [json.loads(line) for line in stdout.splitlines()]
