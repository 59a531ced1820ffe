"""Each block of code in README and docs/ is run by a test, or is known to be an illustration; and
whatever a block calls is there: commands with their flags, targets of make, paths of the API."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from typing import Any

import typer

from http_gateway.app import create_app
from http_gateway.cli.main import app
from tests.support.documents import ROOT, blocks, pages
from tests.support.fake_job_client import FakeJobClient

RUN_BY = {
    "README.md": "tests/integration/test_documented_calls.py",
    "docs/api.md": "tests/integration/test_documented_calls.py",
    "docs/checkpoints.md": "tests/unit/checkpoints/test_documentation.py",
    "docs/exports.md": "tests/unit/test_documented_python.py",
    "docs/extending.md": "tests/unit/model/test_extending_page.py",
    "docs/models.md": "tests/unit/test_documented_python.py",
    "docs/own_cluster.md": "tests/integration/test_three_hosts.py",
    "docs/training.md": "tests/unit/test_documented_python.py",
    "docs/watching.md": "tests/integration/test_documented_calls.py",
}
"""The page -> the test that does what its blocks say."""
LANGUAGES = {"", "shell", "bash", "python", "yaml", "json", "text", "mermaid", "ini"}
TANDEM = re.compile(r"^(?:TANDEM_\w+=\S+ )?(?:\.venv/bin/)?tandem ", re.M)


def commands() -> list[tuple[str, list[str]]]:
    """Page and words of each line of shell, lines that go on joined, comments left out."""
    found = []
    for name, text in pages().items():
        for block in blocks("shell", text):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True) if line.count("'") % 2 == 0 else []
                found += [(name, words)] if words else []
    return found


def tandem_calls() -> list[tuple[str, list[str]]]:
    """The words after ``tandem``, in blocks and within sentences."""
    found = []
    for name, text in pages().items():
        lines = [line for block in blocks("shell", text) for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]*tandem [^`\n]*)`", text)
        for line in lines:
            if TANDEM.match(line):
                words = shlex.split(TANDEM.sub("", line, count=1), comments=True)
                found.append((name, words))
    return found


def command_named(words: list[str]) -> tuple[Any, list[str]] | None:
    """The command and what it is given; None for a placeholder such as ``COMMAND``."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        if not re.fullmatch(r"[a-z]+", name):
            return None
        assert name in command.commands, name
        command = command.commands[name]
    return command, words


def test_every_block_has_a_language_that_is_known() -> None:
    for name, text in pages().items():
        fences = re.findall(r"^```(\w*)\n.*?^```", text, re.M | re.S)
        assert set(fences) <= LANGUAGES, name


def test_every_page_with_python_has_a_test_that_runs_it() -> None:
    with_python = {name for name, text in pages().items() if blocks("python", text)}
    assert with_python <= set(RUN_BY)
    for path in RUN_BY.values():
        assert (ROOT / path).exists(), path


def test_python_parses_and_what_it_imports_is_there() -> None:
    for name, text in pages().items():
        for block in blocks("python", text):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    assert importlib.util.find_spec(node.module), (name, node.module)


def test_every_tandem_command_takes_the_flags_that_it_is_given() -> None:
    calls = tandem_calls()
    assert len(calls) > 50
    for name, words in calls:
        found = command_named(words)
        if found is None:
            continue
        command, given = found
        known = {flag for option in command.params for flag in option.opts} | {"--help", "-h"}
        flags = {word.partition("=")[0] for word in given if word.startswith("--")}
        assert flags <= known, (name, words, flags - known)


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name, text in pages().items():
        named = set(re.findall(r"`(?:\w+=\S+ )*make ([a-z-]+)", text))
        named |= {words[1] for page, words in commands() if page == name and words[0] == "make"}
        assert named <= targets, (name, named - targets)


def test_every_path_of_the_api_that_is_called_is_there() -> None:
    paths = create_app(FakeJobClient(), version="0").api_doc["paths"]
    known = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in paths]
    called = [
        (name, word.partition("4000")[2].partition("?")[0])
        for name, words in commands()
        if words[0] == "curl"
        for word in words
        if word.startswith("http") and "/" in word.partition("4000")[2]
    ]
    assert len(called) > 5
    for name, path in called:
        assert any(pattern.fullmatch(path) for pattern in known), (name, path)
