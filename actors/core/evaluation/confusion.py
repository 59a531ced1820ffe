"""Counts which class was predicted for which: pair by pair, so that it takes no more memory than
there are samples, however many classes there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from actors.core.rows.row_reader import Array

MAX_CLASSES = 1_000
"""Of the matrix, and of the list of classes."""
MAX_CONFUSIONS = 20


@dataclass(frozen=True)
class ClassCount:
    """The counts of one class, or of one label. ``num_right`` samples are of it and were predicted
    as it."""

    index: int
    num_samples: int
    num_predicted: int
    num_right: int

    @property
    def precision(self) -> float | None:
        """The share of what was predicted as it that is it; None where nothing was."""
        return self.num_right / self.num_predicted if self.num_predicted else None

    @property
    def recall(self) -> float | None:
        """The share of its samples that were predicted as it; None where it has none."""
        return self.num_right / self.num_samples if self.num_samples else None


class ConfusionCounts:
    """Each sample is of one of ``num_classes``."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._pairs: Counter[tuple[int, int]] = Counter()

    def add(self, targets: Array, predicted: Array) -> None:
        """Counts a chunk; int64 ``[n]`` each."""
        pairs, counts = np.unique(targets * self._num_classes + predicted, return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            self._pairs[divmod(pair, self._num_classes)] += count

    @property
    def matrix(self) -> list[list[int]] | None:
        """A row a target, a column a prediction; None for more than ``MAX_CLASSES``."""
        if self._num_classes > MAX_CLASSES:
            return None
        matrix = [[0] * self._num_classes for _ in range(self._num_classes)]
        for (target, predicted), count in self._pairs.items():
            matrix[target][predicted] = count
        return matrix

    @property
    def largest(self) -> list[tuple[int, int, int]]:
        """The most frequent mistakes: target, prediction, how often."""
        wrong = [(t, p, count) for (t, p), count in self._pairs.items() if t != p]
        return sorted(wrong, key=lambda one: (-one[2], one[0], one[1]))[:MAX_CONFUSIONS]

    @property
    def by_class(self) -> list[ClassCount]:
        """Every class, or those with the most samples."""
        samples: Counter[int] = Counter()
        predictions: Counter[int] = Counter()
        for (target, predicted), count in self._pairs.items():
            samples[target] += count
            predictions[predicted] += count
        chosen = list(range(self._num_classes))
        if self._num_classes > MAX_CLASSES:
            chosen = sorted(own for own, _ in samples.most_common(MAX_CLASSES))
        pairs = self._pairs
        return [ClassCount(own, samples[own], predictions[own], pairs[own, own]) for own in chosen]


class LabelCounts:
    """Each sample has any number of labels; ``num_samples`` counts those that have one."""

    def __init__(self, num_labels: int) -> None:
        self._counts = np.zeros((3, num_labels), np.int64)

    def add(self, targets: Array, predicted: Array) -> None:
        """Counts a chunk; bool ``[n, labels]`` each."""
        for counts, own in zip(
            self._counts, (targets, predicted, targets & predicted), strict=True
        ):
            counts += own.sum(axis=0)

    @property
    def by_class(self) -> list[ClassCount]:
        """Every label, or the first ``MAX_CLASSES``."""
        columns = self._counts[:, :MAX_CLASSES].T.tolist()
        return [ClassCount(index, *own) for index, own in enumerate(columns)]
