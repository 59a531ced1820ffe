"""A file with a table, and how large the table may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from actors.core.errors import DatasetUnavailable
from actors.core.sources.registry import WHERE

MAX_COLUMNS = 10_000
MAX_BYTES = 2**33
CELL_BYTES = 4
"""What a number takes at least, as float32."""


@dataclass(frozen=True)
class TableFile:
    """``content`` is where it lies, or its bytes if it came with a request. ``place`` names it to
    people. ``prefix`` stands before the names of fields in errors."""

    place: str
    content: Path | bytes
    prefix: str = f"{WHERE}."
    max_bytes: int = field(default_factory=lambda: MAX_BYTES)

    @property
    def num_bytes(self) -> int:
        """The file's size."""
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return len(self.content)

    @property
    def for_arrow(self) -> Path | BytesIO:
        """What pyarrow reads it from."""
        return self.content if isinstance(self.content, Path) else BytesIO(self.content)

    def opened(self) -> BinaryIO:
        """Its bytes."""
        return self.content.open("rb") if isinstance(self.content, Path) else BytesIO(self.content)

    def check_size(self, num_columns: int, num_bytes: int) -> None:
        """Raises ``DatasetUnavailable`` if a table of so many columns, or bytes of memory, is too
        large."""
        if num_columns > MAX_COLUMNS:
            raise DatasetUnavailable(
                f"{self.place} has {num_columns:,} columns, but the limit is {MAX_COLUMNS:,}: "
                "write a file with fewer, or its numbers as an array of the format npz"
            )
        if num_bytes > self.max_bytes:
            raise DatasetUnavailable(
                f"{self.place} takes {num_bytes:,} bytes of memory, but the limit is "
                f"{self.max_bytes:,}: write a file with fewer rows or columns"
            )


def table_on_disk(path: Path) -> TableFile:
    """The file of a data set."""
    return TableFile(str(path), path)
