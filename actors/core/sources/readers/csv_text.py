"""Looks at the text of a csv: at its first row before pyarrow makes columns of it, and at its
encoding if pyarrow could not read it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TextIO

from actors.core.errors import InvalidRequest
from actors.core.sources.readers.table_file import TableFile

UTF_8 = "utf-8"
ENCODINGS = (
    *(UTF_8, "utf-16", "latin-1", "latin-2", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
)
MAX_CHARS = 2**23
BLOCK_BYTES = 2**20
DELIMITERS = (";", "\t", "|", ",")
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_first_row(file: TableFile, delimiter: str, encoding: str) -> None:
    """Refuses too many columns, because a reader takes long for a million of them, and another
    delimiter. Raises ``DatasetUnavailable``, ``InvalidRequest``."""
    codec = "utf-8-sig" if encoding == UTF_8 else encoding
    with TextIOWrapper(file.opened(), codec, errors="replace", newline="") as text:
        reader = csv.reader(_first_lines(file, text, delimiter), delimiter=delimiter)
        try:
            row = next(filter(None, reader), [])
        except (csv.Error, UnicodeError):  # what is wrong is told once it is read
            return
    file.check_size(len(row), 0)
    if len(row) == 1:
        _check_delimiter(file, delimiter, row[0])


def check_encoding(file: TableFile, encoding: str) -> None:
    """Raises ``InvalidRequest`` if the file is written in another one."""
    decoder = codecs.getincrementaldecoder(encoding)()
    num_lines = 0
    with file.opened() as opened:
        mark = opened.read(2)
        opened.seek(0)
        while True:
            block = opened.read(BLOCK_BYTES)
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                start = error.start if isinstance(error, UnicodeDecodeError) else 0
                line = num_lines + block[:start].count(b"\n") + 1
                likely = _likely(mark, encoding)
                raise InvalidRequest(
                    f"{file.prefix}encoding is {encoding!r}, but {file.place}, line {line:,}, is "
                    f"written in another one: set it to that, such as {likely}, or write the file "
                    "as UTF-8"
                ) from error
            num_lines += block.count(b"\n")
            if not block:
                return


def _likely(mark: bytes, encoding: str) -> str:
    if mark in UTF_16_MARKS:
        return "'utf-16'"
    return "'cp1252' (Western Europe)" if encoding == UTF_8 else f"{UTF_8!r}"


def _first_lines(file: TableFile, text: TextIO, delimiter: str) -> Iterator[str]:
    """Blank lines may come before the first row, and a cell in quotes may have several lines."""
    num_chars = 0
    while num_chars < MAX_CHARS and (line := text.readline(MAX_CHARS)):
        file.check_size(line.count(delimiter) + 1, 0)
        num_chars += len(line.strip())
        yield line


def _check_delimiter(file: TableFile, delimiter: str, row: str) -> None:
    others = {own: row.count(own) for own in DELIMITERS if own != delimiter}
    likely = max(others, key=lambda own: others[own])
    if others[likely]:
        raise InvalidRequest(
            f"{file.prefix}delimiter is {delimiter!r}, but the first row of {file.place} has none "
            f"and {others[likely]:,} times {likely!r}: set it to {likely!r}"
        )
