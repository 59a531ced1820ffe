"""Where a session takes the rows of a split from: a tensor that has them all, or blocks of the
rows to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from actors.core.sources.stored_rows import StoredRows


class TrainingRows(Protocol):
    """Of a session, which asks step by step; what a step needs is in what is given."""

    def at(self, epoch: int, step: int) -> StoredRows: ...


class ValidationRows(Protocol):
    """Of a session, which asks chunk by chunk, in each validation from the first one on."""

    def of_chunk(self, chunk: slice) -> StoredRows: ...


@dataclass(frozen=True)
class TensorRows:
    """Of a tensor with all rows of a split; both kinds."""

    rows: torch.Tensor

    def at(self, epoch: int, step: int) -> torch.Tensor:
        """All of them."""
        return self.rows

    def of_chunk(self, chunk: slice) -> torch.Tensor:
        """Likewise."""
        return self.rows
