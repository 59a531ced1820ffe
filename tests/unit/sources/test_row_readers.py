"""Rows that are read when they are needed are those of the array that would hold them all."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.core.errors import DatasetUnavailable
from actors.core.rows.row_reader import is_array, some_rows
from actors.core.sources.registry import read_source
from actors.core.sources.samples import Samples
from tests.support.own_files import write_folder
from tests.support.sources import folders, source_of

CASES: dict[str, dict[str, Any]] = {
    "images": {"name": "image_folder", "path": "pets"},
    "a drawn part of images": {"name": "image_folder", "path": "pets/train", "seed": 3},
    "resized images": {"name": "image_folder", "path": "pets", "resize": [5, 7], "channels": 1},
    "bytes": {"name": "synthetic", "inputs": [1, 4, 4], "dtype": "uint8", "classes": 3},
    "floats": {"name": "synthetic", "inputs": [30], "classes": 3},
    "numbers to tell": {"name": "synthetic", "inputs": [30], "targets": [2]},
    "labels": {"name": "synthetic", "inputs": [30], "labels": 4},
    "tokens": {"name": "synthetic", "inputs": [9], "dtype": "int64", "num_tokens": 5, "classes": 2},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "pets" / "train", {"dog": 4, "cat": 6})
    write_folder(tmp_path / "pets" / "val", {"cat": 2, "dog": 1})
    return tmp_path


def samples(folder: Path, max_bytes: int | None, name: str, **config: Any) -> Samples:
    return read_source(source_of(name, **config), folders(folder), max_bytes)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rows_in_any_order_are_those_of_the_array(folder: Path, case: dict[str, Any]) -> None:
    whole, by_rows = samples(folder, None, **case), samples(folder, 0, **case)
    assert by_rows.found == whole.found
    for split, lazy in ((whole.train, by_rows.train), (whole.val, by_rows.val)):
        assert is_array(split.inputs) and not is_array(lazy.inputs)
        assert (split.targets == lazy.targets).all()
        reader = pickle.loads(pickle.dumps(lazy.inputs))
        assert (reader.shape, reader.dtype) == (split.inputs.shape, split.inputs.dtype)
        order = np.random.default_rng(1).permutation(len(split.inputs))
        for chosen in (order, order[:1], order[:0]):
            assert (reader.rows(chosen) == split.inputs[chosen]).all()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_fingerprint_is_another_one_for_other_rows(folder: Path, case: dict[str, Any]) -> None:
    before = samples(folder, 0, **case).fingerprint
    assert samples(folder, 0, **case).fingerprint == before
    if case["name"] == "synthetic":
        other = samples(folder, 0, **case | {"seed": 1})
    else:
        image = folder / "pets/train/cat/001.png"
        image.write_bytes(image.read_bytes() + b" ")
        other = samples(folder, 0, **case)
    assert other.fingerprint != before


def test_what_fits_lies_in_memory(folder: Path) -> None:
    case = CASES["floats"] | {"num_train": 10, "num_val": 2}
    assert is_array(samples(folder, 12 * 30 * 4, **case).train.inputs)
    assert not is_array(samples(folder, 12 * 30 * 4 - 1, **case).train.inputs)


def test_a_file_that_changed_is_named_when_its_row_is_read(folder: Path) -> None:
    rows = samples(folder, 0, "image_folder", path="pets").train.inputs
    image = folder / "pets/train/cat/001.png"
    image.write_bytes(image.read_bytes() + b" ")
    assert rows.rows(np.array([5])).shape == (1, *rows.shape[1:])
    with pytest.raises(DatasetUnavailable, match=r"cat/001\.png changed"):
        rows.rows(np.arange(rows.shape[0]))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_each_task_unpacks_does_not_grow_with_the_rows(
    folder: Path, case: dict[str, Any]
) -> None:
    """Ray's object store hands over buffers without a copy; all else is unpacked for each block."""

    def unpacked_bytes() -> int:
        inputs = samples(folder, 0, **case).train.inputs
        return len(pickle.dumps(inputs, 5, buffer_callback=lambda _: None))

    before = unpacked_bytes()
    if case["name"] == "synthetic":
        case = case | {"num_train": 100_000}
    else:
        write_folder(folder / "pets" / "train", {"dog": 40, "cat": 60})
    assert unpacked_bytes() < before + 100


def test_a_fingerprint_of_images_is_that_of_earlier_versions(folder: Path) -> None:
    """Stores keep it: a job goes on only where it is the same."""
    rows = samples(folder, 0, "image_folder", path="pets").train.inputs
    files = sorted((folder / "pets" / "train").glob("*/*"), key=lambda p: (p.parent.name, p.name))
    digest = hashlib.blake2b(repr(rows.image_shape).encode())
    for path in files:
        digest.update(repr((path.name, 0, path.stat().st_size)).encode())
    assert rows.digest() == digest.digest()


def test_some_rows_are_spread_over_all() -> None:
    array = np.arange(100, dtype=np.float32)[:, None]
    assert some_rows(array, 16)[:, 0].tolist() == [0, 33, 66, 99]
    assert some_rows(array, 1)[:, 0].tolist() == [0]
    assert some_rows(array, 400) is array


def test_classes_of_synthetic_samples_can_be_told_apart(folder: Path) -> None:
    """By the mean of the numbers that mark each."""
    train = samples(folder, None, "synthetic", inputs=[30], classes=3).train
    means = np.stack([train.inputs[:, c::3].mean(axis=1) for c in range(3)], axis=1)
    assert (means.argmax(axis=1) == train.targets).mean() > 0.95
    assert set(train.targets.tolist()) == {0, 1, 2}


def test_synthetic_noise_has_a_mean_of_0_and_a_deviation_of_1(folder: Path) -> None:
    for inputs in (
        samples(folder, None, "synthetic", inputs=[50], targets=[1]).train.inputs,
        samples(folder, None, "synthetic", inputs=[50], targets=[1], seed=9).val.inputs,
    ):
        assert abs(inputs.mean()) < 0.02 and abs(inputs.std() - 1) < 0.02
        assert abs(np.corrcoef(inputs[:, :2].T)[0, 1]) < 0.1
