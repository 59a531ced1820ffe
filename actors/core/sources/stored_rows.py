"""The rows of a split as a view takes some of them: a tensor with all of them, or a part of one."""

from __future__ import annotations

from typing import Protocol

import torch


class StoredRows(Protocol):
    """What is asked of a tensor ``[n, …]``, whose part may be all that is there."""

    def __len__(self) -> int:
        """Of all rows of the split."""

    def __getitem__(self, rows: slice, /) -> torch.Tensor: ...

    def index_select(self, dim: int, index: torch.Tensor, /) -> torch.Tensor: ...


class RowsOf:
    """Rows ``samples`` (int64 ``[k]``, in any order, each once) of ``num_rows``, which are the
    tensor ``rows`` ``[k, …]``. It is an error to ask for others."""

    def __init__(self, num_rows: int, samples: torch.Tensor, rows: torch.Tensor) -> None:
        self._num_rows = num_rows
        self._sorted, self._places = torch.sort(samples)
        self._rows = rows

    def __len__(self) -> int:
        return self._num_rows

    def __getitem__(self, rows: slice, /) -> torch.Tensor:
        return self.index_select(0, torch.arange(*rows.indices(self._num_rows)))

    def index_select(self, dim: int, index: torch.Tensor, /) -> torch.Tensor:
        """As a tensor's."""
        assert dim == 0, "rows alone are chosen"
        found = torch.searchsorted(self._sorted, index).clamp_(max=len(self._sorted) - 1)
        assert torch.equal(self._sorted[found], index), "rows that are not here"
        return self._rows.index_select(0, self._places[found])
