"""The photos that the examples of a frozen trunk are trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.photos import SIDE, write_photos
from tests.support.sources import read, samples_of, split_of


def test_the_few_photos_are_of_other_classes_than_the_many(tmp_path: Path) -> None:
    digits = np.full((30, 1, 28, 28), 255, np.uint8)
    split = split_of(digits, np.arange(30) % 10)
    assert write_photos(samples_of(split, split), tmp_path) == 60
    many, few = (read("image_folder", tmp_path, path=path) for path in ("many", "few"))
    assert few.train.inputs.shape == (9, 3, SIDE, SIDE) == few.val.inputs.shape
    assert set(few.found.class_names) == {"one", "six", "eight"}
    assert len(many.train.inputs) == 21 and len(many.found.class_names) == 7
    assert not set(many.found.class_names) & set(few.found.class_names)
