from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import Conflict, JobNotFound
from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import EPOCHS, STEPS
from orchestrator.store.records import (
    DeviceRecord,
    JobRecord,
    SessionRecord,
    StageRecord,
)
from tests.support.logs import epoch, event, events_of, measured, step, tell
from tests.support.stores import OWNER, job_record, session_record

integers = st.integers(-(2**63), 2**63 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text(), json_values, max_size=3)
texts = st.lists(st.text(), max_size=3)
sessions = st.builds(
    SessionRecord,
    index=integers,
    options=objects,
    num_microbatches=integers,
    first_epoch_index=integers,
    outcome=st.sampled_from([None, "completed", "stopped", "failed"]),
    num_failures=integers,
    threads=st.dictionaries(st.text(), integers, max_size=3),
    channels=texts,
    differences=texts,
    progress=objects,
    device_stats=objects,
)
devices = st.builds(DeviceRecord, device_id=integers, ip=st.text(), port=integers)
stages = st.builds(StageRecord, device_id=integers, start=integers, end=integers)
records = st.builds(
    JobRecord,
    job_id=st.just("1"),
    status=st.text(),
    error=st.none() | st.text(),
    spec=objects,
    failure_policy=objects,
    checkpoint_policy=objects,
    next_device_id=integers,
    run=integers,
    generation=integers,
    epochs_begun=integers,
    devices=st.lists(devices, max_size=3).map(tuple),
    stages=st.lists(stages, max_size=3).map(tuple),
    sessions=st.lists(sessions, max_size=3, unique_by=lambda s: s.index).map(
        lambda found: tuple(sorted(found, key=lambda s: s.index))
    ),
)


@pytest.fixture(scope="module")
def store_of_one_job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path_factory.mktemp("storage"), OWNER)
    store.add_job(job_record())
    yield store
    store.close()


@given(record=records)
def test_any_job_is_loaded_as_it_was_saved(store_of_one_job: JobStore, record: JobRecord) -> None:
    store_of_one_job.save_job(record)
    assert store_of_one_job.load_jobs() == [record]


def test_jobs_survive_a_restart(tmp_path: Path) -> None:
    first = JobStore.open(tmp_path, OWNER)
    first.add_job(job_record("1"))
    first.add_job(job_record("2", error="a device is gone", status="failed"))
    saved = first.load_jobs()
    first.close()
    second = JobStore.open(tmp_path, OWNER)
    assert second.load_jobs() == saved and len(saved) == 2
    assert second.writer_epoch == first.writer_epoch + 1
    second.close()


def test_jobs_are_ordered_by_number_not_by_text(store: JobStore) -> None:
    for job_id in ("10", "9", "100", "1"):
        store.add_job(job_record(job_id))
    assert [job.job_id for job in store.load_jobs()] == ["1", "9", "10", "100"]


def test_a_saved_job_replaces_all_of_the_earlier_one(store: JobStore) -> None:
    store.add_job(job_record("1"))
    store.add_job(job_record("2"))
    later = job_record("1", devices=(DeviceRecord(2, "10.0.0.3", 5001),), stages=(), sessions=())
    store.save_job(later)
    assert store.load_jobs() == [later, job_record("2")]


def test_saving_a_job_keeps_its_results(store: JobStore) -> None:
    store.add_job(job_record())
    told = tell(store, "1", step(1, 1), epoch(1), event("Epoch 1 is done"))
    store.save_job(job_record(sessions=(session_record(1), session_record(2))))
    found = [store.load_log("1", view) for view in (STEPS, EPOCHS)]
    assert [*found, events_of(store, "1")] == [[entry] for entry in told]


def test_a_deleted_job_takes_all_but_its_teraflops_along(store: JobStore) -> None:
    store.add_job(job_record())
    told = tell(store, "1", step(1, 1), epoch(1), event("Epoch 1 is done"), measured(0.5))
    store.delete_job("1")
    assert store.load_jobs() == []
    assert [store.load_log("1", view) for view in (STEPS, EPOCHS)] == [[], []]
    assert events_of(store, "1") == []
    assert store.load_sessions() == told[-1:]


def test_a_job_number_is_never_used_again(tmp_path: Path) -> None:
    store = JobStore.open(tmp_path, OWNER)
    assert store.next_job_number() == 1
    store.add_job(job_record("1"))
    store.add_job(job_record("2"))
    store.delete_job("2")
    assert store.next_job_number() == 3
    store.close()
    store = JobStore.open(tmp_path, OWNER)
    assert store.next_job_number() == 3
    store.close()


def test_a_second_job_of_the_same_number_is_refused_and_changes_nothing(store: JobStore) -> None:
    store.add_job(job_record())
    with pytest.raises(Conflict, match="a job 1 already"):
        store.add_job(job_record(status="created"))
    assert store.load_jobs() == [job_record()]


def test_what_comes_late_for_a_deleted_job_is_refused(store: JobStore) -> None:
    store.add_job(job_record())
    store.delete_job("1")
    for write in (
        lambda: store.save_job(job_record()),
        lambda: store.delete_job("1"),
        lambda: tell(store, "1", step(1, 1)),
        lambda: tell(store, "1", measured(0.5), event("Epoch 1 is done")),
    ):
        with pytest.raises(JobNotFound, match="no job 1"):
            write()
    assert store.load_jobs() == [] and store.load_log("1", STEPS) == []
    assert tell(store, "1", measured(0.5)) == store.load_sessions()  # that outlives it


def test_a_failed_save_leaves_the_job_as_it_was(store: JobStore) -> None:
    store.add_job(job_record())
    unfit = replace(session_record(2), options={"rate": object()})
    with pytest.raises(Exception, match="not JSON serializable"):
        store.save_job(job_record(devices=(), sessions=(session_record(1), unfit)))
    assert store.load_jobs() == [job_record()]


def test_an_error_with_parts_of_no_text_is_kept_as_escapes(store: JobStore) -> None:
    store.add_job(job_record(error="No file 'caf\udce9'"))
    assert store.load_jobs()[0].error == "No file 'caf\\udce9'"
