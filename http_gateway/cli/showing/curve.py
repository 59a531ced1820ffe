"""A curve in a line of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
MAX_VALUES = 2_048


class Curve:
    """Values as they come. Of more than are kept, two neighbours become their mean, again and
    again: so the whole curve stays in sight."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._each = 1
        self._begun: list[float] = []
        """Of the next value, those that have come."""

    def add(self, values: Iterable[float]) -> None:
        for value in values:
            self._begun.append(value)
            if len(self._begun) == self._each:
                self._values.append(_mean(self._begun))
                self._begun.clear()
            if len(self._values) == MAX_VALUES:
                self._values = [_mean(self._values[i : i + 2]) for i in range(0, MAX_VALUES, 2)]
                self._each *= 2

    def text(self, width: int) -> str:
        """In at most ``width`` characters; the lowest block is the smallest mean."""
        parts = min(width, len(self._values))
        if parts == 0:
            return ""
        bounds = [len(self._values) * part // parts for part in range(parts + 1)]
        means = [_mean(self._values[begin:end]) for begin, end in pairwise(bounds)]
        low, high = min(means), max(means)
        scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
        return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
