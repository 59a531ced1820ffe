"""What goes wrong while the store is open: a clear error, nothing lost, and then it works again."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update
from sqlalchemy.exc import OperationalError

from orchestrator.errors import StorageUnavailable
from orchestrator.store.database import BUSY_TIMEOUT_S, Database
from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.log.entries import STEPS
from orchestrator.store.outbox import Outbox
from orchestrator.store.schema import upgrade
from orchestrator.store.storage_errors import explain
from orchestrator.store.tables import log, store_state
from tests.support.logs import steps
from tests.support.stores import OWNER, job_record

LARGE = {"name": "x" * 4_000_000}


def trouble_of(store: JobStore) -> str:
    """What a large job meets; the store says what, and has kept what it had."""
    before = store.load_jobs()
    with pytest.raises(StorageUnavailable) as caught:
        store.add_job(job_record("2", planning=LARGE))
    assert store.load_jobs() == before
    return caught.value.message


def works_again(store: JobStore) -> bool:
    store.add_job(job_record("2"))
    return store.load_jobs() == [job_record("1"), job_record("2")]


def test_a_database_locked_by_another_process_is_told_after_five_seconds(
    store: JobStore, tmp_path: Path
) -> None:
    store.add_job(job_record())
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        message = trouble_of(store)
        other.execute("ROLLBACK")
    assert str(tmp_path / FILE_NAME) in message and "database is locked" in message
    assert "end what has it open" in message
    assert works_again(store)


def test_a_short_lock_of_another_process_is_waited_for(store: JobStore, tmp_path: Path) -> None:
    with closing(
        sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(BUSY_TIMEOUT_S / 10, lambda: other.execute("ROLLBACK"))
        timer.start()
        store.add_job(job_record())
        timer.join()
    assert store.load_jobs() == [job_record()]


def test_reading_goes_on_while_another_process_writes(store: JobStore, tmp_path: Path) -> None:
    store.add_job(job_record())
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM jobs")
        assert store.load_jobs() == [job_record()]
        other.execute("ROLLBACK")


def test_a_full_disk_is_told_and_what_was_saved_is_there(small_disk: Path) -> None:
    store = JobStore.open(small_disk, OWNER)
    store.add_job(job_record())
    message = trouble_of(store)
    assert str(small_disk / FILE_NAME) in message and "free some space" in message
    # Small ones still fit, and so they do after a restart.
    assert works_again(store)
    store.close()
    store = JobStore.open(small_disk, OWNER)
    assert store.load_jobs() == [job_record("1"), job_record("2")]
    store.close()


def test_a_write_that_the_system_refuses_is_told(store: JobStore, tmp_path: Path) -> None:
    store.add_job(job_record())
    with largest_file(1 << 20):
        message = trouble_of(store)
    assert str(tmp_path / FILE_NAME) in message and "I/O error" in message
    assert "system's log" in message
    assert works_again(store)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / FILE_NAME)
    upgrade(database)
    database.claim()
    yield database
    database.close()


@pytest.mark.parametrize(
    ("pragma", "undo", "words"),
    [
        ("max_page_count = 60", "max_page_count = 1000000", "is full.*free some space"),
        ("query_only = ON", "query_only = OFF", "read-only.*make it writable"),
    ],
)
def test_what_sqlite_refuses_is_told_and_rolled_back(
    database: Database, pragma: str, undo: str, words: str
) -> None:
    entry = {"seq": 1, "job_id": "1", "kind": "session", "values": {}}
    with database.write() as connection:
        connection.execute(insert(log).values(entry))
    with setting(database, pragma, undo), pytest.raises(StorageUnavailable, match=words) as caught:
        save_large(database)
    assert str(database.file) in caught.value.message
    save_large(database)
    with database.read() as connection:
        found = connection.execute(select(log.c.seq)).scalars()
        assert list(found) == [1, 2]


def save_large(database: Database) -> None:
    entry = {"seq": 2, "job_id": "1", "kind": "session", "values": LARGE}
    with database.write() as connection:
        connection.execute(insert(log).values(entry))


@contextmanager
def setting(database: Database, pragma: str, undo: str) -> Iterator[None]:
    """The pragma on whichever connection begins a transaction meanwhile, then undone."""

    def apply(connection: Any) -> None:
        connection.connection.cursor().execute(f"PRAGMA {wanted}")

    wanted = pragma
    event.listen(database.engine, "begin", apply, insert=True)
    yield
    wanted = undo
    with database.read():
        pass
    event.remove(database.engine, "begin", apply)


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond that meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_forty_read_modify_writes_of_several_connections_lose_nothing(database: Database) -> None:
    # Databases of their own: only the file's lock stands between them.
    others = [Database(database.file) for _ in range(4)]
    for other in others:
        other.writer_epoch = database.writer_epoch

    def count_on(index: int) -> None:
        with others[index % 4].write() as connection:
            number = connection.execute(select(store_state.c.next_job_number)).scalar_one()
            connection.execute(update(store_state).values(next_job_number=number + 1))

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(count_on, range(40)))
    with database.read() as connection:
        assert connection.execute(select(store_state.c.next_job_number)).scalar_one() == 41
    for other in others:
        other.close()


def test_a_commit_is_flushed_to_the_disk(database: Database) -> None:
    with database.read() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert modes == ["wal", 2, 1]


def test_steps_can_be_written_from_many_threads_while_others_read(store: JobStore) -> None:
    store.add_job(job_record())
    outbox = Outbox(store)

    def use(number: int) -> int:
        outbox.tell("1", *steps(number, 10))
        outbox.flush("1")
        return len(store.load_log("1", STEPS))

    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(use, range(1, 21)))
    assert max(counts) == 200 and all(count % 10 == 0 for count in counts)


# Of https://www.sqlite.org/rescode.html, as sqlite3_errstr() words them.
WORDS = {
    "SQL logic error": "says",
    "unknown operation": "says",
    "not an error": "says",
    "database schema has changed": "try again",
    "access permission denied": "writable",
    "authorization denied": "writable",
    "attempt to write a readonly database": "writable",
    "unable to open database file": "writable",
    "query aborted": "try again",
    "interrupted": "try again",
    "database table is locked": "try again",
    "database is locked": "fuser",
    "locking protocol": "on a disk of the gateway's host",
    "large file support is disabled": "on a disk of the gateway's host",
    "out of memory": "memory",
    "disk I/O error": "system's log",
    "database or disk is full": "free some space",
    "string or blob too big": "smaller",
    "unsupported file format": "newer SQLite",
    "no such table: jobs": "says",
}


@pytest.mark.parametrize(("words", "helps"), WORDS.items())
def test_what_says_nothing_of_damage_advises_nobody_to_part_with_the_store(
    words: str, helps: str, tmp_path: Path
) -> None:
    text = str(explain(tmp_path / FILE_NAME, OperationalError("BEGIN", {}, Exception(words))))
    assert words in text and helps in text
    assert "empty store" not in text and "move it aside" not in text


@pytest.mark.parametrize("words", ["database disk image is malformed", "file is not a database"])
def test_what_is_damaged_is_moved_aside_and_nothing_is_deleted(words: str, tmp_path: Path) -> None:
    text = str(explain(tmp_path / FILE_NAME, OperationalError("BEGIN", {}, Exception(words))))
    assert "move it aside" in text and "checkpoints there are kept" in text


def test_memory_that_runs_out_is_told_as_that(database: Database) -> None:
    with pytest.raises(StorageUnavailable, match="memory has run out"), database.read():
        raise MemoryError


@pytest.mark.parametrize(
    ("number", "helps"),
    [
        (errno.ENOLCK, "on a disk of the gateway's host"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOTDIR, "not a file"),
        (errno.ESTALE, "mount"),
        (errno.EACCES, "writable"),
    ],
)
def test_each_refusal_of_the_system_has_a_remedy_of_its_own(
    number: int, helps: str, tmp_path: Path
) -> None:
    text = str(explain(tmp_path / FILE_NAME, OSError(number, os.strerror(number))))
    assert os.strerror(number) in text and helps in text


def test_a_file_system_without_locks_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(*_: Any, **__: Any) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("orchestrator.store.storage_lock.FileLock.acquire", without)
    with pytest.raises(StorageUnavailable, match="gives no locks"):
        JobStore.open(tmp_path, OWNER)


def test_a_store_without_a_write_ahead_log_says_so_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.store.database.PRAGMAS", ("PRAGMA journal_mode = DELETE",))
    store = JobStore.open(tmp_path, OWNER)
    (note,) = store.notes
    assert "write-ahead log" in note and "'delete'" in note
    store.add_job(job_record())
    assert store.load_jobs() == [job_record()]
    store.close()


def test_who_waits_too_long_behind_others_is_told_what_those_met(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.store.database.QUEUE_TIMEOUT_S", 0.5)
    with database._queued():
        with pytest.raises(StorageUnavailable, match="kept this one waiting"), database.write():
            raise AssertionError("another one writes")
        threading.Timer(0.1, lambda: refuse(database)).start()
        with pytest.raises(StorageUnavailable, match="it is locked"), database.write():
            raise AssertionError("another one writes")


def refuse(database: Database) -> None:
    with suppress(StorageUnavailable), database._noted():
        raise StorageUnavailable("it is locked")
