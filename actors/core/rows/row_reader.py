"""Rows that are read from their files when they are needed."""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, Any]


class RowReader(Protocol):
    """The inputs of a split that need not lie in memory. It is pickled, so it holds names of files
    and no open ones.

    ``shape`` is that of all rows together, ``(n, …)``.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def rows(self, samples: npt.NDArray[np.int64]) -> Array:
        """Reads the rows with these indices, in this order. Raises ``DatasetUnavailable`` if a
        file has changed."""

    def file_bytes(self, samples: npt.NDArray[np.int64]) -> int:
        """The bytes that are read of files for these rows."""

    def digest(self) -> bytes:
        """A digest that differs for other rows, as far as that is known without reading them."""


Inputs = Array | RowReader


def is_array(inputs: Inputs) -> TypeGuard[Array]:
    """True if the rows lie in memory."""
    return isinstance(inputs, np.ndarray)


def row_bytes(inputs: Inputs) -> int:
    """The bytes of one row."""
    return math.prod(inputs.shape[1:]) * inputs.dtype.itemsize


def num_bytes(inputs: Inputs) -> int:
    """The bytes of all rows."""
    return inputs.shape[0] * row_bytes(inputs)


def all_rows(inputs: Inputs) -> Array:
    """The rows as an array in memory."""
    return inputs if isinstance(inputs, np.ndarray) else inputs.rows(np.arange(inputs.shape[0]))


def some_rows(inputs: Inputs, max_bytes: int) -> Array:
    """As many rows as ``max_bytes`` allow, but at least one, evenly spaced."""
    count = min(inputs.shape[0], max(1, max_bytes // max(1, row_bytes(inputs))))
    if count == inputs.shape[0]:
        return all_rows(inputs)
    chosen = np.linspace(0, inputs.shape[0] - 1, count).astype(np.int64)
    array: Array = inputs[chosen] if isinstance(inputs, np.ndarray) else inputs.rows(chosen)
    return array


def one_row(inputs: Inputs, index: int) -> Array:
    """The shape of one row."""
    chosen = np.array([index])
    row: Array = (inputs[chosen] if isinstance(inputs, np.ndarray) else inputs.rows(chosen))[0]
    return row
