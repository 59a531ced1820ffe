from __future__ import annotations

import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import StorageUnavailable, StoreFenced
from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.storage_lock import lock_holder, lock_storage
from tests.support.logs import measured, step, steps, tell
from tests.support.stores import OWNER, job_record, writing_process


def refusal(storage_path: Path) -> str:
    with pytest.raises(StorageUnavailable) as caught:
        JobStore.open(storage_path, OWNER, lock_timeout_s=0.2).close()
    return caught.value.message


def make_store(storage_path: Path) -> Path:
    """A store with one job; its file."""
    store = JobStore.open(storage_path, OWNER)
    store.add_job(job_record())
    store.close()
    return storage_path / FILE_NAME


def test_the_folder_is_made_whatever_its_name(tmp_path: Path) -> None:
    storage = tmp_path / "100%done 'new' folder?x=1#y"
    make_store(storage)
    assert (storage / FILE_NAME).exists()


def test_a_store_in_use_is_refused_with_the_name_of_its_owner(tmp_path: Path) -> None:
    store = JobStore.open(tmp_path, OWNER)
    message = refusal(tmp_path)
    assert f"in use by {OWNER} (process {os.getpid()})" in message
    assert str(tmp_path) in message and "--storage-path" in message and "0.2 s" in message
    store.add_job(job_record())
    store.close()
    JobStore.open(tmp_path, OWNER, lock_timeout_s=0.2).close()


def test_a_frozen_process_keeps_the_store_a_killed_one_does_not(tmp_path: Path) -> None:
    with writing_process(tmp_path) as process:
        assert process.stdout is not None and process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        assert f"in use by {OWNER} (process {process.pid})" in refusal(tmp_path)
    store = JobStore.open(tmp_path, OWNER, lock_timeout_s=0.2)
    assert store.load_jobs()
    store.close()


def test_a_store_is_closed_by_another_thread_than_opened_it(tmp_path: Path) -> None:
    store = JobStore.open(tmp_path, OWNER)
    closer = threading.Thread(target=store.close)
    closer.start()
    closer.join(10)
    JobStore.open(tmp_path, OWNER, lock_timeout_s=0.2).close()


def test_a_closed_store_neither_reads_nor_writes(tmp_path: Path) -> None:
    store = JobStore.open(tmp_path, OWNER)
    store.close()
    store.close()
    for use in (store.load_jobs, lambda: store.add_job(job_record())):
        with pytest.raises(StorageUnavailable, match="has been closed"):
            use()


def test_an_old_store_is_fenced_once_a_newer_one_is_open(tmp_path: Path) -> None:
    old = JobStore.open(tmp_path, OWNER)
    old.add_job(job_record())
    # Someone tidied up, or the file system knows no locks.
    (tmp_path / "job_manager.lock").unlink()
    new = JobStore.open(tmp_path, OWNER)
    for write in (
        lambda: old.add_job(job_record("2")),
        lambda: old.save_job(job_record(status="failed")),
        lambda: old.delete_job("1"),
        lambda: old.append_log([]),
        lambda: tell(old, "1", step(1, 1)),
        lambda: tell(old, "1", measured(0.5)),
        lambda: old.thin_log("1"),
        lambda: old.begin_request("k1", "a"),
        lambda: old.finish_request("k1", "a"),
        lambda: old.drop_request("k1"),
    ):
        with pytest.raises(StoreFenced, match=r"writer epoch 2; this one's is 1.*end this process"):
            write()
    assert new.load_jobs() == old.load_jobs() == [job_record()]
    new.save_job(job_record(status="completed"))
    old.close()
    new.close()


def test_closing_a_fenced_store_leaves_the_newer_owners_name(tmp_path: Path) -> None:
    old = JobStore.open(tmp_path, "the old one")
    (tmp_path / "job_manager.lock").unlink()
    new = JobStore.open(tmp_path, "the new one")
    old.close()
    assert "in use by the new one" in refusal(tmp_path)
    new.close()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = make_store(tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        (known,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
        connection.execute("ALTER TABLE jobs ADD COLUMN mood TEXT")
    before = file.read_bytes()
    message = refusal(tmp_path)
    assert f"newer Tandem wrote it (version 0999; this one knows {known})" in message
    assert str(file) in message and "install that Tandem again" in message
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(b"not a database, but long enough for one" * 200)
    before = file.read_bytes()
    message = refusal(tmp_path)
    assert str(file) in message and "no SQLite database" in message and "move it aside" in message
    assert file.read_bytes() == before


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    file = make_store(tmp_path)
    content = bytearray(file.read_bytes())
    # All pages but the first, whose header still looks like a database.
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)
    message = refusal(tmp_path)
    assert str(file) in message and "damaged" in message and "move it aside" in message


def test_damage_among_results_that_nobody_reads_yet_is_found(tmp_path: Path) -> None:
    store = JobStore.open(tmp_path, OWNER)
    store.add_job(job_record())
    tell(store, "1", *steps(1, 10_000))
    store.close()
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    content[-4096:] = b"\xa5" * 4096
    file.write_bytes(content)
    message = refusal(tmp_path)
    assert str(file) in message and "damaged" in message and "move it aside" in message


def test_a_refused_store_lets_go_of_the_lock(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(b"not a database, but long enough for one" * 200)
    refusal(tmp_path)
    file.unlink()
    make_store(tmp_path)


def test_a_storage_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    message = refusal(tmp_path / "file" / "storage")
    assert str(tmp_path / "file" / "storage") in message
    assert "Not a directory" in message and "--storage-path" in message


def test_a_read_only_folder_is_refused(read_only_folder: Path) -> None:
    message = refusal(read_only_folder)
    assert str(read_only_folder) in message and "make it writable" in message
    assert "Read-only file system" in message or "Permission denied" in message


def test_a_disk_that_is_full_from_the_start_is_refused(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    message = refusal(small_disk)
    assert str(small_disk / FILE_NAME) in message and "free some space" in message
    filler.unlink()
    make_store(small_disk)


def test_the_process_that_has_a_lock_is_told_and_only_as_long_as_it_has_it(tmp_path: Path) -> None:
    assert lock_holder(tmp_path, "gateway") is None
    with lock_storage(tmp_path, "a gateway", 1.0, "gateway"):
        holder = lock_holder(tmp_path, "gateway")
        assert holder is not None and holder.pid == os.getpid()
        (tmp_path / "gateway.owner").write_text("of an earlier Tandem (process 1)")
        with pytest.raises(StorageUnavailable, match="of an earlier Tandem"):
            lock_holder(tmp_path, "gateway")
    assert lock_holder(tmp_path, "gateway") is None
