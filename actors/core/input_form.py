"""Describes a sample as the data stores it, for requests to a trained model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MAX_PIXEL = 255
MAX_FLOAT32 = float(np.finfo(np.float32).max)
NO_VALUE = ["", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"]
"""What stands for a missing value in a cell of a table."""


@dataclass(frozen=True)
class Column:
    """An input column of a table. A column with ``categories`` becomes one number, 0 or 1, for each
    category; if ``is_numbered``, it becomes the index of its category. A column without them is a
    number. ``fill`` replaces missing values, of which there were ``num_missing`` in all rows."""

    name: str
    categories: tuple[str, ...] = ()
    is_numbered: bool = False
    fill: float | str | None = None
    num_missing: int = 0

    @property
    def width(self) -> int:
        """How many numbers the column becomes."""
        return len(self.categories) if self.categories and not self.is_numbered else 1


@dataclass(frozen=True)
class InputForm:
    """``shape`` is a sample's. If ``is_pixels``, its numbers are pixels from 0 to 255; with
    ``num_tokens`` they are whole numbers below that; otherwise any that float32 can hold. A row of
    a table has ``columns``. Tokens of a text are its bytes if ``is_bytes``, or else the places of
    its characters in the ``vocabulary``."""

    shape: tuple[int, ...]
    is_pixels: bool = False
    num_tokens: int | None = None
    columns: tuple[Column, ...] = ()
    vocabulary: str | None = None
    is_bytes: bool = False

    @property
    def num_features(self) -> int:
        """Numbers of a sample."""
        return math.prod(self.shape)

    @property
    def ways(self) -> tuple[str, ...]:
        """The fields of a request that can bring such samples."""
        is_image = self.is_pixels and len(self.shape) == 3 and self.shape[0] in (1, 3)
        is_text = self.vocabulary is not None or self.is_bytes
        of_table = dict.fromkeys(("table", "rows"), bool(self.columns))
        taken = {"inputs": True, "image": is_image, **of_table, "prompts": is_text}
        return tuple(way for way, is_taken in taken.items() if is_taken)

    @property
    def says(self) -> str:
        """What a number must be, and why."""
        if self.is_pixels:
            return (
                f"a number from 0 to {MAX_PIXEL}: the network takes pixels as the data stores them"
            )
        if self.num_tokens is not None:
            return f"a whole number from 0 to {self.num_tokens - 1}: the network takes tokens"
        return "a number that float32 can hold"

    def first_wrong(self, numbers: Array) -> int | None:
        """The index of the first number (float64 ``[n]``) that is not allowed."""
        if self.is_pixels:
            right = (numbers >= 0) & (numbers <= MAX_PIXEL)
        elif self.num_tokens is not None:
            right = (numbers >= 0) & (numbers < self.num_tokens) & (numbers == np.floor(numbers))
        else:
            right = np.abs(numbers) <= MAX_FLOAT32
        wrong = np.flatnonzero(~right)
        return int(wrong[0]) if len(wrong) else None
