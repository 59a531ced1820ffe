"""A job's network: initialize, plan, train."""

from __future__ import annotations

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, LOADS
from http_gateway.schemas.base import Done
from http_gateway.schemas.planning import Initialize, JobPlan, PlanFields
from http_gateway.schemas.training import Train


class TrainingStarted(Done):
    """What the session was started with."""

    epochs: int
    learning_rate: float


NETWORK = (
    Operation(
        name="initialize",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/network/initialize/<job_id>",
        noun="network",
        summary="Allocate layers to the devices and draw the weights",
        body=Initialize,
        whole_body=True,
        response=Done,
        message="Network initialized successfully",
    ),
    Operation(
        name="plan",
        **JOB,
        method="POST",
        path="/api/network/plan/<job_id>",
        noun="network",
        summary="The plan that such requests would get; leaves nothing running",
        body=PlanFields,
        whole_body=True,
        response=JobPlan,
        may_repeat=True,
        actor_starts=2,
    ),
    Operation(
        name="train",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/network/train/<job_id>",
        noun="network",
        summary="Start training in the background",
        body=Train,
        whole_body=True,
        response=TrainingStarted,
        message="Training started",
    ),
)
