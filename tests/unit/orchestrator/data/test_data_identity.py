"""A job knows its samples again, whether they fit into memory at this start or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.core.sources.registry import read_source
from orchestrator.data.data_identity import DataIdentity, check_same
from orchestrator.errors import DatasetChanged
from tests.support.own_files import picture, write_folder
from tests.support.sources import folders, source_of

IMAGES: dict[str, Any] = {"name": "image_folder", "path": "pets"}
DRAWN: dict[str, Any] = {"name": "synthetic", "inputs": [4], "classes": 2, "num_train": 40}


def identity(folder: Path, max_bytes: int | None, name: str, **config: Any) -> DataIdentity:
    own = read_source(source_of(name, **config), folders(folder), max_bytes)
    counts = len(own.train.targets), len(own.val.targets)
    return DataIdentity(*counts, own.fingerprint, own.files_fingerprint)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "pets", {"cat": 5, "dog": 5})
    return tmp_path


@pytest.mark.parametrize("config", [IMAGES, DRAWN], ids=["images", "drawn"])
def test_the_same_samples_are_known_in_memory_and_out_of_it(
    folder: Path, config: dict[str, Any]
) -> None:
    inside, outside = (identity(folder, limit, **config) for limit in (None, 0))
    assert inside.fingerprint != outside.fingerprint
    for had, found in ((inside, outside), (outside, inside), (inside, inside), (outside, outside)):
        check_same("1", had, found, "pets")


def test_other_samples_are_not(folder: Path) -> None:
    before = [identity(folder, limit, **IMAGES) for limit in (None, 0)]
    image = folder / "pets/cat/001.png"
    picture(99).save(image)
    image.write_bytes(image.read_bytes() + b" ")
    after = [identity(folder, limit, **IMAGES) for limit in (None, 0)]
    for had in before:
        for found in after:
            with pytest.raises(DatasetChanged):
                check_same("1", had, found, "pets")


def test_data_that_must_be_in_memory_are_known_by_their_content_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("to be or not to be " * 10)
    had = identity(tmp_path, 0, "text", path="a.txt", context=4)
    assert had.files_fingerprint == ""
    (tmp_path / "a.txt").write_text("to be or not to be " * 9 + "or not to be to be ")
    with pytest.raises(DatasetChanged):
        check_same("1", had, identity(tmp_path, 0, "text", path="a.txt", context=4), "a.txt")
