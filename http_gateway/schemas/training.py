"""How a job trains: fields of the train request, and of a job's train_config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from actors.core.schedule.schedules import SCHEDULES
from http_gateway.schemas.base import MAX_TEXT_CHARS, Body, OptionalBody

MAX_MICROBATCHES = 4096


def _auto_or_count(value: Any) -> Any:
    if value == "auto" or (type(value) is int and 1 <= value <= MAX_MICROBATCHES):
        return value
    raise PydanticCustomError("choice", f'an integer from 1 to {MAX_MICROBATCHES}, or "auto"')


NumMicrobatches = Annotated[
    Annotated[int, Field(ge=1, le=MAX_MICROBATCHES)] | Literal["auto"],
    BeforeValidator(_auto_or_count),
]


SCHEDULE_NAMES = (*SCHEDULES, "auto")
if TYPE_CHECKING:
    ScheduleName = str
else:
    ScheduleName = Literal[SCHEDULE_NAMES]
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
        description="a name such as SGD or AdamW, or an object with its type and PyTorch's own "
        "arguments; default SGD",
        examples=[{"type": "AdamW", "weight_decay": 0.01}],
    )
    lr_schedule: NameOrObject | None = Field(
        None,
        description="a name such as linear or cosine, or an object with its type and arguments; "
        "default constant",
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
