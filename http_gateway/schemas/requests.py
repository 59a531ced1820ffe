"""Requests: what is validated and what /openapi.json shows of them, from one source."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import MAX_TEXT_CHARS, Body, OptionalBody, RequiredTogether
from http_gateway.schemas.models import ModelConfig

MAX_PREDICT_ROWS = 10_000
MAX_STEPS = 10_000
USUAL_EPOCHS = 1_000
MAX_EPOCHS = 10_000
USUAL_EVENTS = 1_000
MAX_EVENTS = 10_000
MAX_INDEX = 2**31 - 1
MAX_MICROBATCHES = 4096
MAX_VERIFIED_STEPS = 100_000

BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _ip(value: str) -> str:
    if value == "localhost":
        return value
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise PydanticCustomError(
            "ip",
            "an IP address such as 192.168.1.100, or localhost; for a host name give the address "
            "that the Ray dashboard shows",
        ) from None
    return value


Ip = Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_ip)]


def _plain_digits(value: str) -> str:
    if not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("digits", "plain digits")
    return value


def _plain_flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise PydanticCustomError("flag", "true or false")
    return value == "true"


PlainInt = Annotated[int, BeforeValidator(_plain_digits)]
"""A number in a path or a query."""
PlainIndex = Annotated[int, Field(ge=0, le=MAX_INDEX), BeforeValidator(_plain_digits)]
PlainCount = Annotated[int, Field(ge=1, le=MAX_INDEX), BeforeValidator(_plain_digits)]


class DatasetConfig(Body):
    """What the network is trained on, given by exactly one of ``name`` and ``format``. Each source
    has fields of its own beside these, such as ``resize`` and ``normalize`` of images."""

    model_config = ConfigDict(extra="allow", strict=True)

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


class FailurePolicy(Body):
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


class CheckpointPolicy(Body):
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


class RegisterDevice(RequiredTogether):
    """POST /api/devices/register."""

    required_fields = ("ip", "port", "job_id")
    required_text = "IP, port number, and job ID are required"

    ip: Ip = Field(description="address of the device's Ray node", examples=["192.168.1.100"])
    port: int = Field(ge=1, le=65_535, description="its node-manager port", examples=[5001])
    job_id: str = Field(examples=["1"])
    replaces: int | None = Field(
        None,
        ge=1,
        le=MAX_INDEX,
        description="device_id of the job's device that is this one: it was at another address",
    )


def _auto_or_count(value: Any) -> Any:
    if value == "auto" or (type(value) is int and 1 <= value <= MAX_MICROBATCHES):
        return value
    raise PydanticCustomError("choice", f'an integer from 1 to {MAX_MICROBATCHES}, or "auto"')


NumMicrobatches = Annotated[
    Annotated[int, Field(ge=1, le=MAX_MICROBATCHES)] | Literal["auto"],
    BeforeValidator(_auto_or_count),
]
ScheduleName = Literal["1f1b", "gpipe", "zb-h1", "zb-h2", "auto"]
NameOrObject = Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | dict[str, Any]
Threads = Annotated[int, Field(ge=1, le=256)]
Wire = Literal["fp32", "bf16", "int8"]


class TrainFields(Body):
    """How a session trains; what names a kind, and its arguments, the JobManager checks."""

    epochs: int = Field(10, ge=1, le=100_000)
    learning_rate: float = Field(0.1, gt=0, le=1000, allow_inf_nan=False)
    num_microbatches: NumMicrobatches | None = Field(
        None, description="default: by rule; auto: the quickest, which may change from run to run"
    )
    schedule: ScheduleName | None = Field(None, description="default 1f1b; auto: the quickest")
    threads: Threads | None = Field(
        None, description="per stage; default: the node's cores over its devices"
    )
    momentum: float | None = Field(
        None, ge=0, lt=1, allow_inf_nan=False, description="of SGD; default 0"
    )
    optimizer: NameOrObject | None = Field(
        None,
        description="SGD, Adam, AdamW, RMSprop or Adagrad, or an object with its type and "
        "PyTorch's own arguments; default SGD",
        examples=[{"type": "AdamW", "weight_decay": 0.01}],
    )
    lr_schedule: NameOrObject | None = Field(
        None,
        description="constant, linear, cosine, step, one_cycle or exponential, or an object with "
        "its type and arguments; default constant",
        examples=[{"type": "cosine", "warmup_steps": 100}],
    )
    precision: Literal["fp32", "bf16"] | None = Field(
        None, description="bf16: PyTorch's autocast, weights stay float32; default fp32"
    )
    wire: Wire | None = Field(
        None,
        description="of activations and gradients between devices; fp32, the default, sends them "
        "as they are computed, bf16 and int8 give up bits for fewer bytes",
    )
    eval_every: int | None = Field(
        None, ge=1, le=10**9, description="validates after so many steps, too; default: epochs only"
    )
    early_stopping: dict[str, Any] | None = Field(
        None,
        description="ends a session that gets no better: metric, mode, patience, min_delta",
        examples=[{"metric": "accuracy", "mode": "max", "patience": 3}],
    )
    freeze: list[str] | None = Field(
        None,
        max_length=1000,
        description="not trained: indices of blocks, names of modules or parameters, with * and ?",
        examples=[["0", "1"]],
    )
    accumulate: int | None = Field(
        None, ge=1, le=1024, description="batches of one update; default 1"
    )
    max_steps: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="updates of a session at most; then epochs may be left out",
    )
    clip_grad_value: float | None = Field(
        None, gt=0, le=1e9, allow_inf_nan=False, description="of each gradient; default: none"
    )
    clip_grad_norm: float | None = Field(
        None, gt=0, le=1e9, allow_inf_nan=False, description="of all together; default: none"
    )
    label_smoothing: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="of the loss; default 0"
    )


class Train(OptionalBody, TrainFields):
    """POST /api/network/train/<job_id>: what is left out is as in the job's train_config."""


class TrainConfig(TrainFields):
    """How the job's sessions train, if a train request does not say otherwise."""


Task = Annotated[
    NameOrObject | None,
    Field(
        description="classification, regression, binary, multilabel or next_token, or an object "
        "with its type and arguments; default what the data is clearly for",
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
    failure_policy: FailurePolicy | None = None
    checkpoints: CheckpointPolicy | None = None


class Verify(OptionalBody):
    """POST /api/jobs/<job_id>/verify."""

    steps: int | None = Field(
        None,
        ge=1,
        le=MAX_VERIFIED_STEPS,
        description="so many of the first; default: to the first step of which weights are kept",
    )


NUMBER_OR_LIST: dict[str, Any] = {"anyOf": [{"type": "number"}, {"type": "array", "items": {}}]}


class Predict(Body):
    """POST /api/jobs/<job_id>/predict."""

    # Millions of numbers may be wrong: one error is enough.
    inputs: Annotated[list[Annotated[list[Finite], FailFast()]], FailFast()] = Field(
        min_length=1,
        max_length=MAX_PREDICT_ROWS,
        description="rows as the data is stored: pixels from 0 to 255, a table's own numbers, or "
        "tokens; each in one list, or nested as a sample is, such as [channels][height][width]",
        json_schema_extra={"items": {"type": "array", "items": NUMBER_OR_LIST}},
    )


class NoBody(OptionalBody):
    """A request that takes no fields."""


class JobPath(BaseModel):
    """``<job_id>``."""

    job_id: str = Field(description='"1", "2", …')


class DevicePath(BaseModel):
    """``<port>``."""

    port: PlainInt = Field(ge=1, le=65_535)


class UnregisterQuery(BaseModel):
    """Which of several devices with one port."""

    ip: Ip | None = Field(None, description="needed when devices of several ips have this port")
    job_id: str | None = Field(None, description="take it out of this job only")


class DeleteQuery(BaseModel):
    """Whether a job that trains is deleted, too."""

    force: Annotated[bool, BeforeValidator(_plain_flag)] = Field(
        False, description="true deletes a job that trains, too: it is stopped first"
    )


class JobQuery(BaseModel):
    """Which of a job's epochs."""

    after_epoch: PlainIndex | None = Field(
        None, description="the first that come after this; default: the latest"
    )
    history_limit: PlainInt = Field(
        USUAL_EPOCHS, ge=0, le=MAX_EPOCHS, description="at most so many epochs"
    )


class EventsQuery(BaseModel):
    """Which of a job's events."""

    after_index: PlainIndex | None = Field(
        None, description="the first that come after this; default: the latest"
    )
    limit: PlainInt = Field(USUAL_EVENTS, ge=1, le=MAX_EVENTS, description="at most so many")


class TeraflopsQuery(BaseModel):
    """How many sessions."""

    limit: PlainCount | None = Field(None, description="only so many of the latest; default: all")


class StepsQuery(BaseModel):
    """Which of a job's steps."""

    after_epoch: PlainInt = Field(0, ge=0, le=MAX_INDEX, description="only what comes after this")
    after_step: PlainInt = Field(0, ge=0, le=MAX_INDEX, description="step of that epoch")
    limit: PlainInt = Field(MAX_STEPS, ge=1, le=MAX_STEPS, description="at most so many")
