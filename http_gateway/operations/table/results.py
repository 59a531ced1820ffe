"""What a trained job gives: a proof of its bits, predictions."""

from __future__ import annotations

from pydantic import Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, LOADS
from http_gateway.schemas.base import OptionalBody
from http_gateway.schemas.predict import Predict, Prediction
from http_gateway.schemas.proof import Verified

PREDICT_TIMEOUT_S = 385.0  # it may wait for others, and for a large model to be read
MAX_VERIFIED_STEPS = 100_000


class Verify(OptionalBody):
    """POST /api/jobs/<job_id>/verify."""

    steps: int | None = Field(
        None,
        ge=1,
        le=MAX_VERIFIED_STEPS,
        description="so many of the first; default: to the first step of which weights are kept",
    )


RESULTS = (
    Operation(
        name="verify",
        **JOB,
        **LOADS,
        method="POST",
        path="/api/jobs/<job_id>/verify",
        noun="jobs",
        summary="Train the first steps again on one device without a pipeline: are the bits the "
        "same? Takes about a minute at most",
        body=Verify,
        response=Verified,
        may_repeat=True,
    ),
    Operation(
        name="predict",
        **JOB,
        method="POST",
        path="/api/jobs/<job_id>/predict",
        noun="jobs",
        summary="Classify samples",
        body=Predict,
        reads_body_late=True,
        response=Prediction,
        may_repeat=True,
        timeout_s=PREDICT_TIMEOUT_S,
    ),
)
