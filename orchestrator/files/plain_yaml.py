"""Reads YAML files that people write: their content, its lines, and their mistakes.

It accepts only the YAML that JSON could express, so that nothing gets a meaning that nobody
intended: a key is text and may come once, and 010, 1:30 or 2026-01-01 are text, not numbers or
dates. An error names the line and never its content, because the file may be the wrong one, with
secrets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from actors.core.errors import error_text
from orchestrator.errors import InvalidRequest

MAX_BYTES = 2**20  # no job and no settings need more; what has more is another file
TAG = "tag:yaml.org,2002:"
MERGE, TEXT, INT, FLOAT, DATE = (
    TAG + name for name in ("merge", "str", "int", "float", "timestamp")
)
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)$")
EXPONENT = r"[eE][-+]?[0-9]+"
NUMBER = re.compile(
    rf"[-+]?(([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)({EXPONENT})?|[0-9][0-9_]*{EXPONENT})$"
)
BEHIND_A_COMMA = re.compile(rf"[0-9]+({EXPONENT})?$")
REMEDIES = (
    ("found character '\\t'", "a tab stands where only spaces may: indent with spaces"),
    (
        "could not find expected ':'",
        "a colon is missing: write `key: value`, or `- value` for an entry of a list",
    ),
    (
        "mapping values are not allowed",
        "a colon stands where none is expected: the keys of one group stand exactly below each "
        "other, and a text with a colon and a space in it needs quotes",
    ),
    ("found unexpected end of stream", "a quote that opens there is not closed"),
    ("expected ',' or", "a bracket that opens there is not closed, or a comma is missing in it"),
    ("found another document", "a second document begins there: a file holds one"),
    ("found undefined alias", "a value that begins with * names a part that is not there"),
    ("could not determine a constructor", "a value that begins with ! is not taken: write it out"),
    (
        "expected <block end>",
        "the indentation fits none above: the keys of one group stand exactly below each other",
    ),
    (
        "that cannot start any token",
        "a text begins with a sign that has a meaning of its own in YAML: put it in quotes",
    ),
)
"""PyYAML's message -> what is wrong, in words for the file's author."""

OPENED = (REMEDIES[1][0], REMEDIES[3][0], REMEDIES[4][0])
"""Errors whose cause is where the part began, not where the parser noticed it."""


@dataclass(frozen=True)
class PlainYaml:
    """A file's ``content`` as JSON would have it, None for an empty file."""

    content: Any
    _root: yaml.Node | None

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line on which the part named by ``path`` begins, from 1; None if there is none."""
        node, line = self._root, None
        for part in path:
            found = _child(node, part)
            if found is None:
                return None
            node, line = found.value, found.line
        return line


@dataclass(frozen=True)
class _Child:
    value: yaml.Node
    line: int


def read_yaml(path: Path, what: str) -> PlainYaml:
    """Reads ``path``, which is ``what`` (such as "The job file"); raises ``InvalidRequest``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidRequest(f"{what} {path} can't be read: {why}") from error
    try:
        if len(data) > MAX_BYTES:
            raise _Wrong(f"it has more than {MAX_BYTES // 2**20} MiB: is it the right file?")
        return _parse(data)
    except (_Wrong, yaml.YAMLError, RecursionError) as error:
        raise InvalidRequest(f"{what} {path} can't be read: {_why(error)}") from None


def read_value(text: str, what: str) -> Any:
    """One value, as a file would have it after ``key:``; ``what`` names it. Raises
    ``InvalidRequest``."""
    try:
        return _parse(text.encode()).content
    except (_Wrong, yaml.YAMLError, RecursionError) as error:
        raise InvalidRequest(f"{what} can't be read: {_why(error)}") from None


class _Wrong(Exception):
    """What is wrong, in words for the file's author."""


def _parse(data: bytes) -> PlainYaml:
    loader = _Loader(data)
    try:
        root = loader.get_single_node()
        return PlainYaml(None if root is None else loader.construct_document(root), root)
    finally:
        loader.dispose()


def _why(error: Exception) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "it isn't text in UTF-8: is it the right file? If so, save it as UTF-8"
    if isinstance(error, RecursionError):
        return "its brackets are nested too deeply"
    if not isinstance(error, yaml.MarkedYAMLError):
        return error_text(error)
    problem = error.problem or ""
    opened = any(known in problem for known in OPENED)
    mark = (error.context_mark if opened else None) or error.problem_mark
    remedy = next((told for known, told in REMEDIES if known in problem), problem)
    return remedy if mark is None else f"line {mark.line + 1}: {remedy}"


def _child(node: yaml.Node | None, part: str | int) -> _Child | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return _Child(value, value.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return _Child(value, key.start_mark.line + 1)
    return None


class _Loader(yaml.SafeLoader):
    """PyYAML without the parts of YAML 1.1 that surprise."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for place, (key, value) in enumerate(node.value):
            line = key.start_mark.line + 1
            if key.tag == MERGE:
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise _Wrong(f"line {line}: a key isn't text: write `key: value`")
            if key.value in lines:
                raise _Wrong(
                    f"line {line}: the key of line {lines[key.value]} stands there a second time"
                )
            if place and value.start_mark.index == value.end_mark.index:
                name, before = node.value[place - 1]
                _refuse_decimal_comma(name, before, key)
            lines[key.value], key.tag = line, TEXT
        return super().construct_mapping(node, deep)


def _refuse_decimal_comma(name: yaml.Node, before: yaml.Node, key: yaml.ScalarNode) -> None:
    """``{rate: 0,1}`` is the same as ``{rate: 0, 1: }`` to YAML."""
    if before.tag == INT and BEHIND_A_COMMA.match(key.value):
        raise _Wrong(
            f"line {key.start_mark.line + 1}: {name.value} is {before.value},{key.value}, which "
            f"isn't a number: write {before.value}.{key.value}, with a point"
        )


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Those of PyYAML, with other ideas of what is a number, and none of dates."""
    kept = {
        first: [(tag, pattern) for tag, pattern in known if tag not in (INT, FLOAT, DATE)]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for first in "-+0123456789.":
        kept[first] = [*kept.get(first, []), (INT, INTEGER), (FLOAT, NUMBER)]
    return kept


_Loader.yaml_implicit_resolvers = _resolvers()
