"""A job as the JobManager keeps it, and as the API shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from actors.core.addresses import join_host_port
from actors.core.progress.session_length import SessionLength
from actors.core.progress.snapshots import TrainingState
from actors.core.tasks.parse import task_json
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.data.data_identity import DataIdentity
from orchestrator.errors import IllegalTransition
from orchestrator.identity import draw_identity
from orchestrator.jobs.failure_policy import CheckpointPolicy, FailurePolicy
from orchestrator.jobs.job_lifecycle import Event, Status, next_status
from orchestrator.jobs.job_spec import JobSpec
from orchestrator.jobs.train_options import TrainOptions, train_options_json
from orchestrator.models.model_config import model_json
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.proof.bit_equality import ComputedFrom

MAX_RECENT_EVENTS = 20


@dataclass(frozen=True)
class Device:
    """A device registered with a job; ``ip`` is the address of its Ray node.

    ``is_local`` is True if the device is on the gateway's own host, even after that host's address
    changed; None if an earlier version stored the job. ``host_name`` finds the device again at
    another address.
    """

    device_id: int
    ip: str
    port: int
    is_local: bool | None = field(default=None, compare=False)
    host_name: str | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        return join_host_port(self.ip, self.port)

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"device_id": self.device_id, "ip": self.ip, "port": self.port}


@dataclass(frozen=True)
class PlannedStage:
    """Layers ``[start, end)`` on a device."""

    device_id: int
    start: int
    end: int


@dataclass
class Session:
    """One train call: its options, the decisions made for it, and its progress.

    ``folder`` names the folder of its checkpoints; the name is drawn at random. ``outcome`` is
    completed, stopped or failed, and None while the session runs. ``lost_steps`` counts the steps
    that failures made it do again. ``waiting_for`` lists the devices that it needs to go on, and
    ``advice`` says how to bring them back if that is known. ``stop_asked`` is True once a stop was
    answered; the stop holds even if the JobManager ends first. ``computed`` says on what hardware
    and builds the steps of all generations ran; empty if that was not noted.
    """

    index: int
    options: TrainOptions
    num_microbatches: int
    first_epoch_index: int
    outcome: str | None = None
    num_failures: int = 0
    lost_steps: int = 0
    waiting_for: list[str] = field(default_factory=list)
    advice: str | None = None
    last_cause: str | None = None
    computed: list[ComputedFrom] = field(default_factory=list)
    threads: dict[int, int] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    progress: dict[str, Any] = field(default_factory=dict)
    device_stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    folder: str = ""
    stop_asked: bool = False

    def __post_init__(self) -> None:
        self.folder = self.folder or draw_identity(f"session-{self.index}")


@dataclass(frozen=True)
class UnsavedState:
    """The final state of a session while it is not on the disk yet. ``total_steps`` counts the
    optimiser's steps since the weights were drawn."""

    state: TrainingState
    session: int
    total_steps: int


@dataclass(eq=False)
class Job:
    """A job. ``busy`` names an operation under way that excludes others; ``data`` is None until the
    job is trained.

    ``identity`` is drawn at random when the job is created, because a job of another database may
    have the same number. ``run`` counts how often its weights were drawn. ``stages`` is the plan in
    force, and ``planning`` holds what it was made from. ``checkpoint_error`` says why the last
    checkpoint could not be written.
    """

    job_id: str
    spec: JobSpec
    status: Status = Status.CREATED
    error: str | None = None
    busy: str | None = None
    devices: list[Device] = field(default_factory=list)
    next_device_id: int = 1
    generation: int = 0
    epochs_begun: int = 0
    failure_policy: FailurePolicy = field(default_factory=FailurePolicy)
    checkpoint_policy: CheckpointPolicy = field(default_factory=CheckpointPolicy)
    run: int = 0
    stages: tuple[PlannedStage, ...] = ()
    planning: JobPlanning = field(default_factory=JobPlanning)
    sessions: list[Session] = field(default_factory=list)
    num_sessions: int = 0
    unsaved: UnsavedState | None = None
    checkpoint_error: str | None = None
    recent_events: list[str] = field(default_factory=list)
    identity: str = ""
    data: DataIdentity | None = None

    def __post_init__(self) -> None:
        self.identity = self.identity or draw_identity(self.job_id)

    @property
    def lineage(self) -> Lineage:
        """Identifies the job's own checkpoints."""
        config = self.spec.config.model
        sessions = tuple((s.index, s.folder) for s in self.sessions)
        model = {key: value for key, value in config.items() if key != "seed" and value is not None}
        return Lineage(self.job_id, self.identity, self.spec.model.seed, model, sessions)

    @property
    def num_steps(self) -> int:
        """Optimiser steps in a whole epoch of the last session. The job must have ``data``."""
        assert self.data is not None
        batch_size = self.spec.batch_size * self.sessions[-1].options.recipe.accumulate
        return -(-self.data.num_train // batch_size)

    @property
    def length(self) -> SessionLength:
        """The length of the last session."""
        options = self.sessions[-1].options
        return SessionLength(self.num_steps, options.epochs, options.max_steps)

    def check(self, event: Event) -> None:
        """Raises ``IllegalTransition`` if ``event`` may not happen now."""
        next_status(self.job_id, self.status, event, self.recent_events)

    def check_idle(self) -> None:
        """Raises ``IllegalTransition`` while another operation is under way."""
        if self.busy is not None:
            raise IllegalTransition(f"Job {self.job_id} is {self.busy}: wait until that is done")

    def apply(self, event: Event) -> None:
        """Changes the job's status. Raises ``IllegalTransition``, and then changes nothing."""
        self.status = next_status(self.job_id, self.status, event, self.recent_events)
        self.recent_events = [*self.recent_events, event.value][-MAX_RECENT_EVENTS:]
        if event is not Event.FAIL:
            self.error = None
        if event is Event.CHANGE_DEVICES and self.status is Status.CREATED:
            self.stages = ()

    @property
    def is_active(self) -> bool:
        """True while a session is under way."""
        return self.status in (Status.TRAINING, Status.RECOVERING)

    @property
    def unfinished(self) -> Session | None:
        """The session that can be resumed: the last one, if it is not completed."""
        last = self.sessions[-1] if self.sessions else None
        return last if last is not None and last.outcome != "completed" else None

    def begin_generation(self) -> str:
        """Returns the name of the job's next group of LayerActors."""
        self.generation += 1
        return draw_identity(f"job-{self.job_id}-generation-{self.generation}")

    def reset_training(self) -> None:
        """Drops all training, because new weights are drawn."""
        self.sessions = []
        self.num_sessions = 0
        self.unsaved = self.checkpoint_error = None
        self.epochs_begun = 0
        self.data = None
        self.run += 1

    def summary(self) -> dict[str, Any]:
        """The job as ``GET /api/jobs`` lists it."""
        return {
            "job_id": self.job_id,
            "status": self.status.value,
            "devices": len(self.devices),
            **self.spec.config.shown(),
        }

    def details(self) -> dict[str, Any]:
        """The job as ``GET /api/jobs/<job_id>`` shows it, without its history."""
        shown = {
            **self.summary(),
            "model": model_json(self.spec.model),
            "task": task_json(self.spec.task),
            "registered_devices": [device.shown() for device in self.devices],
            "layers": {str(s.device_id): [s.start, s.end] for s in self.stages},
            "spares": self._spares(),
            "failure_policy": asdict(self.failure_policy),
            "checkpoints": asdict(self.checkpoint_policy),
        }
        if self.sessions:
            session = self.sessions[-1]
            shown["progress"] = session.progress
            shown["plan"] = _plan_of(session)
            shown["device_stats"] = session.device_stats
            shown["recovery"] = _recovery_of(session)
        if self.data is not None:
            shown["data"] = self.data.shown()
        if self.error is not None:
            shown["error"] = self.error
        return shown

    def _spares(self) -> list[int]:
        used = {stage.device_id for stage in self.stages}
        ids = [device.device_id for device in self.devices]
        return [device_id for device_id in ids if self.is_active and device_id not in used]


def _plan_of(session: Session) -> dict[str, Any]:
    return {
        "schedule": session.options.schedule,
        "num_microbatches": session.num_microbatches,
        "wire": session.options.recipe.wire,
        "threads": {str(device_id): n for device_id, n in session.threads.items()},
        "channels": session.channels,
        "differences": session.differences,
        "train_config": train_options_json(session.options),
    }


def _recovery_of(session: Session) -> dict[str, Any] | None:
    if not session.num_failures and not session.waiting_for:
        return None
    return {
        "num_failures": session.num_failures,
        "lost_steps": session.lost_steps,
        "waiting_for": session.waiting_for,
        "advice": session.advice if session.waiting_for else None,
        "last_cause": session.last_cause,
    }
