"""The files of ``tandem predict`` -> what the API is asked."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from actors.core.errors import InvalidRequest, error_text
from http_gateway.schemas.predict import MAX_PREDICT_ROWS

STDIN = "-"
CSV, JSON_LINES, IMAGE = "csv", "jsonl", "image"
ENDINGS = {".csv": CSV, ".tsv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}
"""Of tables; every other name is taken for an image's."""
IMAGE_BEGINNINGS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class GivenSamples:
    """``asked`` are the arguments of ``TandemClient.predict``; ``names`` tell people which sample
    is which."""

    asked: dict[str, Any]
    names: tuple[str, ...]


def read_samples(files: Sequence[str]) -> GivenSamples:
    """Images, or tables; raises ``InvalidRequest`` for both at once and for what can't be read."""
    contents = [(name, _content(name)) for name in files]
    kinds = [_kind(name, content) for name, content in contents]
    if IMAGE in kinds and set(kinds) != {IMAGE}:
        raise InvalidRequest(
            f"{files[kinds.index(IMAGE)]} is an image, but there is a table, too: predict one kind "
            "at a time"
        )
    if IMAGE in kinds:
        images = [(PurePath(name).name, content) for name, content in contents]
        return GivenSamples({"image": images}, tuple(files))
    rows: list[dict[str, Any]] = []
    names: list[str] = []
    for (name, content), kind in zip(contents, kinds, strict=True):
        own = _rows(name, content, kind)
        rows += own
        names += [f"{name}, row {number:,}" for number in range(1, len(own) + 1)]
    if not 1 <= len(rows) <= MAX_PREDICT_ROWS:
        raise InvalidRequest(
            f"{', '.join(files)} has {len(rows):,} rows, but must have 1 to {MAX_PREDICT_ROWS:,}: "
            "split it"
        )
    return GivenSamples({"rows": rows}, tuple(names))


def _content(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).expanduser().read_bytes()
    except OSError as error:
        why = error.strerror or error_text(error)
        raise InvalidRequest(f"{name} can't be read ({why}): name a file of yours") from error


def _kind(name: str, content: bytes) -> str:
    if name != STDIN:
        return ENDINGS.get(PurePath(name).suffix.lower(), IMAGE)
    if content.startswith(IMAGE_BEGINNINGS):
        return IMAGE
    return JSON_LINES if content.lstrip().startswith(b"{") else CSV


def _rows(name: str, content: bytes, kind: str) -> list[dict[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"{name} is no UTF-8 text (byte {error.start:,}): convert it, or name an image"
        ) from error
    return _json_lines(name, text) if kind == JSON_LINES else _csv_rows(name, text)


def _json_lines(name: str, text: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # U+2028 may be in a text
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidRequest(
                f"{name}, line {number:,} is not JSON: {error}. Write an object a line"
            ) from error
        if not isinstance(row, dict):
            raise InvalidRequest(
                f'{name}, line {number:,} is no object, but must be one such as {{"age": 3}}'
            )
        rows.append(row)
    return rows


def _csv_rows(name: str, text: str) -> list[dict[str, Any]]:
    """Texts, by the names in the first line; the most frequent delimiter there parts them."""
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InvalidRequest(
            f"{name}, line {reader.line_num:,} is no line of a table: {error}. Correct it"
        ) from error
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise InvalidRequest(
                f"{name}, row {number:,} has another number of values than the first line, but "
                f"must have {len(reader.fieldnames or ())}: correct it"
            )
        row.pop("", None)  # it numbers the rows: training leaves it out, too
    return rows
