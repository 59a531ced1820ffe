"""What happened to jobs: the log that tells it, and the curves of their metrics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from http_gateway.live.event_format import MEDIA_TYPE as EVENT_STREAM
from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, QUICK
from http_gateway.schemas.base import Query
from http_gateway.schemas.parameters import Names, PlainInt, PlainSeq

USUAL_EVENTS = 1_000
MAX_EVENTS = 10_000
USUAL_POINTS = 1_000
MAX_POINTS = 10_000
CSV = "text/csv"
STREAMED = (
    ". With `Accept: text/event-stream` they come as they happen: those after `after`, or after "
    "the header `Last-Event-ID`, or from now on; of all kinds, if `kinds` names none"
)


class LogEvent(BaseModel):
    """An entry of the log. ``epoch`` and ``step`` count from 1 within the job; a roll-back has
    those that it goes back to."""

    seq: int = Field(description="grows from one to the next, over all jobs")
    job_id: str
    at: str | None = Field(description="ISO 8601, UTC; null where it was not noted")
    kind: str = Field(examples=["status"])
    epoch: int | None
    step: int | None
    text: str | None = Field(description="for people")
    values: dict[str, Any] = Field(description="for programs; by kind")


class EventsQuery(Query):
    """Which entries."""

    after: PlainSeq | None = Field(
        None, description="the seq beyond which the first ones are wanted; default: the latest"
    )
    limit: PlainInt = Field(USUAL_EVENTS, ge=1, le=MAX_EVENTS, description="at most so many")
    kinds: Names | None = Field(None, description="such as status,lost; default: what has a text")


class EventPage(BaseModel):
    """GET /api/jobs/<job_id>/events and GET /api/events, oldest first."""

    events: list[LogEvent]
    next_after: int = Field(description="what to ask for as `after` to get what comes next")


class MetricsQuery(Query):
    """Which curves, and how much of them."""

    names: Names | None = Field(None, description="such as loss,val_loss; default: all")
    after: PlainSeq | None = Field(None, description="only what was told after that seq")
    max_points: PlainInt = Field(
        USUAL_POINTS,
        ge=2,
        le=MAX_POINTS,
        description="at most so many a curve; of longer ones the smallest and the largest value "
        "of each of equal parts",
    )
    format: Literal["json", "csv"] = Field("json", description="csv: name,step,at,value")


class MetricCurve(BaseModel):
    """A metric over the job's optimiser steps; three lists of one length."""

    name: str
    steps: list[int] = Field(description="optimiser steps, from 1 over the whole job")
    at: list[float | None] = Field(description="seconds since 1970; null where it was not noted")
    values: list[float | None] = Field(description="null where there is no finite one")


class MetricCurves(BaseModel):
    """GET /api/jobs/<job_id>/metrics."""

    series: list[MetricCurve]
    last_seq: int = Field(description="what to ask for as `after` to get what comes next")


EVENTS = (
    Operation(
        name="list_events",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/events",
        noun="events",
        summary=f"What happened to the job, oldest first{STREAMED}",
        query=EventsQuery,
        response=EventPage,
        also=(EVENT_STREAM,),
    ),
    Operation(
        name="list_all_events",
        **QUICK,
        path="/api/events",
        noun="events",
        summary=f"What happened to all jobs, oldest first{STREAMED}",
        query=EventsQuery,
        response=EventPage,
        also=(EVENT_STREAM,),
    ),
    Operation(
        name="get_metrics",
        **QUICK,
        **JOB,
        path="/api/jobs/<job_id>/metrics",
        noun="events",
        summary="The job's curves: its loss at each step, and what epochs and validations tell",
        query=MetricsQuery,
        gateways_own=("format",),
        response=MetricCurves,
        also=(CSV,),
    ),
)
