"""What the store keeps: plain records, their fields fit for JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DeviceRecord:
    """A device registered with a job; ``ip`` is the address of its Ray node.

    ``is_local``: it is on the gateway's host. None where an earlier version did not note it."""

    device_id: int
    ip: str
    port: int
    is_local: bool | None = None
    host_name: str | None = None


@dataclass(frozen=True)
class StageRecord:
    """Part of the plan in force: layers [start, end) are on that device."""

    device_id: int
    start: int
    end: int


@dataclass(frozen=True)
class SessionRecord:
    """One train call. ``outcome``: completed, stopped, failed, or None while it is unfinished;
    ``folder``: the name drawn for that of its checkpoints."""

    index: int
    folder: str
    options: dict[str, Any]
    num_microbatches: int
    first_epoch_index: int
    outcome: str | None
    num_failures: int
    threads: dict[str, int]
    channels: list[str]
    differences: list[str]
    progress: dict[str, Any]
    device_stats: dict[str, Any]
    lost_steps: int = 0
    waiting_for: list[str] = field(default_factory=list)
    last_cause: str | None = None
    computed: list[dict[str, Any]] = field(default_factory=list)
    stop_asked: bool = False


@dataclass(frozen=True)
class JobRecord:
    """A job with all that is replaced together; ``job_id`` is a decimal number as text.

    ``identity`` was drawn for it, and names the folder of its checkpoints.
    ``run`` counts the draws of its weights, ``generation`` the incarnations of its stage group.
    Devices and stages keep their order; sessions are ordered by their index. ``planning`` is what
    was asked of its plan and measured for it, ``data`` tells which samples it is trained on; None
    where that is not known. ``spec`` is what the configurations were parsed to, and in ``config``
    those themselves; of the oldest jobs nothing else is kept.
    """

    job_id: str
    identity: str
    status: str
    error: str | None
    spec: dict[str, Any]
    failure_policy: dict[str, Any]
    checkpoint_policy: dict[str, Any]
    next_device_id: int
    run: int
    generation: int
    epochs_begun: int
    devices: tuple[DeviceRecord, ...]
    stages: tuple[StageRecord, ...]
    sessions: tuple[SessionRecord, ...]
    planning: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


@dataclass(frozen=True)
class StoredAnswer:
    """What a finished request was answered."""

    value: Any
