"""Files of an upload on a disk that can't take them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from orchestrator.errors import InvalidRequest, StorageUnavailable
from orchestrator.uploads import written_files
from orchestrator.uploads.written_files import check_room, free_bytes, write_file
from tests.support.disks import small_disk


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20 + 1)
    write_file(tmp_path / "a/b", io.BytesIO(content), len(content), "b")
    assert (tmp_path / "a/b").read_bytes() == content


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(StorageUnavailable):
        write_file(tmp_path / "a", io.BytesIO(b"new"), 3, "a")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_what_ends_early_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="'a' ends 2 bytes too early"):
        write_file(tmp_path / "a", io.BytesIO(b"abc"), 5, "a")


def test_room_is_left_for_others(tmp_path: Path) -> None:
    check_room(tmp_path, 0)
    with pytest.raises(StorageUnavailable, match="free"):
        check_room(tmp_path, free_bytes(tmp_path))


def test_a_disk_that_is_full_all_the_same_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written_files, "check_room", lambda folder, num_bytes: None)
    full = pytest.raises(StorageUnavailable, match="free some space")
    with small_disk(tmp_path / "disk", "1m") as disk, full:
        write_file(disk / "a", io.BytesIO(bytes(2**22)), 2**22, "a")
