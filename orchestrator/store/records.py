"""The records that the store keeps. Their fields fit JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DeviceRecord:
    """A device registered with a job; ``ip`` is the address of its Ray node.

    ``is_local`` is True if it is on the gateway's host, None if an earlier version stored it."""

    device_id: int
    ip: str
    port: int
    is_local: bool | None = None
    host_name: str | None = None


@dataclass(frozen=True)
class StageRecord:
    """A part of the plan in force: layers [start, end) are on that device."""

    device_id: int
    start: int
    end: int


@dataclass(frozen=True)
class SessionRecord:
    """One train call. ``outcome`` is completed, stopped, failed, or None while it is unfinished.
    ``folder`` names the folder of its checkpoints; the name is drawn at random."""

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
    """A job with everything that is replaced together; ``job_id`` is a decimal number as text.

    ``identity`` is drawn at random and names the folder of the job's checkpoints. ``run`` counts
    how often its weights were drawn, ``generation`` the incarnations of its stage group. Devices
    and stages keep their order; sessions are ordered by their index. ``planning`` holds what was
    asked and measured for its plan, ``data`` identifies its samples; both are None if not known.
    ``spec`` is the parsed configuration, and holds the request itself in ``config``. The oldest
    jobs have only ``config``.
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
    """The answer of a finished request."""

    value: Any
