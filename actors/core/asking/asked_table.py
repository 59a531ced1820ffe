"""A file with a table that came with a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

FIELD = "table"


@dataclass(frozen=True)
class AskedTable:
    """As a browser or curl sends it; it is read as a file of a data set is, where the model is.
    ``options`` are fields of its format, as texts. It may have ``max_rows``."""

    name: str
    content: bytes
    options: Mapping[str, str] = field(default_factory=dict)
    max_rows: int = 10_000
    largest: float = 0.0

    def blocks(self, num_rows: int) -> Iterator[AskedTable]:
        """See ``Question``. How many rows there are shows only where it is read."""
        yield self
