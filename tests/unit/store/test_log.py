"""The log of a job: what was told is shown in its order, wherever it is, and nothing of what a
roll-back has taken back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs.metrics import shown_entry
from orchestrator.store.job_store import JobStore
from orchestrator.store.log import log_thinning
from orchestrator.store.log.entries import EPOCHS, STEPS, LogFilter, LoggedStep, NewEntry
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.outbox import Outbox
from tests.support.logs import (
    back_to,
    epoch,
    epoch_record,
    event,
    events_of,
    log_of,
    measured,
    step,
    steps,
    tell,
    validated,
    write_now,
)
from tests.support.stores import OWNER, job_record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path, OWNER)
    store.add_job(job_record("1"))
    store.add_job(job_record("2"))
    yield store
    store.close()


def texts(log: JobLog, job_id: str, limit: int = 100) -> list[str]:
    """The latest of what people read."""
    page = log.page(LogFilter(job_id, only_events=True), None, limit)
    return [entry.values["text"] for entry in page.entries]


def places(found: list[LoggedStep]) -> list[tuple[int, int]]:
    return [(one.epoch, one.step) for one in found]


def test_epochs_are_shown_as_they_were_told_of_each_job_its_own(store: JobStore) -> None:
    tell(store, "1", epoch(1), epoch(2, session=2))
    tell(store, "2", epoch(7))
    assert log_of(store).history("1").epochs == [epoch_record(1), epoch_record(2, session=2)]
    assert log_of(store).history("2").epochs == [epoch_record(7)]
    assert log_of(store).history("3").epochs == []


def test_losses_without_a_number_come_back_as_they_were(store: JobStore) -> None:
    tell(store, "1", epoch(1, train_loss=math.inf, samples_per_s=math.nan), step(2, 1, math.inf))
    (record,) = log_of(store).history("1").epochs
    assert record["train_loss"] == math.inf and math.isnan(record["samples_per_s"])
    assert log_of(store).steps("1", (), 10) == [LoggedStep(2, 1, math.inf)]


def test_steps_have_what_was_validated_after_them(store: JobStore) -> None:
    tell(store, "1", *steps(1, 3), validated(1, 3, loss=0.25, r2=None), step(1, 4, 0.125))
    found = log_of(store).steps("1", (1, 1), 10)
    metrics = {"loss": 0.25, "r2": None}
    assert found == [
        LoggedStep(1, 2, 0.5),
        LoggedStep(1, 3, 0.5, metrics),
        LoggedStep(1, 4, 0.125),
    ]
    assert log_of(store).steps("1", (1, 1), 2) == found[:2]


def test_steps_are_read_page_by_page(store: JobStore) -> None:
    tell(store, "1", *(one for number in (1, 2, 3) for one in steps(number, 5)))
    after: tuple[int, ...] = ()
    pages = []
    while page := log_of(store).steps("1", after, 4):
        pages.append(page)
        after = page[-1].epoch, page[-1].step
    assert [len(page) for page in pages] == [4, 4, 4, 3]
    assert [place for page in pages for place in places(page)] == [
        (number, index) for number in (1, 2, 3) for index in range(1, 6)
    ]


def test_what_a_roll_back_has_taken_back_stays_in_the_log_and_is_shown_nowhere(
    store: JobStore,
) -> None:
    told = tell(
        store,
        "1",
        *[*steps(1, 2), validated(1, 2, loss=0.1), epoch(1, 2), *steps(2, 2), epoch(2, 2)],
        *[event("lost"), back_to(1, 1, "Going back"), step(1, 2, 0.75), epoch(1, 2, session=2)],
    )
    log = log_of(store)
    assert log.steps("1", (), 10) == [LoggedStep(1, 1, 0.5), LoggedStep(1, 2, 0.75)]
    assert (
        log.history("1").epochs == [epoch_record(1, session=2)] and log.history("1").num_epochs == 1
    )
    assert texts(log, "1") == ["lost", "Going back"]
    everything = log.page(LogFilter("1"), -1, 100)
    assert [e.seq for e in everything.entries] == [e.seq for e in told]
    with store._database.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM log").scalar_one()
    assert count == len(told)


few = st.integers(0, 6)


@dataclass
class Story:
    """What is to be seen of what was told, by the plainest of means."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def hear(self, new: NewEntry) -> None:
        if new.is_event:
            self.events.append(new.values["text"])
        if new.kind == "step":
            self.steps.append(new.place)
        if new.kind == "epoch":
            self.epochs.append(new.place[0])
        if new.kind == "rolled_back":
            self.steps = [known for known in self.steps if known <= new.place]
            self.epochs = [known for known in self.epochs if (known, 2) <= new.place]


def stories() -> st.SearchStrategy[list[NewEntry]]:
    """Steps two an epoch, each followed by its epoch, roll-backs to anywhere before, and events."""

    def told(choices: list[int]) -> list[NewEntry]:
        entries: list[NewEntry] = []
        done = 0
        for choice in choices:
            if choice <= 5:
                done += 1
                entries.append(step(1 + (done - 1) // 2, 1 + (done - 1) % 2))
                if done % 2 == 0:
                    entries.append(epoch(done // 2, 2))
            elif choice == 6:
                entries.append(event(str(len(entries))))
            else:
                done = max(0, done - choice + 6)
                text = str(len(entries)) if choice % 2 else None
                entries.append(back_to(1 + done // 2, done % 2, text))
        return entries

    return st.lists(st.integers(0, 12), max_size=40).map(told)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path_factory.mktemp("storage"), OWNER)
    yield store
    store.close()


@given(story=stories(), written=st.integers(0, 40), after=few, limit=few)
def test_every_part_of_every_view_is_right_wherever_the_disk_is_behind(
    shared: JobStore, story: list[NewEntry], written: int, after: int, limit: int
) -> None:
    job_id, outbox, expected = str(shared.next_job_number()), Outbox(shared), Story()
    shared.add_job(job_record(job_id))
    write_now(shared, outbox, job_id, story[:written])
    for new in story:
        expected.hear(new)
    for new in story[written:]:
        outbox.tell(job_id, new, soon=False)
    log = JobLog(shared, outbox)
    assert [e.epoch for e in log.read(job_id, EPOCHS, None, None)] == expected.epochs
    assert log.history(job_id).num_epochs == len(expected.epochs)
    beyond = [number for number in expected.epochs if number > after]
    assert [e["epoch"] for e in log.history(job_id, after, limit).epochs] == beyond[:limit]
    latest = expected.epochs[max(0, len(expected.epochs) - limit) :]
    assert [e["epoch"] for e in log.history(job_id, None, limit).epochs] == latest
    found = [place for place in expected.steps if place > (after, 1)]
    assert places(log.steps(job_id, (after, 1), limit)) == found[:limit]
    assert places(log.steps(job_id, (), 100)) == expected.steps
    assert texts(log, job_id) == expected.events
    assert texts(log, job_id, limit) == expected.events[max(0, len(expected.events) - limit) :]


def test_an_event_is_told_as_it_is_kept_and_says_when(store: JobStore) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    told = tell(store, "1", event("No file 'caf\udce9'", "failed"))
    assert events_of(store, "1") == told
    shown = shown_entry(told[0])
    assert (shown["seq"], shown["kind"], shown["values"]) == (told[0].seq, "failed", {})
    assert shown["text"] == "No file 'caf\\udce9'"
    at = datetime.fromisoformat(shown["at"])
    assert before < at < before + timedelta(seconds=60) and at.utcoffset() == timedelta(0)
    assert shown["at"] == at.isoformat(timespec="milliseconds")


@pytest.mark.parametrize("num_written", range(5))
def test_sessions_are_shown_once_each_at_the_place_of_their_first_end(
    store: JobStore, num_written: int
) -> None:
    outbox = Outbox(store)
    told = [("2", measured(0.1)), ("1", measured(0.2)), ("2", measured(0.3))]
    told.append(("2", measured(0.4, run=2)))
    for job_id, new in told[:num_written]:
        outbox.tell(job_id, new)
        outbox.flush(job_id)
    for job_id, new in told[num_written:]:
        outbox.tell(job_id, new, soon=False)
    log = JobLog(store, outbox)

    def shown(limit: int | None) -> list[float]:
        return [e.values["devices"]["1"]["total_tflops"] for e in log.sessions(limit)]

    assert shown(None) == [0.3, 0.2, 0.4]
    assert shown(2) == [0.2, 0.4] and shown(1) == [0.4]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ten steps stay and the last ten, and of those between each fourth."""
    for name, value in {"KEPT_FIRST": 10, "KEPT_LATEST": 10, "KEPT_EACH": 4, "AT_ONCE": 5}.items():
        monkeypatch.setattr(log_thinning, name, value)


def test_of_the_steps_between_the_first_and_the_latest_few_stay(
    store: JobStore, small: None
) -> None:
    for number in (1, 2, 3, 4):
        tell(store, "1", *steps(number, 10), epoch(number, 10))
    tell(store, "1", validated(2, 7, loss=0.5))
    tell(store, "2", *steps(1, 40))
    store.thin_log("1")
    log = log_of(store)
    between = [(2, 1), (2, 4), (2, 7), (2, 8), (3, 1), (3, 4), (3, 8)]
    first, last = ([(number, index) for index in range(1, 11)] for number in (1, 4))
    kept = [*first, *between, *last]
    assert places(log.steps("1", (), 100)) == kept
    assert places(log.steps("1", (2, 4), 3)) == [(2, 7), (2, 8), (3, 1)]
    assert log.history("1").num_epochs == 4 and len(log.steps("2", (), 100)) == 40
    store.thin_log("1")
    assert places(log.steps("1", (), 100)) == kept


def test_the_first_that_count_stay_whole_whatever_was_taken_back_among_them(
    store: JobStore, small: None
) -> None:
    tell(store, "1", *steps(1, 8), back_to(1, 2), *steps(1, 40)[2:])
    store.thin_log("1")
    found = places(log_of(store).steps("1", (), 100))
    assert found[:10] == [(1, number) for number in range(1, 11)]
    assert found[10:13] == [(1, 12), (1, 16), (1, 20)]


def test_steps_of_weights_that_were_drawn_anew_go_and_their_epochs_stay_in_the_log(
    store: JobStore, small: None
) -> None:
    tell(store, "1", *steps(1, 23), epoch(1, 23), back_to(0, 0), *steps(1, 3))
    store.thin_log("1")
    with store._database.read() as connection:
        query = "SELECT kind, count(*) FROM log GROUP BY kind ORDER BY kind"
        found = [tuple(row) for row in connection.exec_driver_sql(query)]
    assert found == [("epoch", 1), ("rolled_back", 1), ("step", 3)]
    assert log_of(store).history("1").epochs == [] and len(log_of(store).steps("1", (), 100)) == 3


def test_nothing_is_thinned_of_a_job_that_is_not_long(store: JobStore) -> None:
    tell(store, "1", *steps(1, 500))
    store.thin_log("1")
    assert len(store.load_log("1", STEPS)) == 500
