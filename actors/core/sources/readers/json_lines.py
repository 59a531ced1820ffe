"""Checks the size of a jsonl before pyarrow makes its columns. A file that names another column in
each line would become a table of lines × lines cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.fields import shown_value
from actors.core.sources.readers.table_file import TableFile

BLOCK_BYTES = 2**20
MAX_LINE_BYTES = 2**24
BOM = b"\xef\xbb\xbf"
CELL_BYTES = 8
"""What pyarrow takes for a cell, also in a row that lacks it."""


def check_lines(file: TableFile) -> None:
    """Raises ``DatasetUnavailable`` for a table that grows too large, and for a line that is no
    JSON object, or too long."""
    names: set[str] = set()
    num_rows, num_lines = 0, 0
    for lines in _line_blocks(file):
        rows = _rows(file, lines, num_lines + 1)
        names.update(*rows)
        if sum(line.count(b"{") for line in lines) > len(rows):
            names |= _inner_names(rows)
        num_rows += len(rows)
        num_lines += len(lines)
        file.check_size(len(names), CELL_BYTES * num_rows * len(names))


def _line_blocks(file: TableFile) -> Iterator[Sequence[bytes]]:
    num_lines = 0
    with file.opened() as opened:
        rest = opened.read(len(BOM)).removeprefix(BOM)
        while block := opened.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            num_lines += len(lines)
            if len(rest) > MAX_LINE_BYTES:
                raise DatasetUnavailable(
                    f"{file.place}, line {num_lines + 1:,} has more than {MAX_LINE_BYTES:,} bytes, "
                    "the limit: write an object a line, and leave large values out"
                )
            yield lines
    yield [rest]


def _rows(file: TableFile, lines: Sequence[bytes], first: int) -> list[dict[str, Any]]:
    """Parses all lines at once, which is faster, and one by one only to find the wrong one.
    ``first`` is the number of the first line."""
    try:
        text = b",".join(line for line in lines if line.strip()).decode()
        rows = json.loads(f"[{text}]")
        if all(type(row) is dict for row in rows):
            return list(rows)
    except (ValueError, RecursionError):
        pass
    return [_row(file, line, at) for at, line in enumerate(lines, first) if line.strip()]


def _row(file: TableFile, line: bytes, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
        why = f"but {shown_value(row)}"
    except (ValueError, RecursionError) as error:
        row, why = None, f"for {error_text(error)[:200]}"
    if type(row) is dict:
        return row
    raise DatasetUnavailable(
        f"{file.place}, line {number:,} is no JSON object, {why}: write one a line, such as "
        '{"age": 3}, as UTF-8'
    )


def _inner_names(rows: Sequence[dict[str, Any]]) -> set[str]:
    """The names in objects that lie in other columns, each behind its column's: pyarrow makes a
    column for each."""
    found: set[str] = set()
    waiting = [(name, value) for row in rows for name, value in row.items() if _is_nested(value)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            inside = [(f"{place}\0{name}", inner) for name, inner in value.items()]
            found.update(name for name, _ in inside)
        else:
            inside = [(place, inner) for inner in value]
        waiting += [(name, inner) for name, inner in inside if _is_nested(inner)]
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)
