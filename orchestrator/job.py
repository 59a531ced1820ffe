"""What the JobManager keeps of a job, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.core.stage import Weights
from orchestrator.job_lifecycle import Event, Status, next_status
from orchestrator.job_spec import JobSpec, TrainOptions
from orchestrator.partition import PartitionPlan

MAX_RECENT_EVENTS = 20


@dataclass(frozen=True)
class Device:
    """A device registered with a job; ``ip`` is the address of its Ray node."""

    device_id: int
    ip: str
    port: int

    @property
    def address(self) -> str:
        return f"{self.ip}:{self.port}"


@dataclass
class Session:
    """One train call: what it was asked, what was decided, how far it got."""

    index: int
    options: TrainOptions
    num_microbatches: int
    first_epoch_index: int
    stop_requested: bool = False
    threads: dict[int, int] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    progress: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    device_stats: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(eq=False)
class Job:
    """A job. ``busy`` names an operation under way that others must not cross."""

    job_id: str
    model_config: Mapping[str, Any]
    dataset_config: Mapping[str, Any]
    spec: JobSpec
    status: Status = Status.CREATED
    error: str | None = None
    busy: str | None = None
    devices: list[Device] = field(default_factory=list)
    next_device_id: int = 1
    generation: int = 0
    epochs_begun: int = 0
    plan: PartitionPlan | None = None
    sessions: list[Session] = field(default_factory=list)
    num_sessions: int = 0
    weights: Weights | None = None
    recent_events: list[str] = field(default_factory=list)

    def check(self, event: Event) -> None:
        """Raises ``IllegalTransition`` if ``event`` may not happen now."""
        next_status(self.job_id, self.status, event, self.recent_events)

    def apply(self, event: Event) -> None:
        """Moves the job; raises ``IllegalTransition`` and changes nothing if it may not."""
        self.status = next_status(self.job_id, self.status, event, self.recent_events)
        self.recent_events = [*self.recent_events, event.value][-MAX_RECENT_EVENTS:]
        if event is not Event.FAIL:
            self.error = None
        if event is Event.CHANGE_DEVICES:
            self.plan = None

    def reset_training(self) -> None:
        """Forgets what was trained: the weights are drawn anew."""
        self.sessions.clear()
        self.weights = None
        self.epochs_begun = 0

    def summary(self) -> dict[str, Any]:
        """The job as ``GET /api/jobs`` lists it."""
        return {
            "job_id": self.job_id,
            "status": self.status.value,
            "devices": len(self.devices),
            "model_config": self.model_config,
            "dataset_config": self.dataset_config,
        }

    def details(self) -> dict[str, Any]:
        """The job as ``GET /api/jobs/<job_id>`` shows it."""
        shown = {
            **self.summary(),
            "registered_devices": [vars(device) for device in self.devices],
            "layers": self._layers(),
            "history": [record for session in self.sessions for record in session.history],
        }
        if self.sessions:
            session = self.sessions[-1]
            shown["progress"] = session.progress
            shown["plan"] = _plan_of(session)
            shown["device_stats"] = session.device_stats
        if self.error is not None:
            shown["error"] = self.error
        return shown

    def _layers(self) -> dict[str, list[int]]:
        if self.plan is None:
            return {}
        ranges = zip(self.devices, self.plan.ranges, strict=True)
        return {str(device.device_id): [r.start, r.end] for device, r in ranges}


def _plan_of(session: Session) -> dict[str, Any]:
    return {
        "schedule": session.options.schedule,
        "num_microbatches": session.num_microbatches,
        "threads": {str(device_id): n for device_id, n in session.threads.items()},
        "channels": session.channels,
        "differences": session.differences,
    }
