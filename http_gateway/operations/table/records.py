"""What a job has left behind: checkpoints, plan, events, steps."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, QUICK
from http_gateway.schemas.parameters import MAX_INDEX, PlainIndex, PlainInt
from http_gateway.schemas.planning import PlanInForce

MAX_STEPS = 10_000
USUAL_EVENTS = 1_000
MAX_EVENTS = 10_000


class Checkpoint(BaseModel):
    """A job's state on disk, whole and checked. The task's metrics stand beside the loss as
    ``val_<name>``; all are null unless it was taken at an epoch's end."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    checkpoint_id: str
    created_at: str
    session: int
    epoch: int | None
    step: int = Field(description="optimiser steps since the weights were drawn")
    val_loss: float | None
    finished: bool = Field(description="of a session's end")
    num_bytes: int
    versions: dict[str, str]


class CheckpointList(BaseModel):
    """GET /api/jobs/<job_id>/checkpoints, newest first."""

    checkpoints: list[Checkpoint]


class JobEvent(BaseModel):
    """Something that happened to a job."""

    index: int
    at: str = Field(description="ISO 8601, UTC")
    kind: str
    text: str


class EventsQuery(BaseModel):
    """Which of a job's events."""

    after_index: PlainIndex | None = Field(
        None, description="the first that come after this; default: the latest"
    )
    limit: PlainInt = Field(USUAL_EVENTS, ge=1, le=MAX_EVENTS, description="at most so many")


class EventList(BaseModel):
    """GET /api/jobs/<job_id>/events, oldest first; the latest 1,000 unless others are asked for."""

    events: list[JobEvent]


class StepLoss(BaseModel):
    """One optimiser step; epoch and step count from 1. After a validation within the epoch it has
    ``val_<name>`` for each metric, too."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    epoch: int
    step: int
    loss: float


class StepsQuery(BaseModel):
    """Which of a job's steps."""

    after_epoch: PlainInt = Field(0, ge=0, le=MAX_INDEX, description="only what comes after this")
    after_step: PlainInt = Field(0, ge=0, le=MAX_INDEX, description="step of that epoch")
    limit: PlainInt = Field(MAX_STEPS, ge=1, le=MAX_STEPS, description="at most so many")


class StepList(BaseModel):
    """GET /api/jobs/<job_id>/steps, in order."""

    steps: list[StepLoss]


RECORDS = (
    Operation(
        name="list_checkpoints",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/checkpoints",
        noun="jobs",
        summary="The job's checkpoints, newest first",
        response=CheckpointList,
        result_name="checkpoints",
    ),
    Operation(
        name="get_plan",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/plan",
        noun="jobs",
        summary="The plan in force, and what its steps took",
        response=PlanInForce,
    ),
    Operation(
        name="list_events",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/events",
        noun="jobs",
        summary="What happened to the job, oldest first",
        query=EventsQuery,
        response=EventList,
        result_name="events",
    ),
    Operation(
        name="list_steps",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/steps",
        noun="jobs",
        summary="The loss of every step",
        query=StepsQuery,
        response=StepList,
        result_name="steps",
    ),
)
