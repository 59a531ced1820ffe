from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.job_store import JobStore
from orchestrator.store.records import StepRecord
from tests.support.stores import OWNER, job_record


def epoch_record(epoch: int, **changes: Any) -> dict[str, Any]:
    measured = {"train_loss": 1 / epoch, "metrics": {"loss": 2.0, "f1": 1 / 3, "r2": None}}
    return {"epoch": epoch, "session": 1, **measured, "samples_per_s": 1000.0, **changes}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path, OWNER)
    store.add_job(job_record("1"))
    store.add_job(job_record("2"))
    yield store
    store.close()


def test_epochs_are_added_in_any_order_and_replaced_by_their_number(store: JobStore) -> None:
    store.add_results("1", [epoch_record(2), epoch_record(1)], [])
    store.add_results("1", [epoch_record(2, train_loss=0.25, session=2), epoch_record(3)], [])
    store.add_results("2", [epoch_record(7)], [])
    second = epoch_record(2, train_loss=0.25, session=2)
    assert store.load_epochs("1") == [epoch_record(1), second, epoch_record(3)]
    assert store.load_epochs("2") == [epoch_record(7)]


def test_losses_without_a_number_come_back_as_they_were(store: JobStore) -> None:
    store.add_results("1", [epoch_record(1, train_loss=math.inf, samples_per_s=math.nan)], [])
    (record,) = store.load_epochs("1")
    assert record["train_loss"] == math.inf and math.isnan(record["samples_per_s"])


def test_steps_are_replaced_by_epoch_and_step(store: JobStore) -> None:
    store.add_results("1", [], [StepRecord(1, step, 0.1 * step) for step in range(1, 6)])
    validated = StepRecord(1, 5, 9.0, {"loss": 0.5, "r2": None})
    store.add_results("1", [], [validated, StepRecord(2, 1, 0.25)])
    expected = [StepRecord(1, step, 0.1 * step) for step in range(1, 5)]
    assert store.load_steps("1") == [*expected, validated, StepRecord(2, 1, 0.25)]
    assert store.load_steps("2") == []


def test_steps_are_read_page_by_page(store: JobStore) -> None:
    steps = [StepRecord(epoch, step, 0.5) for epoch in range(1, 4) for step in range(1, 6)]
    store.add_results("1", [], list(reversed(steps)))
    after, pages = (0, 0), []
    while page := store.load_steps("1", after, limit=4):
        pages.append(page)
        after = (page[-1].epoch, page[-1].step)
    assert [step for page in pages for step in page] == steps
    assert [len(page) for page in pages] == [4, 4, 4, 3]


def test_nothing_to_add_is_no_mistake(store: JobStore) -> None:
    store.add_results("1", [], [])
    store.add_results("1", [], [])
    assert store.load_epochs("1") == store.load_steps("1") == []


def test_a_cleared_history_is_gone_for_that_job_alone(store: JobStore) -> None:
    for job_id in ("1", "2"):
        store.add_results(job_id, [epoch_record(1)], [])
        store.add_results(job_id, [], [StepRecord(1, 1, 2.0)])
        store.add_event(job_id, "initialized", "Weights drawn from seed 0")
    store.save_job(job_record("1"), forget_history=True)
    assert store.load_epochs("1") == store.load_steps("1") == []
    assert len(store.load_events("1")) == 1
    assert store.load_epochs("2") == [epoch_record(1)] and len(store.load_steps("2")) == 1


def test_events_are_counted_a_job_and_say_when(store: JobStore) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    added = [store.add_event("1", "lost", f"Device {n} is gone") for n in (1, 2)]
    store.add_event("2", "initialized", "Weights drawn from seed 0")
    assert store.load_events("1") == added
    assert [event.index for event in added] == [0, 1]
    assert [event.text for event in added] == ["Device 1 is gone", "Device 2 is gone"]
    at = datetime.fromisoformat(added[0].at)
    assert before < at < before + timedelta(seconds=60) and at.utcoffset() == timedelta(0)


def test_an_event_is_told_as_it_is_kept(store: JobStore) -> None:
    told = store.add_event("1", "failed", "No file 'caf\udce9'")
    assert store.load_events("1") == [told]


def test_forty_threads_at_once_lose_no_event(store: JobStore) -> None:
    with ThreadPoolExecutor(40) as pool:
        added = pool.map(lambda n: store.add_event("1", "seen", str(n)), range(40))
        texts = {event.text for event in added}
    assert texts == {str(n) for n in range(40)}
    assert [event.index for event in store.load_events("1")] == list(range(40))
    assert {event.text for event in store.load_events("1")} == texts


def test_teraflops_are_one_entry_a_session_oldest_first(store: JobStore) -> None:
    first, second, again = ({"1": {"total_tflops": value}} for value in (0.1, 0.2, 0.3))
    store.add_teraflops("2", 1, 1, first)
    store.add_teraflops("1", 1, 1, second)
    store.add_teraflops("2", 1, 1, again)
    assert store.load_teraflops() == [again, second]
    assert store.load_teraflops(limit=1) == [second]


def test_a_session_after_new_weights_has_teraflops_of_its_own(store: JobStore) -> None:
    store.add_teraflops("1", 1, 1, {"1": {"total_tflops": 0.1}})
    store.add_teraflops("1", 2, 1, {"1": {"total_tflops": 0.2}})
    assert [entry["1"]["total_tflops"] for entry in store.load_teraflops()] == [0.1, 0.2]
