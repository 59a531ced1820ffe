"""The local storage, and what a disk that fails comes to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checkpoints.storage import LocalStorage
from orchestrator.errors import StorageUnavailable
from tests.support.checkpoints import FOLDER, JOB, OURS, about, assert_same, state, store_at
from tests.support.disks import small_disk


def part(data: bytes) -> list[memoryview]:
    return [memoryview(data)]


def test_files_are_written_read_listed_and_deleted_by_name(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "new" / "root")
    storage.write("a/b/c.bin", [memoryview(b"12"), memoryview(b""), memoryview(b"345")])
    storage.write("a/d.bin", part(b"6"))
    assert storage.read("a/b/c.bin") == b"12345"
    assert storage.list("a") == {"b/c.bin": 5, "d.bin": 1}
    storage.delete("a/b")
    storage.delete("a/b")
    assert storage.list("a") == {"d.bin": 1}
    assert storage.list("nothing/here") == {}
    with pytest.raises(FileNotFoundError):
        storage.read("a/b/c.bin")
    assert storage.describe() == str(tmp_path / "new" / "root")


def test_a_file_and_its_folders_are_durable_before_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync: Callable[[int], None] = os.fsync

    def recorded(descriptor: int) -> None:
        synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    LocalStorage(tmp_path).write("a/b/c.bin", part(b"1"))
    assert synced == [".", "a", "a/b/c.bin.partial", "a/b"]


def test_a_full_disk_is_named_and_the_earlier_checkpoint_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="64k") as root:
        store = store_at(root)
        store.save(about(1), state(1))
        filler = root / "filler"
        filler.write_bytes(bytes(4096))
        step = 1
        with pytest.raises(StorageUnavailable) as raised:
            for step in range(2, 64):
                store.save(about(step), state(step))
        assert str(root / FOLDER) in raised.value.message
        assert "the disk is full; free some space there" in raised.value.message
        loaded = store.load_latest(OURS)
        assert loaded is not None and loaded.passed_over == ()
        assert_same(loaded.state, state(step - 1))
        assert not list(root.rglob("*.partial"))
        filler.unlink()
        store.retain(OURS, keep_last=1, keep_best=0)
        store.save(about(step), state(step))


def test_a_full_disk_keeps_the_checkpoint_of_the_same_step(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="64k") as root:
        store_at(root).save(about(1), state(1))
        before = sorted(root.rglob("*"))
        filler = root / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        for left in range(4):
            os.truncate(filler, max(0, filler.stat().st_size - 4096 * (left > 0)))
            try:
                store_at(root).save(about(1, finished=True), state(9))
            except StorageUnavailable:
                loaded = store_at(root).load_latest(OURS)
                assert loaded is not None and not loaded.info.about.finished
                assert_same(loaded.state, state(1))
                assert sorted(root.rglob("*")) == sorted([*before, filler])
            else:
                assert left > 0
                return
        raise AssertionError("there was room enough for three files")


def test_a_read_only_disk_is_named_and_can_still_be_loaded_from(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="1m") as root:
        store_at(root).save(about(1), state(1))
        subprocess.run(["mount", "-o", "remount,ro", str(root)], timeout=30, check=True)
        with pytest.raises(StorageUnavailable, match="read-only; mount it writable"):
            store_at(root).save(about(2), state(2))
        with pytest.raises(StorageUnavailable, match=r"Can't delete .*read-only"):
            store_at(root).delete_job(JOB)
        loaded = store_at(root).load_latest(OURS)
        assert loaded is not None
        assert_same(loaded.state, state(1))


def test_a_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("not a folder")
    with pytest.raises(StorageUnavailable, match=str(tmp_path / "root")):
        store_at(tmp_path / "root").save(about(1), state(1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_someone_else_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageUnavailable, match="permission denied; give Tandem's user"):
        store_at(tmp_path).save(about(1), state(1))


def test_a_failed_sync_after_the_manifest_never_costs_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new manifest is in place then, so that the new files must stay."""
    store = store_at(tmp_path)
    store.save(about(1), state(1))
    replace = os.replace

    def replace_and_break(old: Any, new: Any) -> None:
        replace(old, new)
        if Path(new).name == "manifest.json":
            monkeypatch.setattr(os, "fsync", fail)

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context():
        monkeypatch.setattr(os, "replace", replace_and_break)
        with pytest.raises(StorageUnavailable, match="the disk reports an error"):
            store.save(about(1, finished=True), state(2))
    monkeypatch.undo()
    loaded = store.load_latest(OURS)
    assert loaded is not None and loaded.info.about.finished
    assert_same(loaded.state, state(2))
