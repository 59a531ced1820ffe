"""Describes a sample as the data stores it, for requests to a trained model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MAX_PIXEL = 255
MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class InputForm:
    """``shape`` is a sample's. If ``is_pixels``, its numbers are pixels from 0 to 255; with
    ``num_tokens`` they are whole numbers below that; otherwise any that float32 can hold."""

    shape: tuple[int, ...]
    is_pixels: bool = False
    num_tokens: int | None = None

    @property
    def num_features(self) -> int:
        """Numbers of a sample."""
        return math.prod(self.shape)

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
