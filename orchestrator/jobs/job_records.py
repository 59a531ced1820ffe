"""Turns jobs into the records of the store, and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from actors.core.folders import Folders
from actors.core.recipe.recipe import check_known_kinds
from actors.core.sources.registry import SourceSpec, known_of
from actors.core.sources.source_facts import Found
from orchestrator.data.data_identity import DataIdentity
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.jobs.broken_job import BrokenJob
from orchestrator.jobs.failure_policy import CheckpointPolicy, FailurePolicy
from orchestrator.jobs.job import Device, Job, PlannedStage, Session
from orchestrator.jobs.job_lifecycle import Status
from orchestrator.jobs.job_spec import JobConfig, JobSpec, check_known, parse_job_spec
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.proof.bit_equality import ComputedFrom
from orchestrator.store.records import DeviceRecord, JobRecord, SessionRecord, StageRecord


def to_record(job: Job) -> JobRecord:
    """Everything of a job except its log."""
    return JobRecord(
        job_id=job.job_id,
        status=job.status.value,
        error=job.error,
        spec=to_stored(job.spec),
        failure_policy=to_stored(job.failure_policy),
        checkpoint_policy=to_stored(job.checkpoint_policy),
        next_device_id=job.next_device_id,
        run=job.run,
        generation=job.generation,
        epochs_begun=job.epochs_begun,
        devices=tuple(DeviceRecord(**asdict(d)) for d in job.devices),
        stages=tuple(StageRecord(s.device_id, s.start, s.end) for s in job.stages),
        sessions=tuple(_session_record(session) for session in job.sessions),
        planning=to_stored(job.planning),
        identity=job.identity,
        data=None if job.data is None else to_stored(job.data),
    )


def from_record(record: JobRecord) -> Job | BrokenJob:
    """The job as it was stored. Any error makes only this job broken, so that all others can still
    be used."""
    try:
        return _job(record)
    except Exception as error:
        return BrokenJob.of(record, error)


def _job(record: JobRecord) -> Job:
    job = Job(record.job_id, _spec(record.spec), identity=record.identity)
    job.status = Status(record.status)
    job.error = record.error
    job.failure_policy = from_stored(FailurePolicy, record.failure_policy)
    job.checkpoint_policy = from_stored(CheckpointPolicy, record.checkpoint_policy)
    job.next_device_id = record.next_device_id
    job.run = record.run
    job.generation = record.generation
    job.epochs_begun = record.epochs_begun
    job.devices = [Device(**asdict(d)) for d in record.devices]
    job.stages = tuple(PlannedStage(s.device_id, s.start, s.end) for s in record.stages)
    job.sessions = [_session(session) for session in record.sessions]
    job.planning = from_stored(JobPlanning, record.planning or {})
    job.data = None if record.data is None else from_stored(DataIdentity, record.data)
    job.num_sessions = max((session.index for session in job.sessions), default=0)
    return job


def _spec(stored: dict[str, Any]) -> JobSpec:
    """The specification as it was parsed when the job was created. The oldest jobs have stored only
    the request, which is parsed again."""
    if stored.keys() == {"config"}:
        config = from_stored(JobConfig, stored["config"])
        return parse_job_spec(config.model, config.dataset, _found_when_created)
    spec = from_stored(JobSpec, stored)
    check_known(spec)
    return spec


def _found_when_created(source: SourceSpec) -> Found:
    """Does not look at the files, because the job was accepted before; a session counts again."""
    found = known_of(source, Folders(Path(), ()))
    assert found is not None, "the oldest jobs are on MNIST or digits"
    return replace(found, num_train=2**62)


def _session_record(session: Session) -> SessionRecord:
    return SessionRecord(
        index=session.index,
        options=to_stored(session.options),
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
        computed=[to_stored(known) for known in session.computed],
        folder=session.folder,
        stop_asked=session.stop_asked,
    )


def _session(record: SessionRecord) -> Session:
    options = from_stored(TrainOptions, record.options)
    check_known_kinds(options.recipe)
    return Session(
        record.index,
        options,
        record.num_microbatches,
        record.first_epoch_index,
        outcome=record.outcome,
        num_failures=record.num_failures,
        threads={int(device): count for device, count in record.threads.items()},
        channels=record.channels,
        differences=record.differences,
        progress=record.progress,
        device_stats=record.device_stats,
        lost_steps=record.lost_steps,
        waiting_for=record.waiting_for,
        last_cause=record.last_cause,
        computed=[from_stored(ComputedFrom, known) for known in record.computed],
        folder=record.folder,
        stop_asked=record.stop_asked,
    )
