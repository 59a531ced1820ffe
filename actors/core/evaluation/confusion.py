"""How often each class was taken for which: counted pair by pair, so that it takes no more memory
than there are samples, however many classes there are."""

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
    """Of one class, or of one label."""

    index: int
    num_samples: int
    num_predicted: int
    num_right: int

    @property
    def precision(self) -> float | None:
        """The share of what was taken for it that is it; None where nothing was."""
        return self.num_right / self.num_predicted if self.num_predicted else None

    @property
    def recall(self) -> float | None:
        """The share of its samples that were taken for it; None where it has none."""
        return self.num_right / self.num_samples if self.num_samples else None


class ConfusionCounts:
    """Of one of ``num_classes`` for each sample."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._pairs: Counter[tuple[int, int]] = Counter()

    def add(self, targets: Array, decided: Array) -> None:
        """int64 ``[n]`` each."""
        pairs, counts = np.unique(targets * self._num_classes + decided, return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            self._pairs[divmod(pair, self._num_classes)] += count

    @property
    def matrix(self) -> list[list[int]] | None:
        """Rows are what samples are, columns what they were taken for; None of too many."""
        if self._num_classes > MAX_CLASSES:
            return None
        matrix = [[0] * self._num_classes for _ in range(self._num_classes)]
        for (target, decided), count in self._pairs.items():
            matrix[target][decided] = count
        return matrix

    @property
    def largest(self) -> list[tuple[int, int, int]]:
        """The most frequent mistakes: what it is, what it was taken for, how often."""
        wrong = [(t, d, count) for (t, d), count in self._pairs.items() if t != d]
        return sorted(wrong, key=lambda one: (-one[2], one[0], one[1]))[:MAX_CONFUSIONS]

    @property
    def by_class(self) -> list[ClassCount]:
        """Of every class, or of those with the most samples."""
        there: Counter[int] = Counter()
        decided: Counter[int] = Counter()
        for (target, taken), count in self._pairs.items():
            there[target] += count
            decided[taken] += count
        chosen = range(self._num_classes)
        if self._num_classes > MAX_CLASSES:
            chosen = sorted(own for own, _ in there.most_common(MAX_CLASSES))  # type: ignore[assignment]
        return [ClassCount(own, there[own], decided[own], self._pairs[own, own]) for own in chosen]


class LabelCounts:
    """Of any number of labels for each sample; ``num_samples`` counts those that have one."""

    def __init__(self, num_labels: int) -> None:
        self._counts = np.zeros((3, num_labels), np.int64)

    def add(self, targets: Array, decided: Array) -> None:
        """bool ``[n, labels]`` each."""
        for counts, own in zip(self._counts, (targets, decided, targets & decided), strict=True):
            counts += own.sum(axis=0)

    @property
    def by_class(self) -> list[ClassCount]:
        """Of every label, or of the first of too many."""
        columns = self._counts[:, :MAX_CLASSES].T.tolist()
        return [ClassCount(index, *own) for index, own in enumerate(columns)]
