"""How large a table may be. A reader checks it before it has the table in memory."""

from __future__ import annotations

from pathlib import Path

from actors.core.errors import DatasetUnavailable

MAX_COLUMNS = 10_000
MAX_BYTES = 2**33
CELL_BYTES = 4
"""What a number takes at least, as float32."""


def check_table_size(path: Path, num_columns: int, num_bytes: int) -> None:
    """Raises ``DatasetUnavailable``, naming the file and the limit."""
    if num_columns > MAX_COLUMNS:
        raise DatasetUnavailable(
            f"{path} has {num_columns:,} columns, but the limit is {MAX_COLUMNS:,}: write a file "
            "with fewer, or its numbers as an array of the format npz"
        )
    if num_bytes > MAX_BYTES:
        raise DatasetUnavailable(
            f"{path} takes {num_bytes:,} bytes of memory, but the limit is {MAX_BYTES:,}: write a "
            "file with fewer rows or columns"
        )
