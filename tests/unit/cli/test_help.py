"""The output of ``--help``, and the imports that it avoids."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from http_gateway.cli.main import app

HEAVY = {
    "flask",
    "numpy",
    "pydantic",
    "ray",
    "requests",
    "rich",
    "sqlalchemy",
    "torch",
    "yaml",
}
WHAT_IT_IMPORTS = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
from http_gateway.cli.main import app
app(sys.argv[1:])
"""


def commands(group: Any, *path: str) -> dict[tuple[str, ...], Any]:
    """Every command, by the words that call it."""
    found: dict[tuple[str, ...], Any] = {path: group}
    for name, command in getattr(group, "commands", {}).items():
        found |= commands(command, *path, name)
    return found


COMMANDS = commands(typer.main.get_command(app))


def shown(*path: str, columns: int = 80) -> str:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": str(columns)})
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["train", "--help"], ["serve", "--help"], ["join", "--help"]],
    ids=" ".join,
)
def test_help_imports_nothing_that_is_slow_to_import(arguments: list[str]) -> None:
    command = [sys.executable, "-c", WHAT_IT_IMPORTS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    imported = set(done.stderr.split())
    assert "http_gateway.cli.main" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_word_of_help_is_shown_and_a_flag_has_no_type(path: tuple[str, ...]) -> None:
    text = shown(*path, columns=200)
    assert "<bool>" not in text and "…" not in text
    words = " ".join(text.split())
    params = COMMANDS[path].params
    assert all(param.help for param in params), "an option without a word of help"
    for told in [COMMANDS[path].help, *(param.help for param in params)]:
        assert " ".join(told.split()) in words


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(path: tuple[str, ...]) -> None:
    lines = shown(*path).splitlines()
    assert max(len(line) for line in lines) <= 80


def test_the_commands_are_grouped_by_what_they_are_for_with_a_line_each() -> None:
    panels: dict[str, list[str]] = {}
    for line in shown(columns=200).splitlines():
        if line.endswith(":"):
            panels[line.removesuffix(":")] = []
        elif line.startswith("  ") and panels:
            panels[[*panels][-1]].append(line.split()[0])
    del panels["Options"]
    panels[[*panels][-1]].remove("Begin")  # the last line
    told = [name for names in panels.values() for name in names]
    assert sorted(told) == sorted(name for (name, *_) in filter(None, COMMANDS) if not _)
    assert len(panels) == 5 and all(len(names) >= 2 for names in panels.values())


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_the_version_is_printed(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0 and result.stdout.strip().startswith("0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["head", "--port", "80"], "'80', but must be an integer from 1024 to 65535"),
        (["head", "--port=abc"], "'abc', but must be an integer from 1024 to 65535"),
        (["serve", "--port", "http"], "'http', but must be an integer"),
        (["serve", "--channel", "mpi"], "'mpi', but must be one of auto, object_store"),
        (["demo", "--dataset", "mnist"], "'mnist', but must be one of digits, MNIST"),
        (["schedule", "show", "gpipe", "--stages", "0"], "'0', but must be an integer from 1 to"),
    ],
)
def test_a_wrong_value_of_an_option_is_told_with_what_it_must_be(
    arguments: list[str], said: str
) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2 and said in result.stderr and "Input should" not in result.stderr


@pytest.mark.parametrize("path", [[], ["train"], ["schedule", "show"]])
def test_help_has_a_short_name(path: list[str]) -> None:
    result = CliRunner().invoke(app, [*path, "-h"])
    assert result.exit_code == 0 and "Usage:" in result.stdout
