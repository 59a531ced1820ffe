"""Samples that are drawn by a seed, each one by itself. Without PyTorch, as all that tasks read by.

Number k of a split's sample i is a hash of the seed, the split, i and k (SplitMix64, of Steele, Lea
and Flood, 2014): rows can be drawn in any order, and on any machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.core.rows.row_reader import Array

NOISE_PIXELS = 192
"""The number of values of noise. A larger one marks a class."""
MARK_PIXELS = 64
DTYPES = {"float32": np.float32, "uint8": np.uint8, "int64": np.int32}
"""The dtypes in which inputs are stored."""
NOISE, CLASSES, MARKS = range(3)
SPREAD = math.sqrt(12.0)
"""The inverse of the standard deviation of uniform numbers between 0 and 1."""
_NUMBERS_AT_ONCE = 2**16
"""To draw one takes up to 40 bytes for a moment, however few bytes it has."""
_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class DrawnRows:
    """A ``RowReader`` of noise in which a sample's class can be found. ``classes`` is the number
    of classes; None gives only noise."""

    num_rows: int
    sample: tuple[int, ...]
    dtype_name: str
    num_tokens: int
    classes: int | None
    seed: int
    split: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.num_rows, *self.sample)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(DTYPES[self.dtype_name])

    def rows(self, samples: npt.NDArray[np.int64]) -> Array:
        """Draws the rows, some at a time."""
        drawn = np.empty((len(samples), *self.sample), self.dtype)
        at_once = max(1, _NUMBERS_AT_ONCE // math.prod(self.sample))
        for first in range(0, len(samples), at_once):
            some = samples[first : first + at_once]
            drawn[first : first + len(some)] = self._drawn(some).reshape(-1, *self.sample)
        return drawn

    def file_bytes(self, samples: npt.NDArray[np.int64]) -> int:
        """None: they are drawn."""
        return 0

    def digest(self) -> bytes:
        """A digest of the parameters of the drawing."""
        return repr(self).encode()

    def classes_of(self, samples: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The classes of the samples, int64 ``[n]``."""
        assert self.classes is not None
        return _below(self._hashes(CLASSES, samples), self.classes).astype(np.int64)

    def centred(self, drawn: Array) -> Array:
        """Noise as float32, with a mean of about 0 and a standard deviation of about 1."""
        if self.dtype_name == "float32":
            return drawn
        width = NOISE_PIXELS if self.dtype_name == "uint8" else self.num_tokens
        numbers: Array = (drawn.astype(np.float32) / width - 0.5) * np.float32(SPREAD)
        return numbers

    def _drawn(self, samples: npt.NDArray[np.int64]) -> Array:
        width = math.prod(self.sample)
        numbers = samples[:, None] * width + np.arange(width)
        hashes = self._hashes(NOISE, numbers)
        noise = self._noise(hashes)
        return noise if self.classes is None else self._marked(noise, samples, numbers)

    def _noise(self, hashes: _Hashes) -> Array:
        if self.dtype_name == "float32":
            uniform = (hashes >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
            numbers: Array = (uniform - np.float32(0.5)) * np.float32(SPREAD)
            return numbers
        limit = NOISE_PIXELS if self.dtype_name == "uint8" else self.num_tokens
        return _below(hashes, limit).astype(self.dtype)

    def _marked(
        self, noise: Array, samples: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]
    ) -> Array:
        """Marks the class: every ``classes``-th number, from the class's own index on, is
        larger. Of tokens, half are the class."""
        assert self.classes is not None
        own = self.classes_of(samples)[:, None]
        if self.dtype_name == "int64":
            chosen = self._hashes(MARKS, numbers) < np.uint64(2**63)
            tokens: Array = np.where(chosen, (own % self.num_tokens).astype(self.dtype), noise)
            return tokens
        first = own % noise.shape[1]
        beyond = np.arange(noise.shape[1]) - first
        marks = (beyond >= 0) & (beyond % self.classes == 0)
        added = MARK_PIXELS if self.dtype_name == "uint8" else 1
        marked: Array = noise + marks.astype(self.dtype) * self.dtype.type(added)
        return marked

    def _hashes(self, stream: int, numbers: npt.NDArray[np.int64]) -> _Hashes:
        begin = _mixed(np.array([self.seed], np.uint64))
        begin = _mixed(begin + np.uint64(4 * self.split + stream))
        return _mixed(begin + numbers.astype(np.uint64))


def _mixed(numbers: _Hashes) -> _Hashes:
    with np.errstate(over="ignore"):
        mixed: _Hashes = numbers * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _below(hashes: _Hashes, limit: int) -> _Hashes:
    """Random whole numbers below ``limit``, which must be below 2**32."""
    numbers: _Hashes = ((hashes >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32)
    return numbers
