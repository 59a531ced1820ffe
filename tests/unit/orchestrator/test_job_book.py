from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import JobNotFound, StorageUnavailable
from orchestrator.job import Session
from orchestrator.job_book import JobBook
from orchestrator.job_lifecycle import Event, Status
from orchestrator.job_spec import TrainOptions
from orchestrator.store import job_rows
from orchestrator.store.records import StepRecord
from tests.support.job_records import make_job
from tests.support.jobs import wait_until

EPOCH = {
    "epoch": 1,
    "session": 1,
    "train_loss": 0.5,
    "val_loss": 0.25,
    "val_accuracy": 0.75,
    "samples_per_s": 10.0,
}


def refuse(*_: object) -> None:
    raise StorageUnavailable("the disk is full")


def test_jobs_are_there_again_in_another_book(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    job = make_job(book.next_id())
    book.add(job)
    with book.changing(job):
        job.apply(Event.INITIALIZE)
        job.sessions = [Session(1, TrainOptions(epochs=3, momentum=0.5), 2, 0, outcome="stopped")]
        job.epochs_begun = 1
    book.add_results(job, [EPOCH], [StepRecord(1, 1, 0.5)])
    book.note(job, "stopped", "as asked")
    book.store.close()
    again = JobBook(tmp_path, "two").get(job.job_id)
    assert (again.status, again.epochs_begun) == (Status.INITIALIZED, 1)
    assert again.sessions[0].options == TrainOptions(epochs=3, momentum=0.5)
    assert again.details()["history"] == [EPOCH]
    assert again.unfinished is again.sessions[0]


def test_a_change_that_can_not_be_saved_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = make_job(book.next_id())
    book.add(job)
    monkeypatch.setattr(book.store, "save_job", refuse)
    with pytest.raises(StorageUnavailable, match="disk is full"), book.changing(job):
        job.apply(Event.INITIALIZE)
        job.sessions.append(Session(1, TrainOptions(), 1, 0))
    assert job.status is Status.CREATED and job.sessions == []


def test_a_job_that_can_not_be_saved_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    monkeypatch.setattr(book.store, "add_job", refuse)
    with pytest.raises(StorageUnavailable):
        book.add(make_job("1"))
    with pytest.raises(JobNotFound):
        book.get("1")


def test_what_can_not_be_saved_is_told_kept_and_saved_later_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = make_job(book.next_id())
    book.add(job)
    weights: list[str] = []
    with monkeypatch.context() as full:
        full.setattr(book.store, "add_results", refuse)
        book.add_results(job, [EPOCH], [])
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
    job = make_job(book.next_id())
    book.add(job)
    book.add_results(job, [EPOCH], [])
    with monkeypatch.context() as full:
        full.setattr(job_rows, "_insert_parts", refuse)
        with pytest.raises(StorageUnavailable), book.changing(job, forget_history=True):
            job.reset_training()
    assert book.store.load_epochs(job.job_id) == [EPOCH]
    with book.changing(job, forget_history=True):
        job.reset_training()
    assert book.store.load_epochs(job.job_id) == []


def test_an_id_is_never_used_again(tmp_path: Path) -> None:
    book = JobBook(tmp_path, "one")
    book.add(make_job(book.next_id()))
    book.delete("1")
    assert book.next_id() == "2"


def test_a_long_history_is_shown_in_parts(tmp_path: Path) -> None:
    job = make_job("1")
    epochs = [{**EPOCH, "epoch": number} for number in range(1, 20_001)]
    options = TrainOptions(epochs=10_000)
    job.sessions = [
        Session(1, options, 1, 0, history=epochs[:10_000]),
        Session(2, options, 1, 10_000, history=epochs[10_000:]),
    ]
    shown = job.details(history_limit=1_000)
    assert shown["history"] == epochs[-1_000:] and shown["num_epochs"] == 20_000
    assert job.details(after_epoch=9_999, history_limit=3)["history"] == epochs[9_999:10_002]
    assert job.details(after_epoch=20_000, history_limit=3)["history"] == []
    assert job.details(history_limit=0)["history"] == []
    assert job.details()["history"] == epochs


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "not saved yet"])
def test_events_are_shown_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: bool
) -> None:
    book = JobBook(tmp_path, "one")
    job = make_job(book.next_id())
    book.add(job)
    for number in range(6):
        book.note(job, "seen", str(number))
    if not saved:
        monkeypatch.setattr(book.store, "add_event", refuse)
    for number in range(6, 10):
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
