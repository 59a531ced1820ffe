"""Looks at the first row of a csv before pyarrow makes columns of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from actors.core.errors import InvalidRequest
from actors.core.sources.readers.table_limits import check_table_size
from actors.core.sources.registry import WHERE

MAX_CHARS = 2**23
DELIMITERS = (";", "\t", "|", ",")


def check_first_row(path: Path, delimiter: str) -> None:
    """Refuses too many columns, because a reader takes long for a million of them, and another
    delimiter. Raises ``DatasetUnavailable``, ``InvalidRequest``."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(_first_lines(path, file, delimiter), delimiter=delimiter)
        try:
            row = next(filter(None, reader), [])
        except csv.Error:  # pyarrow says what is wrong
            return
    check_table_size(path, len(row), 0)
    if len(row) == 1:
        _check_delimiter(path, delimiter, row[0])


def _first_lines(path: Path, file: TextIO, delimiter: str) -> Iterator[str]:
    """Blank lines may come before the first row, and a cell in quotes may have several lines."""
    num_chars = 0
    while num_chars < MAX_CHARS and (line := file.readline(MAX_CHARS)):
        check_table_size(path, line.count(delimiter) + 1, 0)
        num_chars += len(line.strip())
        yield line


def _check_delimiter(path: Path, delimiter: str, row: str) -> None:
    others = {own: row.count(own) for own in DELIMITERS if own != delimiter}
    likely = max(others, key=lambda own: others[own])
    if others[likely]:
        raise InvalidRequest(
            f"{WHERE}.delimiter is {delimiter!r}, but the first row of {path} has none and "
            f"{others[likely]:,} times {likely!r}: set it to {likely!r}"
        )
