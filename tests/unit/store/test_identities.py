"""Stores of earlier versions: what their jobs keep."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from orchestrator.files.stored_json import from_stored
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_records import from_record
from orchestrator.jobs.train_options import parse_train_options
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.planning.partition import EVEN, MANUAL, DeviceLimits, LayerRange, PlanRequest
from orchestrator.store.job_store import JobStore
from tests.support.old_stores import insert, old_job, old_store
from tests.support.stores import OWNER, job_record, session_record

DIGITS = {"name": "digits", "resize": None, "batch_size": 32}
OPTIONS = {"epochs": 3, "learning_rate": 0.2, "momentum": 0.5, "num_microbatches": 4}


def test_jobs_of_before_keep_their_folders_and_new_ones_draw_theirs(tmp_path: Path) -> None:
    policies = {"failure_policy": {}, "checkpoint_policy": {}}
    job_row = old_job(job_record("3", run=7, sessions=(), **policies), DIGITS)
    with old_store(tmp_path, "0004") as connection:
        insert(connection, "jobs", job_row)
        for index in (1, 2):
            session = asdict(session_record(index, options=OPTIONS))
            insert(connection, "sessions", session | {"job_id": "3"})
    store = JobStore.open(tmp_path, OWNER)
    job = from_record(store.load_jobs()[0])
    assert isinstance(job, Job)
    assert job.lineage.identity == "3" and job.data is None
    assert job.lineage.sessions == ((1, "run-7"), (2, "run-7"))
    options = parse_train_options(OPTIONS)
    assert repr(job.sessions[0].options) == repr(options) and job.spec.config.train is None
    store.close()


def test_what_was_asked_of_plans_of_before_is_kept_and_what_was_measured_is_not(
    tmp_path: Path,
) -> None:
    parts = {"1": [0, 2], "2": [2, 3]}
    asked = {
        "1": {"partition": parts, "devices": {"1": {"threads": 2, "max_memory_bytes": None}}},
        "2": {"partition": "even", "devices": {}},
    }
    with old_store(tmp_path, "0009") as connection:
        for job_id in ("1", "2", "3"):
            row = old_job(job_record(job_id, sessions=()), DIGITS)
            measured = {"profiles": {"1": {"of": "before"}}, "links": [{"of": "before"}]}
            planning = {"request": asked[job_id], **measured} if job_id in asked else None
            insert(connection, "jobs", row | {"planning": planning})
    store = JobStore.open(tmp_path, OWNER)
    found = {job.job_id: from_stored(JobPlanning, job.planning or {}) for job in store.load_jobs()}
    store.close()
    split = {1: LayerRange(0, 2), 2: LayerRange(2, 3)}
    limits = {1: DeviceLimits(threads=2)}
    assert found == {
        "1": JobPlanning(PlanRequest(MANUAL, split, limits)),
        "2": JobPlanning(PlanRequest(EVEN)),
        "3": JobPlanning(),
    }
