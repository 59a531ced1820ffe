"""Random numbers for samples. Each sample has its own, in any order and any batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from actors.core.seeds import TRANSFORM_STREAM, stream_seed
from actors.core.transform_spec import Draws

Array = np.ndarray[Any, Any]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_BITS = 53
"""The bits of a float64's fraction."""


def uniforms(draws: Draws, samples: Array, count: int, stream: int = TRANSFORM_STREAM) -> Array:
    """float64 ``[n, count]``, from 0 up to but not including 1, for the samples with these indices
    (int64 ``[n]``).

    SplitMix64 (Steele, Lea, Flood 2014) in two rounds: one over the samples, and one over the
    numbers of each sample.
    """
    key = np.uint64(stream_seed(draws.seed, stream, draws.epoch))
    with np.errstate(over="ignore"):
        states = _mixed(key + _GOLDEN * (samples.astype(np.uint64) + np.uint64(1)))
        steps = _GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
        numbers = _mixed(states[:, None] + steps)
    shares: Array = (numbers >> np.uint64(64 - _BITS)) * 2.0**-_BITS
    return shares


def _mixed(states: Array) -> Array:
    states = (states ^ (states >> np.uint64(30))) * _FIRST
    states = (states ^ (states >> np.uint64(27))) * _SECOND
    mixed: Array = states ^ (states >> np.uint64(31))
    return mixed
