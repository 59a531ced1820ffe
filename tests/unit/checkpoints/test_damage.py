"""Checkpoints that are not what was written: noticed, named, passed over."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import CheckpointDamaged, CheckpointTooNew
from tests.support.checkpoints import (
    FOLDER,
    OURS,
    about,
    assert_same,
    of_newer_format,
    state,
    store_at,
)

NEWEST = f"{FOLDER}/step-000000000002"
OLDER = f"{FOLDER}/step-000000000001"
FILES = ["manifest.json", "stage-0.safetensors", "stage-1.safetensors"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return saved_twice(tmp_path)


def saved_twice(root: Path) -> Path:
    for steps in (1, 2):
        store_at(root).save(about(steps), state(steps))
    return root


def assert_goes_back(root: Path, *said: str) -> None:
    """To the first of both, with the reason."""
    loaded = store_at(root).load_latest(OURS)
    assert loaded is not None
    assert_same(loaded.state, state(1))
    assert loaded.info.about.total_steps == 1
    (sentence,) = loaded.passed_over
    assert sentence.startswith("Passed over step-000000000002: ")
    assert all(part in sentence for part in said), sentence


@given(
    file=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255)
)
@settings(deadline=None, max_examples=150)
def test_any_changed_byte_is_noticed(file: str, place: float, mask: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = saved_twice(Path(folder)) / NEWEST / file
        data = bytearray(path.read_bytes())
        data[int(place * len(data))] ^= mask
        path.write_bytes(data)
        assert_goes_back(Path(folder), str(path), "damaged")


@pytest.mark.parametrize("file", FILES)
def test_any_truncation_is_noticed(root: Path, file: str) -> None:
    path = root / NEWEST / file
    data = path.read_bytes()
    for length in {0, 1, 8, len(data) // 2, len(data) - 1}:
        path.write_bytes(data[:length])
        assert_goes_back(root, str(path))


def test_a_file_that_grew_is_noticed(root: Path) -> None:
    path = root / NEWEST / FILES[1]
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\0")
    assert_goes_back(root, f"{path} has {size + 1} bytes instead of {size}")


@pytest.mark.parametrize("file", FILES[1:])
def test_a_missing_file_is_noticed(root: Path, file: str) -> None:
    (root / NEWEST / file).unlink()
    assert_goes_back(root, f"{root / NEWEST / file} is missing")


def test_without_its_manifest_it_was_never_completed(root: Path) -> None:
    (root / NEWEST / "manifest.json").unlink()
    assert_goes_back(root, str(root / NEWEST), "never completed")


def test_swapped_stage_files_are_noticed(root: Path) -> None:
    (root / NEWEST / FILES[1]).write_bytes((root / OLDER / FILES[1]).read_bytes())
    assert_goes_back(root, "checksum is wrong")


def test_one_that_was_never_completed_is_none_when_it_is_the_first(tmp_path: Path) -> None:
    store_at(tmp_path).save(about(1), state(1))
    (tmp_path / f"{FOLDER}/step-000000000001/manifest.json").unlink()
    assert store_at(tmp_path).load_latest(OURS) is None


def test_when_all_are_damaged_nothing_is_passed_over_in_silence(root: Path) -> None:
    paths = sorted(root.rglob("stage-0*"))
    for path in paths:
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(CheckpointDamaged, match=f"{paths[1]}.*{paths[0]}.*initialize"):
        store_at(root).load_latest(OURS)


def test_a_damaged_one_that_is_asked_for_is_refused(root: Path) -> None:
    (root / NEWEST / FILES[1]).unlink()
    with pytest.raises(CheckpointDamaged, match="is missing"):
        store_at(root).load(OURS, "step-000000000002")


def test_the_list_leaves_out_what_is_not_whole(root: Path) -> None:
    (root / NEWEST / FILES[2]).write_bytes(b"")
    assert [info.about.total_steps for info in store_at(root).list(OURS)] == [1]


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_one_is_mended_by_saving_it_again(root: Path, file: str) -> None:
    (root / NEWEST / file).write_bytes(b"damaged")
    store_at(root).save(about(2), state(2))
    loaded = store_at(root).load_latest(OURS)
    assert loaded is not None and loaded.passed_over == ()
    assert_same(loaded.state, state(2))
    assert len(list((root / NEWEST).iterdir())) == len(FILES)


def test_one_of_a_newer_format_is_not_gone_back_behind(root: Path) -> None:
    path = root / NEWEST / "manifest.json"
    path.write_bytes(of_newer_format(path))
    with pytest.raises(CheckpointTooNew, match=str(path)):
        store_at(root).load_latest(OURS)
    store_at(root).retain(OURS, keep_last=1, keep_best=0)
    assert len(list((root / NEWEST).iterdir())) == len(FILES)
    assert [info.about.total_steps for info in store_at(root).list(OURS)] == [1]


def test_an_older_one_of_a_newer_format_is_in_nobodys_way(root: Path) -> None:
    path = root / OLDER / "manifest.json"
    path.write_bytes(of_newer_format(path))
    loaded = store_at(root).load_latest(OURS)
    assert loaded is not None
    assert_same(loaded.state, state(2))
