"""Rows that are predicted, and what is answered."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, FailFast, Field

from http_gateway.schemas.base import Body

MAX_PREDICT_ROWS = 10_000
MAX_SAMPLE_RANK = 5
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _nested(depth: int) -> dict[str, Any]:
    """A JSON schema: a number, or lists in lists of them, so deep at most."""
    number = {"type": "number"}
    deeper = {"type": "array", "items": _nested(depth - 1)} if depth else None
    return number if deeper is None else {"anyOf": [number, deeper]}


class Predict(Body):
    """POST /api/jobs/<job_id>/predict."""

    # Millions of numbers may be wrong: one error is enough.
    inputs: Annotated[list[Annotated[list[Finite], FailFast()]], FailFast()] = Field(
        min_length=1,
        max_length=MAX_PREDICT_ROWS,
        description="rows as the data is stored: pixels from 0 to 255, a table's own numbers, or "
        "tokens; each in one list, or nested as a sample is, such as [channels][height][width]",
        json_schema_extra={"items": {"type": "array", "items": _nested(MAX_SAMPLE_RANK - 1)}},
    )


class Prediction(BaseModel):
    """One entry a row; what there is depends on the job's task."""

    classes: list[int] | None = Field(None, description="classification, binary")
    labels: list[list[int]] | None = Field(None, description="multilabel: 0 or 1 for each label")
    tokens: list[int] | None = Field(None, description="next_token: that after the last one")
    values: list[Any] | None = Field(None, description="regression: numbers for each row")
    probabilities: list[list[float]] | list[float] | None = Field(
        None, description="of each class, label or token; binary: of class 1"
    )
    note: str | None = Field(
        None, description="only there when the values look as if another scale were meant"
    )
