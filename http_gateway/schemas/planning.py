"""Plans: what may be asked of them, and what is told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import Body, OptionalBody
from http_gateway.schemas.training import NumMicrobatches, ScheduleName, Threads, Wire

MAX_BYTES = 2**62
PARTITION_TEXT = (
    '"auto", "even", or ranges of layers by device id such as {"1": [0, 2], "2": [2, 3]}'
)

MAX_LAYER_NUMBER = 99_999

LayerNumber = Annotated[int, Field(ge=0, le=MAX_LAYER_NUMBER)]
LayerRange = Annotated[list[LayerNumber], Field(min_length=2, max_length=2)]


def _partition(value: Any) -> Any:
    """One sentence for all that it can't be."""
    fits = value in ("auto", "even") if isinstance(value, str) else _are_ranges(value)
    if not fits:
        raise PydanticCustomError("choice", PARTITION_TEXT)
    return value


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_LAYER_NUMBER


def _are_ranges(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    ranges = value.values()
    return bool(value) and all(
        isinstance(r, list) and len(r) == 2 and all(_is_number(n) for n in r) for r in ranges
    )


Ranges = Annotated[dict[str, LayerRange], Field(min_length=1)]
Partition = Annotated[Literal["auto", "even"] | Ranges, BeforeValidator(_partition)]


class DeviceLimitsFields(Body):
    """What a device's owner allows."""

    max_memory_bytes: int | None = Field(
        None, ge=1, le=MAX_BYTES, description="of the job's tensors; default: most of what there is"
    )
    threads: Threads | None = Field(None, description="at most so many, whatever train asks for")


class Initialize(OptionalBody):
    """POST /api/network/initialize/<job_id>."""

    partition: Partition | None = Field(
        None, description="auto (the default): the quickest split, by measuring the devices"
    )
    devices: dict[str, DeviceLimitsFields] | None = Field(
        None,
        description="limits by device id",
        examples=[{"2": {"max_memory_bytes": 10**9, "threads": 2}}],
    )


class PlanFields(Initialize):
    """POST /api/network/plan/<job_id>: what initialize and train would be asked."""

    schedule: ScheduleName | None = Field(None, description="default 1f1b")
    num_microbatches: NumMicrobatches | None = Field(None, description="default: by rule")
    threads: Threads | None = Field(None, description="per stage")
    wire: Wire | None = Field(None, description="default fp32")


class StageMemory(BaseModel):
    """Bytes of a stage's tensors; ``limit_bytes`` is what its device offers."""

    needed_bytes: int
    limit_bytes: int | None
    parameters_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    working_bytes: int = Field(description="at hand in a pass, or in a chunk of the validation")
    messages_bytes: int
    snapshots_bytes: int
    copies_bytes: int = Field(description="of another stage's snapshots")


class PlannedDevice(BaseModel):
    """A device in a plan; seconds are those of one step."""

    device_id: int
    layers: list[int] = Field(description="[start, end)")
    threads: int
    cores: int
    accelerator: str | None
    memory_bytes: int | None
    matmul_tflops: float = Field(description="the most that was measured of a matrix product")
    computing_s: float
    updating_s: float
    waiting_s: float = Field(description="what is left of the step, handing over messages included")
    wire_s: float = Field(description="how long the messages it sends are on their way")
    activations_held: int
    memory: StageMemory


class PlannedLink(BaseModel):
    """Between two devices that follow each other."""

    devices: list[int]
    kind: str
    latency_s: float
    bytes_per_s: float
    message_bytes: int
    message_s: float


class SingleDevice(BaseModel):
    """The quickest device alone."""

    device_id: int
    threads: int
    step_s: float
    accelerator: str | None = Field(None, description="by which it computes; null: its CPU")


class PlanVerdict(BaseModel):
    """Whether the devices are worth combining."""

    worth_combining: bool
    text: str
    step_s: float = Field(description="of all devices together")
    same_threads: SingleDevice | None = Field(
        description="with the plan's threads; null where no device has the memory"
    )
    all_cores: SingleDevice | None = Field(description="with all its cores; null: not measured")
    slowest_device_id: int
    held_up_s: float


class JobPlan(BaseModel):
    """POST /api/network/plan/<job_id>."""

    job_id: str
    partition: Any = Field(description="as it was asked for")
    schedule: str
    num_microbatches: int
    batch_size: int
    wire: str = Field(description="precision of messages; all but fp32 give up bits")
    step_s: float = Field(description="predicted")
    samples_per_s: float
    bubble: float = Field(description="share of the devices' time in which they wait")
    channels: list[str]
    devices: list[PlannedDevice]
    links: list[PlannedLink]
    verdict: PlanVerdict


class MeasuredDevice(BaseModel):
    """What a device really did in one step, in seconds."""

    computing_s: float
    updating_s: float
    waiting_s: float
    snapshots_s: float


class MeasuredPlan(BaseModel):
    """The last session's steps beside the prediction."""

    step_s: float
    predicted_step_s: float
    error: float = Field(description="predicted over measured, minus 1")
    devices: dict[str, MeasuredDevice]
    note: str | None = Field(description="why the two may differ")


class PlanInForce(JobPlan):
    """GET /api/jobs/<job_id>/plan."""

    measured: MeasuredPlan | None = Field(description="null until the job has trained a step")
