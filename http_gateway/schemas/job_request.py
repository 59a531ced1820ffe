"""A job as it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

from pydantic import ConfigDict, Field, create_model, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import MAX_TEXT_CHARS, Body, OptionalBody, RequiredTogether, only
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


def _changes_of(model: type[Body], name: str) -> Any:
    """A model of the same fields, each of which may be left out or null."""
    fields: dict[str, Any] = {
        field_name: (_optional(field), Field(None, description=field.description))
        for field_name, field in model.model_fields.items()
    }
    return create_model(
        name,
        __config__=ConfigDict(extra=model.model_config["extra"], strict=True),
        __doc__="What differs; null is the same as leaving a field out of the new job.",
        **fields,
    )


def _optional(field: FieldInfo) -> Any:
    """Its type with its limits, or null."""
    optional: Any = Optional
    annotated: Any = Annotated
    own = optional[field.annotation]
    limited = (own, *field.metadata)
    return annotated[limited] if field.metadata else own


if TYPE_CHECKING:
    ModelChanges = Body
    DatasetChanges = Body
    TrainChanges = Body
    FailureChanges = Body
    CheckpointChanges = Body
else:
    ModelChanges = _changes_of(ModelConfig, "ModelChanges")
    DatasetChanges = _changes_of(DatasetConfig, "DatasetChanges")
    TrainChanges = _changes_of(TrainConfig, "TrainChanges")
    FailureChanges = _changes_of(FailurePolicyFields, "FailurePolicyChanges")
    CheckpointChanges = _changes_of(CheckpointPolicyFields, "CheckpointPolicyChanges")


class CloneJob(OptionalBody):
    """POST /api/jobs/<job_id>/clone. A field that is given counts instead of the other job's."""

    network: ModelChanges | None = Field(None, alias="model_config")
    dataset: DatasetChanges | None = Field(None, alias="dataset_config")
    task: Task = None
    train_config: TrainChanges | None = None
    failure_policy: FailureChanges | None = None
    checkpoints: CheckpointChanges | None = None
    weights: bool = Field(
        False, description="true begins with the other job's trained weights, the newest"
    )
