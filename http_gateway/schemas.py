"""Requests and responses: what is validated and what /openapi.json shows, from one source."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, ClassVar, Literal

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

MAX_LAYER_SIZE = 65_536
MAX_LAYERS = 1_000
MAX_PREDICT_ROWS = 10_000
MAX_TEXT_CHARS = 64

LayerSize = Annotated[int, Field(ge=1, le=MAX_LAYER_SIZE)]
BatchSize = Annotated[int, Field(ge=1, le=1_000_000)]
Pixels = Annotated[int, Field(ge=1, le=512)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]


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


class Body(BaseModel):
    """A request body: exact types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RequiredTogether(Body):
    """A body whose missing fields the API document answers with one text."""

    required_fields: ClassVar[tuple[str, ...]]
    required_text: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _check_required(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(value.get(name) is None for name in cls.required_fields):
            raise PydanticCustomError("required_together", cls.required_text)
        return value


class ModelConfig(Body):
    """The network: linear layers with ReLU between, cross-entropy on the last."""

    layer_sizes: list[LayerSize] = Field(
        min_length=2,
        max_length=MAX_LAYERS + 1,
        description="features in, hidden sizes, classes out",
        examples=[[784, 128, 64, 10]],
    )
    seed: int | None = Field(
        None, ge=0, le=2**63 - 1, description="of weights and order; default 0"
    )


class Normalize(Body):
    """``(x / 255 - mean) / std``; one value each, for one channel."""

    mean: list[Finite] = Field(min_length=1, max_length=1, examples=[[0.1307]])
    std: list[Positive] = Field(min_length=1, max_length=1, examples=[[0.3081]])


class DatasetConfig(Body):
    """What the network is trained on."""

    name: str = Field(max_length=MAX_TEXT_CHARS, description="MNIST or digits", examples=["MNIST"])
    batch_size: BatchSize | None = Field(None, description="samples a step; default 256")
    val_batch_size: BatchSize | None = Field(None, description="default 1000")
    normalize: Normalize | None = Field(None, description="default: the data set's own statistics")
    resize: list[Pixels] | None = Field(
        None, min_length=2, max_length=2, description="[height, width]", examples=[[28, 28]]
    )
    shuffle: bool | None = Field(None, description="a new order every epoch; default true")


class CreateJob(RequiredTogether):
    """POST /api/jobs."""

    required_fields = ("model_config", "dataset_config")
    required_text = "Model and dataset configurations are required"

    network: ModelConfig = Field(alias="model_config")
    dataset: DatasetConfig = Field(alias="dataset_config")


class RegisterDevice(RequiredTogether):
    """POST /api/devices/register."""

    required_fields = ("ip", "port", "job_id")
    required_text = "IP, port number, and job ID are required"

    ip: Ip = Field(description="address of the device's Ray node", examples=["192.168.1.100"])
    port: int = Field(ge=1, le=65_535, description="its node-manager port", examples=[5001])
    job_id: str = Field(examples=["1"])


class OptionalBody(Body):
    """A body that may be absent, which the document has to say."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]


class Train(OptionalBody):
    """POST /api/network/train/<job_id>."""

    epochs: int = Field(10, ge=1, le=100_000)
    learning_rate: float = Field(0.1, gt=0, le=1000, allow_inf_nan=False)
    num_microbatches: int | None = Field(None, ge=1, le=4096, description="default: by the plan")
    schedule: Literal["1f1b", "gpipe"] | None = Field(None, description="default 1f1b")
    threads: int | None = Field(
        None, ge=1, le=256, description="per stage; default: the node's cores over its devices"
    )


class Predict(Body):
    """POST /api/jobs/<job_id>/predict."""

    # Millions of numbers may be wrong: one error is enough.
    inputs: Annotated[list[Annotated[list[Finite], FailFast()]], FailFast()] = Field(
        min_length=1,
        max_length=MAX_PREDICT_ROWS,
        description="rows of raw features: pixels 0..255, as the data is stored",
    )


class NoBody(OptionalBody):
    """A request that takes no fields."""


class JobPath(BaseModel):
    """``<job_id>``."""

    job_id: str = Field(description='"1", "2", …')


class DevicePath(BaseModel):
    """``<port>``."""

    port: Annotated[int, BeforeValidator(_plain_digits)] = Field(ge=1, le=65_535)


class UnregisterQuery(BaseModel):
    """Which of several devices with one port."""

    ip: Ip | None = Field(None, description="needed when devices of several ips have this port")
    job_id: str | None = Field(None, description="take it out of this job only")


class Error(BaseModel):
    """The body of every error."""

    error: str


ERRORS: Any = {str(code): Error for code in (400, 401, 403, 404, 409, 413, 500, 503)}
"""What any route may answer, for the document."""


class Message(BaseModel):
    """What was done."""

    message: str


class JobCreated(Message):
    """The new job."""

    job_id: str


class DeviceRegistered(Message):
    """The new device; its id counts from 1 within the job."""

    device_id: int


class TrainingStarted(Message):
    """What the session was started with."""

    epochs: int
    learning_rate: float


class Stopping(Message):
    """The job's status when the stop was taken note of."""

    status: str


class JobSummary(BaseModel):
    """A job as it is listed; the configurations are as they were sent."""

    job_id: str
    status: Literal["created", "initialized", "training", "completed", "stopped", "failed"]
    devices: int = Field(description="number of registered devices")
    network: dict[str, Any] = Field(alias="model_config")
    dataset_config: dict[str, Any]


class JobList(BaseModel):
    """GET /api/jobs."""

    jobs: list[JobSummary]


class JobProgress(BaseModel):
    """Where the last session is; epoch and step count from 1."""

    epoch: int
    epochs: int
    step: int
    steps: int | None
    loss: float | None
    samples_per_s: float


class EpochResult(BaseModel):
    """One finished epoch; samples/s without validation."""

    epoch: int = Field(description="from 1, counted on over the job's sessions")
    session: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    samples_per_s: float


class RegisteredDevice(BaseModel):
    """A device of a job."""

    device_id: int
    ip: str
    port: int


class DeviceVersions(BaseModel):
    """What is installed on a device; null: not there."""

    python: str | None
    ray: str | None
    torch: str | None
    tandem: str | None


class ListedDevice(BaseModel):
    """A device: a Ray node, or what one offers. What is not known of it is null."""

    ip: str
    port: int
    node_id: str | None
    host_name: str | None
    cores: int | None = Field(description="as Ray counts them on its node")
    accelerators: list[str] | None
    os: str | None = Field(examples=["Linux 6.1 x86_64"])
    memory_bytes: int | None
    available_memory_bytes: int | None = Field(description="at most 30 s old")
    versions: DeviceVersions | None
    jobs: list[str] = Field(description="ids of the jobs it is registered with")
    held_by: str | None = Field(description="the job that trains on it or is about to")
    status: Literal["free", "busy", "gone"] = Field(description="gone: its node does not live")
    probe_error: str | None = Field(description="why details are unknown")
    register_command: str | None = Field(
        alias="register", description="the curl that registers it; null when it is gone"
    )


class DeviceList(BaseModel):
    """GET /api/devices, by ip, then port."""

    devices: list[ListedDevice]


class Teraflops(BaseModel):
    """FLOPs counted over seconds spent computing them, / 1e12; the total is the sum."""

    forward_tflops: float
    backward_tflops: float
    total_tflops: float


class DeviceStats(Teraflops):
    """What a device did with its time in training steps, in seconds."""

    computing_s: float
    waiting_s: float
    updating_s: float
    max_activations_held: int


class SessionPlan(BaseModel):
    """What was decided for the last session; ``channels`` has one entry an edge."""

    schedule: str
    num_microbatches: int
    threads: dict[str, int]
    channels: list[str]
    differences: list[str] = Field(
        description="where the devices are too unlike for the bits of a plain loop to be promised"
    )


class JobDetails(JobSummary):
    """GET /api/jobs/<job_id>."""

    registered_devices: list[RegisteredDevice]
    layers: dict[str, list[int]] = Field(description="device id -> [start, end)")
    history: list[EpochResult]
    progress: JobProgress | None = None
    plan: SessionPlan | None = None
    device_stats: dict[str, DeviceStats] | None = None
    error: str | None = Field(None, description="why the job failed")


class Prediction(BaseModel):
    """One entry a row."""

    classes: list[int]
    probabilities: list[list[float]]


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
