"""The statuses of a job and the one table of moves between them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from orchestrator.errors import IllegalTransition


class Status(str, Enum):
    """Where a job is in its life."""

    CREATED = "created"
    INITIALIZED = "initialized"
    TRAINING = "training"
    RECOVERING = "recovering"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class Event(str, Enum):
    """What happens to a job; the values read as "can't <value> …" in an error."""

    CHANGE_DEVICES = "change its devices"
    INITIALIZE = "initialize"
    TRAIN = "train"
    RESUME = "resume"
    LOSE = "lose a device"
    RECOVER = "go on"
    COMPLETE = "complete"
    STOP = "stop"
    FAIL = "fail"
    DELETE = "delete"
    FORCE_DELETE = "be deleted by force"


_ACTIVE = (Status.TRAINING, Status.RECOVERING)
_SETTLED = (Status.CREATED, Status.INITIALIZED, Status.COMPLETED, Status.STOPPED, Status.FAILED)

TRANSITIONS: dict[tuple[Status, Event], Status] = {
    **{(status, Event.CHANGE_DEVICES): Status.CREATED for status in _SETTLED},
    **{(status, Event.INITIALIZE): Status.INITIALIZED for status in _SETTLED},
    **{(status, Event.DELETE): status for status in _SETTLED},
    (Status.INITIALIZED, Event.TRAIN): Status.TRAINING,
    (Status.COMPLETED, Event.TRAIN): Status.TRAINING,
    (Status.STOPPED, Event.TRAIN): Status.TRAINING,
    (Status.CREATED, Event.RESUME): Status.RECOVERING,
    (Status.STOPPED, Event.RESUME): Status.RECOVERING,
    (Status.FAILED, Event.RESUME): Status.RECOVERING,
    (Status.TRAINING, Event.LOSE): Status.RECOVERING,
    (Status.RECOVERING, Event.LOSE): Status.RECOVERING,
    (Status.RECOVERING, Event.RECOVER): Status.TRAINING,
    (Status.TRAINING, Event.COMPLETE): Status.COMPLETED,
    **{(status, Event.STOP): Status.STOPPED for status in _ACTIVE},
    **{(status, Event.FAIL): Status.FAILED for status in _ACTIVE},
    **{(status, Event.CHANGE_DEVICES): status for status in _ACTIVE},
    **{(status, Event.FORCE_DELETE): status for status in Status},
}

_REMEDIES = {
    Status.TRAINING: "stop it first: POST /api/jobs/{job_id}/stop",
    Status.RECOVERING: "stop it first: POST /api/jobs/{job_id}/stop",
    Status.FAILED: "initialize it again: POST /api/network/initialize/{job_id}",
}


def next_status(
    job_id: str, status: Status, event: Event, recent_events: Sequence[str] = ()
) -> Status:
    """The status after ``event``; raises ``IllegalTransition`` naming job, state and history."""
    after = TRANSITIONS.get((status, event))
    if after is not None:
        return after
    remedy = _REMEDIES.get(status, "").format(job_id=job_id)
    story = f" (recent events: {', '.join(recent_events[-5:])})" if recent_events else ""
    raise IllegalTransition(
        f"Job {job_id} is {status.value} and can't {event.value}"
        + (f": {remedy}" if remedy else "")
        + story
    )
