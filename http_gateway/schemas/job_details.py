"""A job as it is shown."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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


class Teraflops(BaseModel):
    """FLOPs counted over seconds spent computing them, / 1e12; the total is the sum."""

    forward_tflops: float
    backward_tflops: float
    total_tflops: float


class DeviceStats(Teraflops):
    """What a device did with its time in training steps, in seconds, and what it used. All counts
    from the session's beginning, steps done again too."""

    peak_share: float | None = Field(
        None,
        description="of the rate of large matrix products there, as probed; null if not probed "
        "with as many threads",
    )
    computing_s: float
    waiting_s: float = Field(description="for a neighbour's message")
    wire_s: float = Field(0.0, description="handing messages over, and taking those that came")
    updating_s: float
    loading_s: float = Field(0.0, description="gathering and transforming samples")
    snapshots_s: float = 0.0
    bubble: float | None = Field(
        None, description="share of its time in which it waited, or handed over and took messages"
    )
    bytes_sent: int | None = None
    bytes_received: int | None = None
    memory_bytes: int | None = Field(
        None, description="of its process alone, or of the accelerator; null if nobody tells it"
    )
    power_w: float | None = Field(
        None,
        description="of the accelerator, or of all processors of its host; null if nobody tells it",
    )
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
