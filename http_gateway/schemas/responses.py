"""Responses: what /openapi.json shows of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel


class Error(BaseModel):
    """The body of every error."""

    error: str


ERRORS: Any = {str(code): Error for code in (400, 401, 403, 404, 405, 409, 413, 500, 503)}
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


class Resumed(Message):
    """The job's status once it goes on."""

    status: str


Status = Literal[
    "created", "initialized", "training", "recovering", "completed", "stopped", "failed", "broken"
]


class JobSummary(BaseModel):
    """A job as it is listed; the configurations are as they were sent."""

    job_id: str
    status: Status
    devices: int = Field(description="number of registered devices")
    network: dict[str, Any] = Field(alias="model_config")
    dataset_config: dict[str, Any]
    train_config: dict[str, Any] | None = Field(None, description="where one was sent")


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
    """One finished epoch; samples/s without validation. The task's metrics stand beside the loss
    as ``val_<name>``; null for one that has no finite value."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    epoch: int = Field(description="from 1, counted on over the job's sessions")
    session: int
    train_loss: float
    val_loss: float
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


class SessionTeraflops(RootModel[list[dict[str, Teraflops]]]):
    """One entry a session: device id -> its TFLOPs."""


class DeviceStats(Teraflops):
    """What a device did with its time in training steps, in seconds."""

    computing_s: float
    waiting_s: float
    updating_s: float
    snapshots_s: float = 0.0
    snapshot_interval_s: float | None = Field(
        None,
        description="between the last two snapshots: about what is trained again when a device is "
        "lost; null before the second",
    )
    max_activations_held: int


class SessionPlan(BaseModel):
    """What was decided for the last session; ``channels`` has one entry an edge."""

    schedule: str
    num_microbatches: int
    wire: str = Field(description="precision of messages; all but fp32 give up bits")
    threads: dict[str, int]
    channels: list[str]
    differences: list[str] = Field(
        description="why the bits of a plain loop are not promised: unlike devices, a lossy wire"
    )
    train_config: dict[str, Any] = Field(description="how the session trains, with every default")


class FailurePolicyInForce(BaseModel):
    """What the job bears before it fails; null: no limit, or the JobManager's own choice."""

    max_failures: int | None
    min_devices: int
    wait_for_device_s: float | None
    max_lost_steps: int | None


class CheckpointPolicyInForce(BaseModel):
    """When checkpoints are written and which are kept."""

    interval_s: float
    keep_last: int
    keep_best: int


class Recovery(BaseModel):
    """What the last session has survived, and what it waits for."""

    num_failures: int
    lost_steps: int = Field(description="optimiser steps done again, of all failures together")
    waiting_for: list[str] = Field(description="devices without which it can't go on")
    advice: str | None = Field(
        None, description="what may bring them back: a device that has come to another address"
    )
    last_cause: str | None


class JobData(BaseModel):
    """Which samples; another session of the job takes no others."""

    num_train: int
    num_val: int
    fingerprint: str = Field(description="of all samples, as they are stored")


class JobDetails(JobSummary):
    """GET /api/jobs/<job_id>."""

    registered_devices: list[RegisteredDevice]
    model: dict[str, Any] = Field(
        description="the model with every argument: an architecture as the layers it expands to"
    )
    task: dict[str, Any] = Field(
        description="what it is trained for, with every argument", examples=[{"type": "binary"}]
    )
    layers: dict[str, list[int]] = Field(description="device id -> [start, end)")
    history: list[EpochResult] = Field(
        description="in order; the latest 1,000, unless after_epoch and history_limit say otherwise"
    )
    num_epochs: int = Field(description="how many there are")
    progress: JobProgress | None = None
    plan: SessionPlan | None = None
    device_stats: dict[str, DeviceStats] | None = None
    error: str | None = Field(None, description="why the job failed, or is broken")
    failure_policy: FailurePolicyInForce | None = None
    checkpoints: CheckpointPolicyInForce | None = None
    spares: list[int] = Field(
        [], description="ids of the registered devices without layers while it trains"
    )
    recovery: Recovery | None = Field(None, description="null until a session failed over")
    data: JobData | None = Field(None, description="what it is trained on, once it is")
    storage_error: str | None = Field(
        None, description="why the latest is not on the disk, and what helps; it is kept in memory"
    )


class Checkpoint(BaseModel):
    """A job's state on disk, whole and checked. The task's metrics stand beside the loss as
    ``val_<name>``; all are null unless it was taken at an epoch's end."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    checkpoint_id: str
    created_at: str
    session: int
    epoch: int | None
    step: int = Field(description="optimiser steps since the weights were drawn")
    val_loss: float | None
    finished: bool = Field(description="of a session's end")
    num_bytes: int
    versions: dict[str, str]


class CheckpointList(BaseModel):
    """GET /api/jobs/<job_id>/checkpoints, newest first."""

    checkpoints: list[Checkpoint]


class JobEvent(BaseModel):
    """Something that happened to a job."""

    index: int
    at: str = Field(description="ISO 8601, UTC")
    kind: str
    text: str


class EventList(BaseModel):
    """GET /api/jobs/<job_id>/events, oldest first; the latest 1,000 unless others are asked for."""

    events: list[JobEvent]


class StepLoss(BaseModel):
    """One optimiser step; epoch and step count from 1. After a validation within the epoch it has
    ``val_<name>`` for each metric, too."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    epoch: int
    step: int
    loss: float


class StepList(BaseModel):
    """GET /api/jobs/<job_id>/steps, in order."""

    steps: list[StepLoss]


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
