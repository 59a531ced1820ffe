"""A job as it is asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import MAX_TEXT_CHARS, Body, RequiredTogether, only
from http_gateway.schemas.model_config import ModelConfig
from http_gateway.schemas.training import NameOrObject, TrainConfig

BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]


class DatasetConfig(Body):
    """What the network is trained on, given by exactly one of ``name`` and ``format``. Each source
    has fields of its own beside these, such as ``resize`` and ``normalize`` of images."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={
            "oneOf": [only({"name": "string"}, ["format"]), only({"format": "string"}, ["name"])]
        },
    )

    name: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARS,
        description="a data set that Tandem knows, such as MNIST",
        examples=["MNIST"],
    )
    format: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARS,
        description="of files of yours, such as csv; path says where they lie",
    )
    batch_size: BatchSize | None = Field(None, description="samples a step; default 256")
    val_batch_size: BatchSize | None = Field(None, description="default 1000")
    shuffle: bool | None = Field(None, description="a new order every epoch; default true")

    @model_validator(mode="before")
    @classmethod
    def _check_one_source(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = [way for way in ("name", "format") if value.get(way) is not None]
        if len(given) != 1:
            has = " and ".join(given) or "neither name nor format"
            text = f"dataset_config has {has}, but must have exactly one of name, format"
            raise PydanticCustomError("exactly_one", "{text}", {"text": text})
        return value


class FailurePolicyFields(Body):
    """What a job bears before it fails. The defaults are what the JobManager fills in."""

    max_failures: int | None = Field(
        100,
        ge=0,
        le=1_000_000,
        description="device failures that one session survives; null: no limit",
    )
    min_devices: int = Field(
        1, ge=1, le=1000, description="with fewer live devices the job waits, recovering"
    )
    wait_for_device_s: float | None = Field(
        None,
        gt=0,
        le=31_536_000,
        description="how long it waits for devices before it fails; null: as long as it takes",
    )
    max_lost_steps: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="losing one device costs at most so many steps, and training waits for copies "
        "where a link is slow; null: about a second's worth, more over a slow link, without a wait",
    )


class CheckpointPolicyFields(Body):
    """When checkpoints are written and which are kept. The JobManager fills in the defaults."""

    interval_s: float = Field(
        30,
        ge=0.1,
        le=86_400,
        description="from one to the next; on a slow link, five times what one takes to arrive, if "
        "that is longer",
    )
    keep_last: int = Field(2, ge=1, le=1000, description="so many of the newest are kept")
    keep_best: int = Field(
        1, ge=0, le=1000, description="and so many of those with the lowest validation loss"
    )


Task = Annotated[
    NameOrObject | None,
    Field(
        description="a name such as classification or next_token, or an object with its type and "
        "arguments; default what the data is clearly for",
        examples=["regression", {"type": "regression", "loss": "huber", "delta": 0.5}],
    ),
]


class CreateJob(RequiredTogether):
    """POST /api/jobs."""

    required_fields = ("model_config", "dataset_config")
    required_text = "Model and dataset configurations are required"

    network: ModelConfig = Field(alias="model_config")
    dataset: DatasetConfig = Field(alias="dataset_config")
    task: Task = None
    train_config: TrainConfig | None = None
    failure_policy: FailurePolicyFields | None = None
    checkpoints: CheckpointPolicyFields | None = None
