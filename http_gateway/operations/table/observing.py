"""What a user's own tools read: timelines and figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, QUICK, READS
from http_gateway.schemas.base import Query
from http_gateway.schemas.parameters import PlainIndex, PlainInt

USUAL_STEPS = 10
MAX_STEPS = 100
USUAL_LINES = 1_000
MAX_LINES = 10_000
TRACE_TIMEOUT_S = 90.0
"""More than the JobManager waits for steps."""


class TraceQuery(Query):
    """How many steps."""

    steps: PlainInt = Field(
        USUAL_STEPS, ge=1, le=MAX_STEPS, description="the next so many are recorded"
    )


class TracedDevice(BaseModel):
    """One lane of a timeline."""

    bubble: float = Field(description="share of waiting in the device's time")
    clock_offset_s: float = Field(description="what was added to times of its own clock")
    clock_error_s: float = Field(
        description="the offset is wrong by at most that; 0 on the gateway's own host"
    )


class TraceFacts(BaseModel):
    """What the steps of a timeline are; epoch and step count from 1."""

    job_id: str
    num_steps: int = Field(description="fewer than asked for if the job ended, or took too long")
    first_epoch: int
    first_step: int
    bubble: float = Field(description="share of waiting in the time of all devices")
    devices: dict[str, TracedDevice]


class Trace(BaseModel):
    """Chrome's Trace Event Format, which https://ui.perfetto.dev opens."""

    traceEvents: list[dict[str, Any]]
    displayTimeUnit: Literal["ms"]
    otherData: TraceFacts


class LogsQuery(Query):
    """Which of a job's log lines."""

    after: PlainIndex | None = Field(
        None, description="the first that come after this seq; default: the latest"
    )
    limit: PlainInt = Field(USUAL_LINES, ge=1, le=MAX_LINES, description="at most so many")


class ProcessLine(BaseModel):
    """A line of the log of a process that trains a job."""

    seq: int = Field(description="from 1 within the job")
    at: str = Field(description="ISO 8601, UTC, by the device's own clock")
    level: str
    job_id: str
    generation: int
    device_id: int
    logger: str = Field(description="the part of the program that wrote it")
    text: str


class LineList(BaseModel):
    """GET /api/jobs/<job_id>/logs, oldest first."""

    lines: list[ProcessLine]
    next_after: int = Field(description="to be sent as after, for what comes next")


PROMETHEUS_TEXT = "text/plain"

OBSERVING = (
    Operation(
        name="trace",
        **READS,
        **JOB,
        path="/api/jobs/<job_id>/trace",
        noun="jobs",
        summary="A timeline of the next steps, for Perfetto; waits up to a minute for them",
        query=TraceQuery,
        response=Trace,
        timeout_s=TRACE_TIMEOUT_S,
    ),
    Operation(
        name="list_logs",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/logs",
        noun="jobs",
        summary="Log lines of the processes that train the job",
        query=LogsQuery,
        response=LineList,
    ),
    Operation(
        name="prometheus",
        **READS,
        path="/metrics",
        noun="health",
        summary="All figures for Prometheus; tandem_up is 0 while the JobManager is gone",
        response={"content": {PROMETHEUS_TEXT: {}}},
        media_type=PROMETHEUS_TEXT,
    ),
)
