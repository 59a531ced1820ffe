"""A stage's reports about itself, during training and after: frozen, picklable, cheap to make."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from actors.core.progress.records import EpochRecord, TrainedStep, Untold
from actors.core.progress.snapshots import Position
from actors.log_lines import LogLine


class StagePhase(str, Enum):
    """What a stage is doing; waiting at a channel counts to the action that waits."""

    IDLE = "idle"
    FORWARD = "forward"
    BACKWARD = "backward"
    OPTIMIZER = "optimizer"
    SNAPSHOT = "snapshot"
    VALIDATION = "validation"


@dataclass
class StageSeconds:
    """Seconds a stage has spent so far in training steps, by what for; validation is left out.

    ``load_s`` is gathering and normalising the inputs, ``wait_s`` waiting for a neighbour,
    ``wire_s`` handing messages over and taking those that have come, ``snapshot_s`` what snapshots
    kept it from training.
    """

    load_s: float = 0.0
    forward_s: float = 0.0
    backward_s: float = 0.0
    update_s: float = 0.0
    wait_s: float = 0.0
    wire_s: float = 0.0
    snapshot_s: float = 0.0


@dataclass(frozen=True)
class Progress:
    """Where a stage is: epoch and step count from 1 within the session; loss is the step's."""

    epoch: int = 0
    step: int = 0
    loss: float | None = None
    samples_per_s: float = 0.0


@dataclass(frozen=True)
class Seen:
    """How many epochs, steps and log lines of a generation earlier reports contained."""

    epochs: int = 0
    steps: int = 0
    lines: int = 0


@dataclass(frozen=True)
class KernelKills:
    """How many processes a host's kernel has ended for want of memory so far: of the control groups
    of a stage, and of the whole host; None where the system does not tell."""

    of_groups: int | None = None
    of_host: int | None = None


@dataclass(frozen=True)
class DeviceUse:
    """What a stage has used of its device and of its links in this generation.

    ``memory_bytes`` are those of its process alone, or of the accelerator where it computes;
    ``power_w`` is what that accelerator or the host's processors draw, with all that they do. None
    where the system does not tell.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    memory_bytes: int | None = None
    power_w: float | None = None


@dataclass(frozen=True)
class StageReport:
    """A stage's answer to a poll: ``epochs`` and ``steps`` are the last stage's new ones.

    Flops are totals of the training steps in this generation. ``checkpoint`` is the position of the
    snapshot that waits to be fetched. ``silent_s`` says, by stage, how long a neighbour has not
    answered. ``snapshot_interval_s`` is the time between the last two snapshots. ``kills`` counts
    up to this answer. ``lines`` are new ones of the process's log.
    """

    progress: Progress
    epochs: tuple[EpochRecord, ...]
    steps: tuple[TrainedStep, ...]
    seconds: StageSeconds
    forward_flops: int
    backward_flops: int
    max_held: int
    phase: StagePhase = StagePhase.IDLE
    checkpoint: Position | None = None
    silent_s: dict[int, float] = field(default_factory=dict)
    snapshot_interval_s: float | None = None
    kills: KernelKills = field(default_factory=KernelKills)
    lines: tuple[LogLine, ...] = ()
    use: DeviceUse = field(default_factory=DeviceUse)


Record = TypeVar("Record")


class Unseen(Generic[Record]):
    """Records in order, forgotten once they were seen."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._num_dropped = 0
        self._lock = threading.Lock()

    def append(self, record: Record) -> None:
        with self._lock:
            self._records.append(record)

    def after(self, num_seen: int) -> tuple[Record, ...]:
        """Those behind the first ``num_seen``."""
        with self._lock:
            del self._records[: max(0, num_seen - self._num_dropped)]
            self._num_dropped = max(self._num_dropped, num_seen)
            return tuple(self._records)

    def all(self) -> tuple[Record, ...]:
        """Those that are not forgotten."""
        return self.after(0)


@dataclass
class ReportBoard:
    """The stage loop writes to it, and a poll reads it."""

    progress: Progress = field(default_factory=Progress)
    seconds: StageSeconds = field(default_factory=StageSeconds)
    forward_flops: int = 0
    backward_flops: int = 0
    max_held: int = 0
    phase: StagePhase = StagePhase.IDLE
    snapshot_interval_s: float | None = None
    epochs: Unseen[EpochRecord] = field(default_factory=Unseen)
    steps: Unseen[TrainedStep] = field(default_factory=Unseen)

    def untold(self) -> Untold:
        """The records that no answered poll has carried."""
        return Untold(self.epochs.all(), self.steps.all())

    def report(self, seen: Seen) -> StageReport:
        """Everything new since ``seen``, and the current values."""
        return StageReport(
            self.progress,
            self.epochs.after(seen.epochs),
            self.steps.after(seen.steps),
            StageSeconds(**vars(self.seconds)),
            self.forward_flops,
            self.backward_flops,
            self.max_held,
            self.phase,
            snapshot_interval_s=self.snapshot_interval_s,
        )
