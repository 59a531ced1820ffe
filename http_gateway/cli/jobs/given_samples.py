"""The files of ``tandem predict`` -> what the API is asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from actors.core.errors import InvalidRequest, error_text
from actors.core.rows.data_formats import FORMAT_OF_ENDING
from http_gateway.schemas.predict import TableOptions

STDIN = "-"
TABLES = ("csv", "jsonl", "parquet")
IMAGE_BEGINNINGS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")


@dataclass(frozen=True)
class GivenSamples:
    """``asked`` are the arguments of ``TandemClient.predict``. ``names`` tell people which sample
    is which; a table has one name, for all of its rows."""

    asked: dict[str, Any]
    names: tuple[str, ...]
    is_table: bool = False

    def names_of(self, num_samples: int) -> list[str]:
        """A name for each sample that was told."""
        if not self.is_table:
            return list(self.names)
        return [f"{self.names[0]}, row {number:,}" for number in range(1, num_samples + 1)]


@dataclass(frozen=True)
class _File:
    """``name`` is as the user gave it, ``sent_as`` says what it is."""

    name: str
    sent_as: str
    content: bytes

    @property
    def is_table(self) -> bool:
        return FORMAT_OF_ENDING.get(PurePath(self.sent_as).suffix.lower()) in TABLES


def read_samples(files: Sequence[str], options: Mapping[str, Any]) -> list[GivenSamples]:
    """What is to be asked, one request after the other: all images at once, or one table.
    ``options`` say how a table is written. Raises ``InvalidRequest`` for both kinds at once and for
    what can't be read."""
    for unknown in options.keys() - TableOptions.model_fields.keys():
        raise InvalidRequest(
            f"--set has {unknown}, but says how a table is written: it takes "
            f"{', '.join(TableOptions.model_fields)}"
        )
    given = [_read(name) for name in files]
    images = [own for own in given if not own.is_table]
    if not images:
        return [
            GivenSamples({**options, "table": [(own.sent_as, own.content)]}, (own.name,), True)
            for own in given
        ]
    if len(images) < len(given):
        raise InvalidRequest(
            f"{images[0].name} is an image, but there is a table, too: predict one kind at a time"
        )
    if options:
        raise InvalidRequest(
            f"--set {next(iter(options))} is for tables, but {images[0].name} is an image: leave "
            "it out"
        )
    sent = [(own.sent_as, own.content) for own in images]
    return [GivenSamples({"image": sent}, tuple(own.name for own in images))]


def _read(name: str) -> _File:
    if name == STDIN:
        content = sys.stdin.buffer.read()
        return _File(name, f"stdin{_ending(content)}", content)
    try:
        return _File(name, PurePath(name).name, Path(name).expanduser().read_bytes())
    except OSError as error:
        why = error.strerror or error_text(error)
        raise InvalidRequest(f"{name} can't be read ({why}): name a file of yours") from error


def _ending(content: bytes) -> str:
    if content.startswith(IMAGE_BEGINNINGS):
        return ""
    if content.startswith(b"PAR1"):
        return ".parquet"
    return ".jsonl" if content.lstrip().startswith(b"{") else ".csv"
