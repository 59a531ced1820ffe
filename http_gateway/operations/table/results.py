"""What a trained job gives: a proof of its bits, predictions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from http_gateway.operations.operation import FileForm, Operation
from http_gateway.operations.table.traits import JOB, LOADS
from http_gateway.schemas.base import OptionalBody
from http_gateway.schemas.job_request import DatasetConfig
from http_gateway.schemas.predict import (
    MAX_IMAGES,
    NoOptions,
    Predict,
    Prediction,
    PredictTable,
    PredictText,
    TableOptions,
)
from http_gateway.schemas.proof import Verified

PREDICT_TIMEOUT_S = 385.0  # it may wait for others, and for a large model to be read
EVALUATE_TIMEOUT_S = 2900.0  # the same, for the data, and for as long as an evaluation may take
MAX_WORST = 1_000
MAX_VERIFIED_STEPS = 100_000


class Verify(OptionalBody):
    """POST /api/jobs/<job_id>/verify."""

    steps: int | None = Field(
        None,
        ge=1,
        le=MAX_VERIFIED_STEPS,
        description="so many of the first; default: to the first step of which weights are kept",
    )


class Evaluate(OptionalBody):
    """POST /api/jobs/<job_id>/evaluate."""

    dataset_config: DatasetConfig | None = Field(
        None,
        description="what to evaluate with, as for a job; fields that are left out and say what a "
        "sample is are those of the job's data. Default: the job's own data",
    )
    split: Literal["validation", "training", "all"] | None = Field(
        None,
        description="which samples; default: those for validation of the job's own data, all of "
        "other data",
    )
    num_worst: int | None = Field(
        None, ge=0, le=MAX_WORST, description="so many of the worst samples; default 20"
    )


class EvaluatedClass(BaseModel):
    """How well a class is told, or a label; null where nothing can be divided by."""

    index: int
    name: str | None
    num_samples: int
    num_predicted: int
    precision: float | None = Field(description="the share of what was taken for it that is it")
    recall: float | None = Field(description="the share of its samples that were taken for it")


class ConfusedClasses(BaseModel):
    """Samples of one class that were taken for another."""

    target: int
    predicted: int
    count: int


class WorstSample(BaseModel):
    """A sample with a large loss."""

    split: str
    index: int = Field(description="its place in the split, from 0")
    place: str | None = Field(description="its file, or its row in a file, where that is known")
    target: Any = Field(description="a class, labels or numbers; null for next tokens")
    predicted: Any
    loss: float | None = Field(description="null where it is not finite")


class Evaluated(BaseModel):
    """What a trained model gets right and wrong."""

    job_id: str
    data: str = Field(description="its name, or where it lies")
    splits: list[str]
    num_samples: int
    metrics: dict[str, float | None] = Field(description="the task's, by name; loss is one")
    class_names: list[str] | None = Field(description="in the order of the classes")
    classes: list[EvaluatedClass] = Field(
        description="at most 1,000, those with the most samples; empty where numbers are told"
    )
    confusion_matrix: list[list[int]] | None = Field(
        description="a row for what samples are, a column for what they were taken for; null of "
        "more than 1,000 classes, and where there are none"
    )
    confusions: list[ConfusedClasses] = Field(description="the 20 most frequent mistakes")
    worst: list[WorstSample] = Field(description="largest loss first")
    seconds: float


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
        summary="What the trained model tells of samples: numbers, image files, a table as rows or "
        "as a file, or prompts; exactly one of these",
        body=Predict,
        further_bodies=(PredictTable, PredictText),
        forms=(FileForm("image", MAX_IMAGES, NoOptions), FileForm("table", 1, TableOptions)),
        reads_body_late=True,
        response=Prediction,
        may_repeat=True,
        timeout_s=PREDICT_TIMEOUT_S,
    ),
    Operation(
        name="evaluate",
        **JOB,
        method="POST",
        path="/api/jobs/<job_id>/evaluate",
        noun="jobs",
        summary="What the trained model gets right and wrong of its validation data, or of other "
        "data: metrics, confusions, the worst samples",
        body=Evaluate,
        as_sent=True,
        response=Evaluated,
        may_repeat=True,
        timeout_s=EVALUATE_TIMEOUT_S,
    ),
)
