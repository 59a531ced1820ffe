"""The rows of a split, as a session takes them: from a tensor that has them all, or from blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from actors.core.sources.stored_rows import StoredRows


class TrainingRows(Protocol):
    """The training rows of a session, which asks for each step's rows in turn."""

    def at(self, epoch: int, step: int) -> StoredRows: ...


class ValidationRows(Protocol):
    """The validation rows of a session, which asks for each chunk's rows in turn, from the first
    one on in each validation."""

    def of_chunk(self, chunk: slice) -> StoredRows: ...


@dataclass(frozen=True)
class TensorRows:
    """Both kinds of rows, from a tensor with all rows of a split."""

    rows: torch.Tensor

    def at(self, epoch: int, step: int) -> torch.Tensor:
        """Returns all rows."""
        return self.rows

    def of_chunk(self, chunk: slice) -> torch.Tensor:
        """Returns all rows."""
        return self.rows
