"""Writes that the storage refuses: kept in their order, tried again, forgotten with their job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import JobNotFound, StorageUnavailable, StoreFenced
from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import LogEntry
from orchestrator.store.outbox import Entry, Outbox
from tests.support.jobs import wait_until
from tests.support.logs import event, events_of, steps
from tests.support.stores import job_record


class Disk:
    """Takes down what is written, unless it is full."""

    def __init__(self) -> None:
        self.is_full = False
        self.written: list[str] = []

    def write(self, what: str) -> Callable[[], None]:
        def now() -> None:
            if self.is_full:
                raise StorageUnavailable("the disk is full")
            self.written.append(what)

        return now


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def outbox(store: JobStore) -> Outbox:
    for number in ("1", "2"):
        store.add_job(job_record(number))
    return Outbox(store, retry_s=0.05)


def put(outbox: Outbox, disk: Disk, what: str, job_id: str = "1", replaces: str = "") -> None:
    outbox.put(job_id, Entry(disk.write(what), replaces or None))


def test_what_was_refused_is_written_first_and_all_in_order(outbox: Outbox, disk: Disk) -> None:
    disk.is_full = True
    put(outbox, disk, "first")
    with pytest.raises(StorageUnavailable, match="the disk is full"):
        outbox.flush("1")
    put(outbox, disk, "second")
    assert outbox.trouble("1") == "the disk is full" and disk.written == []
    disk.is_full = False
    wait_until(lambda: outbox.trouble("1") is None, 10, "it was not tried again")
    assert disk.written == ["first", "second"]


def test_another_job_is_not_held_up(outbox: Outbox, disk: Disk) -> None:
    disk.is_full = True
    put(outbox, disk, "big")
    with pytest.raises(StorageUnavailable):
        outbox.flush("1")
    put(outbox, Disk(), "small", "2")
    outbox.flush("2")
    assert outbox.trouble("2") is None


def test_of_the_states_of_a_job_only_the_last_is_kept(outbox: Outbox, disk: Disk) -> None:
    disk.is_full = True
    with outbox.alone("1"):  # what is being written just now is not replaced
        for number in range(3):
            put(outbox, disk, f"state {number}", replaces="job")
            put(outbox, disk, f"result {number}")
        with pytest.raises(StorageUnavailable):
            outbox.flush("1")
    disk.is_full = False
    wait_until(lambda: outbox.trouble("1") is None, 10, "it was not tried again")
    assert disk.written == ["result 0", "result 1", "state 2", "result 2"]


def test_what_comes_of_a_deleted_job_is_dropped(outbox: Outbox, disk: Disk) -> None:
    def late() -> None:
        raise JobNotFound("it was deleted")

    outbox.put("1", Entry(late))
    put(outbox, disk, "its teraflops")
    outbox.flush("1")
    assert disk.written == ["its teraflops"]


def test_a_deleted_job_is_forgotten_with_its_trouble(outbox: Outbox, disk: Disk) -> None:
    disk.is_full = True
    put(outbox, disk, "weights")
    with pytest.raises(StorageUnavailable):
        outbox.flush("1")
    outbox.discard("1")
    disk.is_full = False
    assert outbox.trouble("1") is None and outbox.waiting("1") == []
    outbox.flush("1")
    assert disk.written == []


def test_one_that_is_fenced_says_so_and_tries_no_more(outbox: Outbox) -> None:
    calls = []

    def fenced() -> None:
        calls.append(1)
        raise StoreFenced("a newer one has the store")

    outbox.put("1", Entry(fenced))
    with pytest.raises(StoreFenced):
        outbox.flush("1")
    assert outbox.trouble("1") is None and len(calls) == 1
    with pytest.raises(StoreFenced):
        put(outbox, Disk(), "of one that is not to write", "2")


def test_what_fails_as_nobody_expected_is_told_and_tried_again_and_others_go_on(
    outbox: Outbox, disk: Disk
) -> None:
    is_wrong = [True]

    def wrong() -> None:
        if is_wrong[0]:
            raise ZeroDivisionError("a mistake of ours")
        disk.written.append("mended")

    outbox.put("1", Entry(wrong))
    put(outbox, disk, "next")
    with pytest.raises(StorageUnavailable, match="ZeroDivisionError: a mistake of ours"):
        outbox.flush("1")
    assert "ZeroDivisionError" in (outbox.trouble("1") or "")
    assert "storage_trouble" in [entry.kind for entry in outbox.waiting("1")]
    put(outbox, disk, "another job's", "2")
    wait_until(lambda: disk.written == ["another job's"], 10, "another job is held up")
    is_wrong[0] = False
    wait_until(lambda: outbox.trouble("1") is None, 10, "it was not tried again")
    assert disk.written == ["another job's", "mended", "next"]


def test_who_puts_something_does_not_wait_for_the_disk(outbox: Outbox, disk: Disk) -> None:
    may_go_on = threading.Event()
    outbox.put("1", Entry(lambda: may_go_on.wait(30)))
    put(outbox, disk, "behind it")
    assert disk.written == [] and not outbox.is_empty("1")
    may_go_on.set()
    wait_until(lambda: outbox.is_empty("1"), 10, "it was not written")
    assert disk.written == ["behind it"]


def test_nothing_is_written_beside_one_who_writes_alone(outbox: Outbox, disk: Disk) -> None:
    with outbox.alone("1"):
        put(outbox, disk, "of another thread", "2")
        put(outbox, disk, "later")
        wait_until(lambda: outbox.is_empty("2"), 10, "it was not written")
        assert not outbox.is_empty("1")
    wait_until(lambda: outbox.is_empty("1"), 10, "it was not written")
    assert disk.written == ["of another thread", "later"]


def test_many_threads_write_in_the_order_in_which_they_put(outbox: Outbox, disk: Disk) -> None:
    order: list[str] = []
    putting = threading.Lock()

    def tell(number: int) -> None:
        with putting:
            order.append(str(number))
            put(outbox, disk, str(number))
        outbox.flush("1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, range(200)))
    assert disk.written == order


def test_what_is_not_told_soon_is_written_in_one_go_with_what_comes_next(
    outbox: Outbox, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    append = store.append_log

    def noting(entries: Sequence[LogEntry]) -> None:
        append(entries)
        written.append(len(entries))

    monkeypatch.setattr(store, "append_log", noting)
    for number in range(1, 6):
        outbox.tell("1", *steps(number, 10), soon=False)
    assert written == [] and len(outbox.waiting("1")) == 50
    outbox.note("1", "seen", "next")
    wait_until(lambda: outbox.is_empty("1"), 10, "it was not written")
    assert written == [50, 1] and outbox.waiting("1") == []


def test_numbers_of_the_log_grow_and_are_never_used_again(tmp_path: Path) -> None:
    seqs: list[int] = []
    for _ in range(3):
        store = JobStore.open(tmp_path / "kept", "one")
        if not store.load_jobs():
            store.add_job(job_record("1"))
        outbox = Outbox(store)
        outbox.tell("1", event("on the disk"))
        outbox.flush("1")
        outbox.tell("1", event("lost with the process"), soon=False)
        seqs += [events_of(store, "1")[-1].seq, outbox.waiting("1")[0].seq]
        store.close()
    assert seqs == sorted(set(seqs))


def test_events_of_many_threads_are_all_kept_in_their_order(
    outbox: Outbox, store: JobStore
) -> None:
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda n: outbox.note("1", "seen", str(n)), range(40)))
    outbox.flush("1")
    found = events_of(store, "1")
    assert len(found) == 40
    assert {entry.values["text"] for entry in found} == {str(n) for n in range(40)}
    assert [entry.seq for entry in found] == sorted(entry.seq for entry in found)
