"""Which files are for training, for validation or for testing, and which are no data, by the names
of folders and tars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.core.errors import DatasetUnavailable
from actors.core.sources.samples import Samples
from tests.support.own_files import encoded, picture, write_folder, write_tar
from tests.support.sources import read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "pets" / "train", {"dog": 4, "cat": 6})
    write_folder(tmp_path / "pets" / "val", {"cat": 2, "dog": 1})
    return tmp_path


def read_folder(folder: Path, path: str = "pets", **config: Any) -> Samples:
    return read("image_folder", folder, path=path, **config)


def read_tars(folder: Path, *names: str) -> Samples:
    """Tars of these names, with two images in the first, and two more in each after it."""
    (folder / "pets").mkdir()
    for number, name in enumerate(names):
        images = range(2 * (number + 1))
        content = {f"{i}.png": encoded(picture(i)) for i in images}
        classes = {f"{i}.cls": (b"cat", b"dog")[i % 2] for i in images}
        write_tar(folder / "pets" / name, {**content, **classes})
    return read("webdataset", folder, path="pets")


@pytest.mark.parametrize(
    ("train", "val"),
    [("Train", "VAL"), ("TRAIN", "valid"), ("training", "Validation"), ("train", "Valid")],
)
def test_the_parts_are_known_by_their_usual_names(folder: Path, train: str, val: str) -> None:
    expected = read_folder(folder)
    for old, new in (("train", train), ("val", val)):
        (folder / "pets" / old).rename(folder / "pets" / "between")
        (folder / "pets" / "between").rename(folder / "pets" / new)
    assert read_folder(folder).fingerprint == expected.fingerprint


@pytest.mark.parametrize("name", ["test", "Testing"])
def test_images_for_testing_are_never_trained_on(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path / "pets" / "train", {"cat": 5, "dog": 5})
    write_folder(tmp_path / "pets" / name, {"cat": 3, "dog": 3})
    samples = read_folder(tmp_path)
    assert (samples.found.num_train, samples.found.num_val) == (8, 2)
    assert [Path(one.place).name for one in samples.skipped] == [name]
    assert read_folder(tmp_path, f"pets/{name}", validation_split=0.5).found.num_train == 3


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (("Train", "train"), ("pets/Train", "pets/train", "both for training")),
        (("train", "val", "validation"), ("pets/val ", "pets/validation ", "both for validation")),
        (("Val", "test"), ("pets/Val ", "no folder 'train'", "dataset_config.path")),
        (("test", "cat"), ("pets/test ", "no folder 'train'", "another name")),
    ],
    ids=str,
)
def test_parts_that_can_not_be_told_apart_are_refused(
    tmp_path: Path, names: tuple[str, ...], named: tuple[str, ...]
) -> None:
    for name in names:
        write_folder(tmp_path / "pets" / name, {"cat": 2, "dog": 2})
    if len(list((tmp_path / "pets").iterdir())) < len(names):
        pytest.skip("this disk takes capitals for small letters")
    with pytest.raises(DatasetUnavailable) as caught:
        read_folder(tmp_path)
    for word in named:
        assert word in caught.value.message, caught.value.message


def test_a_class_may_be_called_like_a_part(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", {"bus": 5, "train": 5, "valid": 5})
    assert read_folder(tmp_path).found.class_names == ("bus", "train", "valid")


@pytest.mark.parametrize(
    "name", [".ipynb_checkpoints", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found"]
)
def test_folders_of_the_system_are_no_classes(folder: Path, name: str) -> None:
    expected = read_folder(folder)
    for place in ("", "train", "val", "train/cat"):
        write_folder(folder / "pets" / place, {name: 1})
    samples = read_folder(folder)
    assert samples.fingerprint == expected.fingerprint
    assert [Path(one.place).name for one in samples.skipped] == [name] * 4
    write_folder(folder / "flat", {"cat": 3, "dog": 3, name: 1})
    (folder / "flat/cat/Thumbs.db").write_bytes(b"x")
    flat = read_folder(folder, "flat")
    assert flat.found.class_names == ("cat", "dog")
    assert {Path(one.place).name for one in flat.skipped} == {name, "Thumbs.db"}


@pytest.mark.parametrize(
    ("names", "counts", "skipped"),
    [
        (("train-0.tar", "val-0.tar", "test-0.tar"), (2, 4), ["test-0.tar"]),
        (("Train.tar", "VALIDATION-0.tar", "Testing.tar"), (2, 4), ["Testing.tar"]),
        (("pets-0.tar", "val2017.tar"), (2, 4), []),
        (("testimony.tar", "val.tar"), (2, 4), []),
    ],
    ids=str,
)
def test_tars_are_parts_by_the_word_that_they_begin_with(
    tmp_path: Path, names: tuple[str, ...], counts: tuple[int, int], skipped: list[str]
) -> None:
    samples = read_tars(tmp_path, *names)
    assert (samples.found.num_train, samples.found.num_val) == counts
    assert [Path(one.place).name for one in samples.skipped] == skipped


@pytest.mark.parametrize("name", ["val", "test", "train"])
def test_tars_of_one_part_alone_are_all_samples(tmp_path: Path, name: str) -> None:
    found = read_tars(tmp_path, f"{name}-0.tar", f"{name}-1.tar", f"{name}-2.tar").found
    assert found.num_train + found.num_val == 12
