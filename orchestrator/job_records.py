"""Jobs as the JobManager keeps them <-> records as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.bit_equality import computed_json, parse_computed
from orchestrator.data_identity import data_json, parse_data
from orchestrator.failure_policy import parse_checkpoint_policy, parse_failure_policy
from orchestrator.job import Device, Job, PlannedStage, Session
from orchestrator.job_lifecycle import Status
from orchestrator.job_spec import TrainOptions, parse_job_spec
from orchestrator.planning.job_planning import parse_planning, planning_json
from orchestrator.store.records import DeviceRecord, JobRecord, SessionRecord, StageRecord


def to_record(job: Job) -> JobRecord:
    """All of a job but its history and events, which the store keeps line by line."""
    return JobRecord(
        job_id=job.job_id,
        status=job.status.value,
        error=job.error,
        model_config=dict(job.model_config),
        dataset_config=dict(job.dataset_config),
        failure_policy=asdict(job.failure_policy),
        checkpoint_policy=asdict(job.checkpoint_policy),
        next_device_id=job.next_device_id,
        run=job.run,
        generation=job.generation,
        epochs_begun=job.epochs_begun,
        devices=tuple(DeviceRecord(**asdict(d)) for d in job.devices),
        stages=tuple(StageRecord(s.device_id, s.start, s.end) for s in job.stages),
        sessions=tuple(_session_record(session) for session in job.sessions),
        planning=planning_json(job.planning),
        identity=job.identity,
        data=data_json(job.data),
    )


def from_record(record: JobRecord, history: Sequence[dict[str, Any]]) -> Job:
    """The job as it was; ``history`` are its epochs."""
    spec = parse_job_spec(record.model_config, record.dataset_config, num_train=2**62)
    job = Job(
        record.job_id, record.model_config, record.dataset_config, spec, identity=record.identity
    )
    job.status = Status(record.status)
    job.error = record.error
    job.failure_policy = parse_failure_policy(record.failure_policy)
    job.checkpoint_policy = parse_checkpoint_policy(record.checkpoint_policy)
    job.next_device_id = record.next_device_id
    job.run = record.run
    job.generation = record.generation
    job.epochs_begun = record.epochs_begun
    job.devices = [Device(**asdict(d)) for d in record.devices]
    job.stages = tuple(PlannedStage(s.device_id, s.start, s.end) for s in record.stages)
    job.sessions = [_session(session, history) for session in record.sessions]
    job.planning = parse_planning(record.planning)
    job.data = parse_data(record.data)
    job.num_sessions = max((session.index for session in job.sessions), default=0)
    return job


def _session_record(session: Session) -> SessionRecord:
    return SessionRecord(
        index=session.index,
        options=asdict(session.options),
        num_microbatches=session.num_microbatches,
        first_epoch_index=session.first_epoch_index,
        outcome=session.outcome,
        num_failures=session.num_failures,
        threads={str(device): count for device, count in session.threads.items()},
        channels=list(session.channels),
        differences=list(session.differences),
        progress=dict(session.progress),
        device_stats=dict(session.device_stats),
        lost_steps=session.lost_steps,
        waiting_for=list(session.waiting_for),
        last_cause=session.last_cause,
        computed=computed_json(session.computed),
        folder=session.folder,
        stop_asked=session.stop_asked,
    )


def _session(record: SessionRecord, history: Sequence[dict[str, Any]]) -> Session:
    return Session(
        record.index,
        TrainOptions(**record.options),
        record.num_microbatches,
        record.first_epoch_index,
        outcome=record.outcome,
        num_failures=record.num_failures,
        threads={int(device): count for device, count in record.threads.items()},
        channels=record.channels,
        differences=record.differences,
        progress=record.progress,
        history=[epoch for epoch in history if epoch["session"] == record.index],
        device_stats=record.device_stats,
        lost_steps=record.lost_steps,
        waiting_for=record.waiting_for,
        last_cause=record.last_cause,
        computed=parse_computed(record.computed),
        folder=record.folder,
        stop_asked=record.stop_asked,
    )
