from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import JobNotFound, StorageUnavailable
from orchestrator.jobs.job import Device, Job, PlannedStage, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.jobs.metrics import shown_epoch
from orchestrator.jobs.train_options import TrainOptions, parse_train_options
from orchestrator.store import job_rows
from orchestrator.store.records import StepRecord
from tests.support.job_records import make_job
from tests.support.jobs import wait_until

EPOCH = {
    "epoch": 1,
    "session": 1,
    "train_loss": 0.5,
    "metrics": {"loss": 0.25, "accuracy": 0.75},
    "samples_per_s": 10.0,
}


def refuse(*_: object, **__: object) -> None:
    raise StorageUnavailable("the disk is full")


def added(book: JobBook) -> Job:
    return book.add(make_job)


def test_jobs_are_there_again_in_another_book(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    with book.changing(job) as (draft,):
        draft.apply(Event.INITIALIZE)
        options = parse_train_options({"epochs": 3, "momentum": 0.5})
        draft.sessions = [Session(1, options, 2, 0, outcome="stopped")]
        draft.epochs_begun = 1
    book.add_results(job, [EPOCH], [StepRecord(1, 1, 0.5)])
    book.note(job, "stopped", "as asked")
    book.flush(job)
    book.store.close()
    again = JobBook(tmp_path, "two").get(job.job_id)
    assert (again.status, again.epochs_begun) == (Status.INITIALIZED, 1)
    assert again.sessions[0].options == parse_train_options({"epochs": 3, "momentum": 0.5})
    assert again.details()["history"] == [shown_epoch(EPOCH)]
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
    with monkeypatch.context() as full:
        full.setattr(book.store, "add_results", refuse)
        book.add_results(job, [EPOCH], [])
        wait_until(lambda: book.events(job.job_id), 10, "nothing was said")
        assert book.unsaved_because(job) == "the disk is full"
        book.note(job, "lost", "and not written")
        book.write(job, lambda: weights.append("on disk"))
        job.apply(Event.INITIALIZE)
        book.try_save(job)
        kinds = [event.kind for event in book.events(job.job_id)]
        assert kinds == ["storage_trouble", "lost"] and book.events(job.job_id)[1].index == 1
        assert weights == [] and book.store.load_jobs()[0].status == "created"
        with pytest.raises(StorageUnavailable, match="disk is full"), book.changing(job):
            raise AssertionError("nothing may be changed before the rest is saved")
    wait_until(lambda: book.unsaved_because(job) is None, 10, "it was not tried again")
    assert book.store.load_epochs(job.job_id) == [EPOCH] and weights == ["on disk"]
    assert book.store.load_jobs()[0].status == "initialized"
    events = book.events(job.job_id)
    assert [event.kind for event in events] == ["storage_trouble", "lost", "storage_back"]
    assert "the disk is full" in events[0].text
    load = book.store.load_events
    wait_until(lambda: load(job.job_id) == events, 10, "the last event was not written")


def test_weights_drawn_anew_that_can_not_be_saved_cost_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = added(book)
    book.add_results(job, [EPOCH], [])
    book.flush(job)
    with monkeypatch.context() as full:
        full.setattr(job_rows, "_insert_parts", refuse)
        with pytest.raises(StorageUnavailable), book.changing(job, forget_history=True) as (draft,):
            draft.reset_training()
    assert book.store.load_epochs(job.job_id) == [EPOCH]
    with book.changing(job, forget_history=True) as (draft,):
        draft.reset_training()
    assert book.store.load_epochs(job.job_id) == []


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
    job = make_job("1")
    epochs = [{**EPOCH, "epoch": number} for number in range(1, 20_001)]
    options = TrainOptions(epochs=10_000)
    job.sessions = [
        Session(1, options, 1, 0, history=epochs[:10_000]),
        Session(2, options, 1, 10_000, history=epochs[10_000:]),
    ]
    shown = job.details(history_limit=1_000)
    told = [shown_epoch(epoch) for epoch in epochs]
    assert shown["history"] == told[-1_000:] and shown["num_epochs"] == 20_000
    assert job.details(after_epoch=9_999, history_limit=3)["history"] == told[9_999:10_002]
    assert job.details(after_epoch=20_000, history_limit=3)["history"] == []
    assert job.details(history_limit=0)["history"] == []
    assert job.details()["history"] == told


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
        monkeypatch.setattr(book.store, "add_event", refuse)
    book.note(job, "seen", "6")
    if not saved:
        wait_until(lambda: len(book.events(job.job_id, None, 100)) == 8, 10, "no trouble is told")
    for number in range(7, 10):
        book.note(job, "seen", str(number))

    def texts(*part: int | None) -> list[str]:
        return [e.text for e in book.events(job.job_id, *part) if e.kind == "seen"]

    every = [str(number) for number in range(10)]
    assert texts(None, 100) == every
    assert texts(None, 2) == every[-2:]
    assert texts(2, 3) == every[3:6]
    assert texts(4, 4) == every[5:9] if saved else every[5:8]
    assert [e.index for e in book.events(job.job_id, None, 100)] == list(
        range(len(book.events(job.job_id, None, 100)))
    )
    assert texts(100, 5) == []
