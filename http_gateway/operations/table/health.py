"""Does it run, what runs, and is the cluster fit to train?"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import READS
from http_gateway.schemas.doctor import DoctorReport

READY_TIMEOUT_S = 5.0


class Health(BaseModel):
    """The gateway serves."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """The JobManager answers."""

    ready: Literal[True]
    nodes: int
    ray_version: str
    dashboard_url: str | None


class Version(BaseModel):
    """What runs."""

    version: str
    python: str
    ray: str
    torch: str


HEALTH = (
    Operation(
        name="doctor",
        **READS,
        path="/api/doctor",
        noun="doctor",
        summary="Is the cluster fit to train? Takes up to half a minute",
        response=DoctorReport,
    ),
    Operation(
        name="health",
        **READS,
        path="/health",
        noun="health",
        summary="The gateway serves; needs no token",
        response=Health,
        needs_token=False,
    ),
    Operation(
        name="ready",
        **READS,
        path="/ready",
        noun="health",
        summary="The JobManager answers; 503 with the reason otherwise",
        response=Readiness,
        timeout_s=READY_TIMEOUT_S,
    ),
    Operation(
        name="version",
        **READS,
        path="/api/version",
        noun="health",
        summary="What runs",
        response=Version,
    ),
)
