from __future__ import annotations

from orchestrator.bit_equality import ComputedFrom, ComputedLayers
from orchestrator.job import Session
from orchestrator.job_records import from_record, to_record
from orchestrator.job_spec import TrainOptions
from tests.support.job_records import make_job


def test_what_a_recovery_cost_and_waits_for_is_kept() -> None:
    job = make_job()
    session = Session(1, TrainOptions(), 2, 0, num_failures=1, lost_steps=7)
    session.waiting_for, session.last_cause = ["10.0.0.2:5001"], "device 1 is gone"
    job.sessions = [session]
    shown = from_record(to_record(job), []).details()["recovery"]
    assert shown == job.details()["recovery"]
    assert shown["lost_steps"] == 7 and shown["waiting_for"] == ["10.0.0.2:5001"]


def test_by_what_a_session_was_computed_is_kept() -> None:
    job = make_job()
    host = {"tandem": "1", "torch": "2", "cpu": "3"}
    layers = (ComputedLayers(0, 2, 1, host), ComputedLayers(2, 3, 2, host))
    job.sessions = [Session(1, TrainOptions(), 2, 0, computed=[ComputedFrom(4, layers)])]
    (session,) = from_record(to_record(job), []).sessions
    assert session.computed == job.sessions[0].computed
