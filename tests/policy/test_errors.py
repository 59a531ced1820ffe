"""The tree of errors is drawn as it grows, and every error survives the way between processes."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
from pathlib import Path

from actors.core import errors as core_errors
from actors.core.errors import TandemError, error_text
from orchestrator import errors as job_errors

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("actors", "orchestrator", "http_gateway")


def declared() -> dict[str, tuple[str, str]]:
    """Every class below ``TandemError`` in the shipped code: its parent and its module."""
    bases = {}
    for path in sorted(p for floor in FLOORS for p in (ROOT / floor).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.bases:
                bases[node.name] = (ast.unparse(node.bases[0]).rsplit(".", 1)[-1], module)
    found = {"TandemError"}
    while more := {name for name, (base, _) in bases.items() if base in found} - found:
        found |= more
    return {name: bases[name] for name in found - {"TandemError"}}


def drawn_as_branches(text: str) -> dict[str, str]:
    """Child -> parent in lines such as ``│   ├── InvalidRequest   a value is wrong``."""
    parents, above = {}, {0: "TandemError"}
    for line in text.splitlines():
        if branch := re.match(r"^    ([│ ]*[├└]── )(\w+)", line):
            depth = len(branch[1]) // 4
            above[depth] = branch[2]
            parents[branch[2]] = above[depth - 1]
    return parents


def drawn_as_rows(text: str) -> dict[str, str]:
    """Child -> parent in rows such as ``NotFound ── JobNotFound, DeviceNotFound``."""
    rows = re.findall(r"^    (\w+) ── ((?:\w+,?\s+)+?)(?=    \w+ ── |\Z)", text + "\n", re.M)
    return {child: parent for parent, row in rows for child in re.findall(r"\w+", row)}


DECLARED = declared()
DRAWN = {
    **drawn_as_branches(core_errors.__doc__ or ""),
    **drawn_as_rows(job_errors.__doc__ or ""),
}


def load(name: str) -> type[TandemError]:
    found: type[TandemError] = getattr(importlib.import_module(DECLARED[name][1]), name)
    return found


def test_every_error_is_drawn_under_its_parent_and_nothing_else_is() -> None:
    assert {name: parent for name, (parent, _) in DECLARED.items()} == DRAWN


def test_every_error_survives_pickling_with_its_text() -> None:
    for name in sorted(DECLARED):
        error = load(name)("Device 10.0.0.2:5001 – “gone”")
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error), name
        expected = (error.message, error.message, error.args)
        assert (copy.message, str(copy), copy.args) == expected, name


def test_every_error_says_what_it_is_for() -> None:
    assert [name for name in sorted(DECLARED) if not load(name).__doc__] == []


def test_callers_mistakes_are_value_errors_and_no_others_are() -> None:
    of_callers = {name for name in DECLARED if issubclass(load(name), core_errors.CallerError)}
    assert {name for name in DECLARED if issubclass(load(name), ValueError)} == of_callers


def test_the_errors_of_jobs_are_all_exported() -> None:
    own = {name for name, (_, module) in DECLARED.items() if module == job_errors.__name__}
    assert own <= set(job_errors.__all__)
    assert job_errors.__all__ == sorted(job_errors.__all__)


class _Silent(Exception):
    """Says nothing, as an assertion or the end of a file does."""


def test_no_error_has_an_empty_text() -> None:
    assert error_text(_Silent()) == "_Silent"
    assert error_text(_Silent(" two\n words ")) == "two words"
    for text in ("", "  \n"):
        assert job_errors.DatasetUnavailable(text).message.strip()
        assert str(TandemError(text)).strip()


def texts_that_may_be_empty(code: str) -> list[str]:
    """``str(error)`` of a caught error that becomes a text: there ``error_text`` is to be used.

    To look for words in it, or to put others in its place when it is empty, is all right.
    """
    found = []
    tree = ast.parse(code)
    caught = {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler)}
    allowed = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.BoolOp)
        for part in (node.values[:-1] if isinstance(node, ast.BoolOp) else ast.walk(node))
    }
    for node in ast.walk(tree):
        is_str = isinstance(node, ast.Call) and ast.unparse(node.func) == "str" and node.args
        if is_str and id(node) not in allowed and ast.unparse(node.args[0]) in caught:
            found.append(ast.unparse(node))
    return found


def test_what_a_caught_error_says_goes_through_the_one_function() -> None:
    assert texts_that_may_be_empty("try: f()\nexcept E as e: raise X(str(e))") == ["str(e)"]
    assert not texts_that_may_be_empty("try: f()\nexcept E as e: g('a' in str(e), str(e) or 'b')")
    paths = [p for floor in FLOORS for p in (ROOT / floor).rglob("*.py")]
    found = {str(path): texts_that_may_be_empty(path.read_text()) for path in paths}
    assert {path: texts for path, texts in found.items() if texts} == {}
