from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import JobNotFound, StorageUnavailable
from orchestrator.jobs.job import Device, Job, PlannedStage, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.jobs.job_reader import JobReader
from orchestrator.jobs.metrics import shown_epoch
from orchestrator.jobs.train_options import TrainOptions, parse_train_options
from orchestrator.store import job_rows
from orchestrator.store.log.entries import LogEntry, LogFilter
from tests.support.job_records import make_job
from tests.support.jobs import wait_until
from tests.support.logs import epoch, epoch_record, events_of, step


def refuse(*_: object, **__: object) -> None:
    raise StorageUnavailable("the disk is full")


def added(book: JobBook) -> Job:
    return book.add(make_job)


def told_events(book: JobBook, job: Job) -> list[LogEntry]:
    """Oldest first."""
    return book.log.page(LogFilter(job.job_id, only_events=True), -1, 10_000).entries


def test_jobs_are_there_again_in_another_book(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    with book.changing(job) as (draft,):
        draft.apply(Event.INITIALIZE)
        options = parse_train_options({"epochs": 3, "momentum": 0.5})
        draft.sessions = [Session(1, options, 2, 0, outcome="stopped")]
        draft.epochs_begun = 1
    book.tell(job, step(1, 1), epoch(1))
    book.note(job, "stopped", "as asked")
    book.flush(job)
    book.store.close()
    later = JobBook(tmp_path, "two")
    again = later.get(job.job_id)
    assert (again.status, again.epochs_begun) == (Status.INITIALIZED, 1)
    assert again.sessions[0].options == parse_train_options({"epochs": 3, "momentum": 0.5})
    assert later.log.history(job.job_id).epochs == [epoch_record(1)]
    assert again.unfinished is again.sessions[0]


def test_a_change_that_can_not_be_saved_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    monkeypatch.setattr(book.store, "save_job", refuse)
    with pytest.raises(StorageUnavailable, match="disk is full"), book.changing(job) as (draft,):
        draft.apply(Event.INITIALIZE)
        draft.sessions.append(Session(1, TrainOptions(), 1, 0))
    assert job.status is Status.CREATED and job.sessions == []


def test_a_job_that_can_not_be_saved_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    monkeypatch.setattr(book.store, "add_job", refuse)
    with pytest.raises(StorageUnavailable):
        added(book)
    with pytest.raises(JobNotFound):
        book.get("1")


def test_what_can_not_be_saved_is_told_kept_and_saved_later_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    weights: list[str] = []

    def events() -> list[LogEntry]:
        return told_events(book, job)

    with monkeypatch.context() as full:
        full.setattr(book.store, "append_log", refuse)
        book.tell(job, epoch(1))
        wait_until(lambda: events(), 10, "nothing was said")
        assert book.unsaved_because(job) == "the disk is full"
        book.note(job, "lost", "and not written")
        book.write(job, lambda: weights.append("on disk"))
        job.apply(Event.INITIALIZE)
        book.try_save(job)
        assert [e.kind for e in events()] == ["storage_trouble", "lost"]
        assert book.log.history(job.job_id).epochs == [epoch_record(1)]
        assert weights == [] and book.store.load_jobs()[0].status == "created"
        with pytest.raises(StorageUnavailable, match="disk is full"), book.changing(job):
            raise AssertionError("nothing may be changed before the rest is saved")
    wait_until(lambda: book.unsaved_because(job) is None, 10, "it was not tried again")
    assert book.log.history(job.job_id).num_epochs == 1 and weights == ["on disk"]
    assert book.store.load_jobs()[0].status == "initialized"
    told = events()
    assert [event.kind for event in told] == ["storage_trouble", "lost", "storage_back"]
    assert "the disk is full" in told[0].values["text"]
    store = book.store
    wait_until(lambda: events_of(store, job.job_id) == told, 10, "the last was not written")


def test_weights_drawn_anew_that_can_not_be_saved_cost_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    book.tell(job, epoch(1))
    book.flush(job)
    with monkeypatch.context() as full:
        full.setattr(job_rows, "_insert_parts", refuse)
        with pytest.raises(StorageUnavailable), book.changing(job, forget_history=True) as (draft,):
            draft.reset_training()
    assert book.log.history(job.job_id).epochs == [epoch_record(1)]
    with book.changing(job, forget_history=True) as (draft,):
        draft.reset_training()
    assert book.log.history(job.job_id).epochs == []


def test_an_id_is_never_used_again(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    book.delete(job.job_id)
    book.forget(job.job_id)
    assert added(book).job_id == "2"


def test_of_many_that_are_created_at_once_each_has_an_id_of_its_own(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    with ThreadPoolExecutor(8) as pool:
        ids = {job.job_id for job in pool.map(lambda _: added(book), range(12))}
    assert ids == {str(number) for number in range(1, 13)}
    assert [job.job_id for job in book.all()] == [str(number) for number in range(1, 13)]


def test_what_a_session_changes_while_a_change_is_saved_stays(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    session = Session(1, TrainOptions(), 2, 0)
    job.sessions, job.status = [session], Status.TRAINING
    job.stages = (PlannedStage(1, 0, 3),)
    with book.changing(job) as (draft,):
        draft.devices.append(Device(1, "10.0.0.2", 5001))
        draft.stages = ()
        job.stages = (PlannedStage(2, 0, 3),)
        job.apply(Event.COMPLETE)
        session.outcome = "completed"
        book.try_save(job)
        assert job.devices == []  # nobody sees it before it is saved
    assert (job.status, job.sessions) == (Status.COMPLETED, [session])
    assert job.sessions[0] is session and len(job.devices) == 1
    assert job.stages == (PlannedStage(2, 0, 3),)  # planned after the change, and saved as well
    book.flush(job)
    (record,) = book.store.load_jobs()
    assert (record.status, len(record.devices), len(record.stages)) == ("completed", 1, 1)
    assert record.sessions[0].outcome == "completed"


def test_a_long_history_is_shown_in_parts(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    neither: Any = None
    reader = JobReader(book, neither, neither, neither)
    book.tell(job, *(epoch(number) for number in range(1, 20_001)))
    book.flush(job)
    told = [shown_epoch(epoch_record(number)) for number in range(1, 20_001)]
    shown = reader.get_job(job.job_id, history_limit=1_000)
    assert shown["history"] == told[-1_000:] and shown["num_epochs"] == 20_000
    assert reader.get_job(job.job_id, 9_999, 3)["history"] == told[9_999:10_002]
    assert reader.get_job(job.job_id, 20_000, 3)["history"] == []
    assert reader.get_job(job.job_id, history_limit=0)["history"] == []
    assert reader.get_job(job.job_id)["history"] == told


def test_each_status_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    with monkeypatch.context() as full:
        full.setattr(book.store, "save_job", refuse)
        with pytest.raises(StorageUnavailable), book.changing(job) as (draft,):
            draft.apply(Event.INITIALIZE)
    with book.changing(job) as (draft,):
        draft.apply(Event.INITIALIZE)
    with book.changing(job) as (draft,):
        draft.devices.append(Device(1, "10.0.0.2", 5001))
    job.apply(Event.TRAIN)
    book.try_save(job)
    book.try_save(job)
    book.flush(job)
    query = (
        "SELECT json_extract(\"values\", '$.status') FROM log WHERE kind = 'status' ORDER BY seq"
    )
    with book.store._database.read() as connection:
        told = connection.exec_driver_sql(query).scalars().all()
    assert told == ["initialized", "training"]


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "not saved yet"])
def test_events_are_shown_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    for number in range(6):
        book.note(job, "seen", str(number))
    book.flush(job)
    if not saved:
        monkeypatch.setattr(book.store, "append_log", refuse)
    book.note(job, "seen", "6")
    if not saved:
        wait_until(lambda: len(told_events(book, job)) == 8, 10, "no trouble is told")
    for number in range(7, 10):
        book.note(job, "seen", str(number))

    seqs = [e.seq for e in told_events(book, job)]

    def texts(after: int | None, limit: int) -> list[str]:
        """After so many of them."""
        wanted = LogFilter(job.job_id, only_events=True)
        page = book.log.page(wanted, None if after is None else seqs[after], limit)
        return [e.values["text"] for e in page.entries if e.kind == "seen"]

    every = [str(number) for number in range(10)]
    assert texts(None, 100) == every
    assert texts(None, 2) == every[-2:]
    assert texts(2, 3) == every[3:6]
    assert texts(4, 4) == every[5:9] if saved else every[5:8]
    assert seqs == sorted(set(seqs)) and texts(-1, 5) == []
