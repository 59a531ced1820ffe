"""What a job has left behind: checkpoints, plan, steps, TFLOPs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, RootModel

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, QUICK
from http_gateway.schemas.base import Query
from http_gateway.schemas.job_details import Teraflops
from http_gateway.schemas.parameters import MAX_INDEX, PlainCount, PlainInt
from http_gateway.schemas.planning import PlanInForce

MAX_STEPS = 10_000


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


class StepLoss(BaseModel):
    """One optimiser step; epoch and step count from 1. After a validation within the epoch it has
    ``val_<name>`` for each metric, too."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    epoch: int
    step: int
    loss: float


class StepsQuery(Query):
    """Which of a job's steps."""

    after_epoch: PlainInt = Field(0, ge=0, le=MAX_INDEX, description="only what comes after this")
    after_step: PlainInt = Field(0, ge=0, le=MAX_INDEX, description="step of that epoch")
    limit: PlainInt = Field(MAX_STEPS, ge=1, le=MAX_STEPS, description="at most so many")


class StepList(BaseModel):
    """GET /api/jobs/<job_id>/steps, in order."""

    steps: list[StepLoss]


class TeraflopsQuery(Query):
    """How many sessions."""

    limit: PlainCount | None = Field(None, description="only so many of the latest; default: all")


class SessionTeraflops(RootModel[list[dict[str, Teraflops]]]):
    """One entry a session: device id -> its TFLOPs."""


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
    Operation(
        name="previous_teraflops",
        **QUICK,
        path="/api/previous_teraflops",
        noun="teraflops",
        summary="One entry a session, oldest first",
        query=TeraflopsQuery,
        response=SessionTeraflops,
    ),
)
