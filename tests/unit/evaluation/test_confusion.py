from __future__ import annotations

import numpy as np
import pytest

from actors.core.evaluation import confusion
from actors.core.evaluation.confusion import ClassCount, ConfusionCounts, LabelCounts

TARGETS = np.array([0, 0, 0, 1, 1, 2], np.int64)
DECIDED = np.array([0, 1, 1, 1, 0, 1], np.int64)


def counts(num_classes: int = 4) -> ConfusionCounts:
    found = ConfusionCounts(num_classes)
    for chunk in (slice(0, 2), slice(2, 6)):
        found.add(TARGETS[chunk], DECIDED[chunk])
    return found


def test_rows_are_what_samples_are_and_columns_what_they_were_taken_for() -> None:
    assert counts().matrix == [[1, 2, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_the_most_frequent_mistakes_come_first() -> None:
    assert counts().largest == [(0, 1, 2), (1, 0, 1), (2, 1, 1)]


def test_each_class_has_its_precision_and_recall() -> None:
    found = counts().by_class
    assert found[0] == ClassCount(0, 3, 2, 1)
    assert (found[0].precision, found[0].recall) == (0.5, 1 / 3)
    assert (found[2].precision, found[2].recall) == (None, 0.0)
    assert (found[3].precision, found[3].recall) == (None, None)


def test_of_very_many_classes_only_some_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confusion, "MAX_CLASSES", 2)
    found = counts()
    assert found.matrix is None and found.largest
    assert [own.index for own in found.by_class] == [0, 1]
    assert counts(2**40).matrix is None


def test_labels_are_counted_each_by_itself() -> None:
    found = LabelCounts(2)
    found.add(np.array([[True, False]]), np.array([[True, True]]))
    found.add(np.array([[True, True]]), np.array([[False, True]]))
    assert found.by_class == [ClassCount(0, 2, 1, 1), ClassCount(1, 1, 2, 1)]
