"""What every form of a question has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from actors.core.input_form import Array, InputForm


class Question(Protocol):
    """All that one request asks a model."""

    @property
    def largest(self) -> float:
        """The largest number that came, where numbers came; else 0."""

    def blocks(self, num_rows: int) -> Iterator[Any]:
        """The same in pieces of at most so many samples: float32 rows ``[n, features]``,
        ``AskedSamples`` or ``Prompts``."""


class AskedSamples(Protocol):
    """Samples that become rows where the model is. ``field`` of a request brought them."""

    @property
    def field(self) -> str: ...

    def rows(self, form: InputForm, first: int) -> Array:
        """float32 ``[n, features]``, as the data stores them; ``first`` is the first sample's index
        in the request, for errors. Raises ``InvalidRequest``."""
