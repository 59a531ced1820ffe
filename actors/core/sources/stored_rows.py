"""The rows of a split from which a view takes some: a whole tensor, or a part of one."""

from __future__ import annotations

from typing import Protocol

import torch


class StoredRows(Protocol):
    """The part of a tensor's interface that views use, ``[n, …]``. Not all rows need to be here."""

    def __len__(self) -> int:
        """The number of all rows of the split."""

    def __getitem__(self, rows: slice, /) -> torch.Tensor: ...

    def index_select(self, dim: int, index: torch.Tensor, /) -> torch.Tensor: ...


class RowsOf:
    """The rows with the indices ``samples`` (int64 ``[k]``, in any order, each once) out of
    ``num_rows``. The tensor ``rows`` ``[k, …]`` holds them. Asking for others is an error."""

    def __init__(self, num_rows: int, samples: torch.Tensor, rows: torch.Tensor) -> None:
        self._num_rows = num_rows
        self._sorted, self._places = torch.sort(samples)
        self._rows = rows

    def __len__(self) -> int:
        return self._num_rows

    def __getitem__(self, rows: slice, /) -> torch.Tensor:
        return self.index_select(0, torch.arange(*rows.indices(self._num_rows)))

    def index_select(self, dim: int, index: torch.Tensor, /) -> torch.Tensor:
        """Like a tensor's."""
        assert dim == 0, "rows alone are chosen"
        found = torch.searchsorted(self._sorted, index).clamp_(max=len(self._sorted) - 1)
        assert torch.equal(self._sorted[found], index), "rows that are not here"
        return self._rows.index_select(0, self._places[found])
