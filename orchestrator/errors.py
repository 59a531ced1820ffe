"""The errors of jobs and devices; see ``actors.core.errors`` for the tree they hang in.

::

    NotFound ── JobNotFound, DatasetNotFound, DeviceNotFound, NodeNotFound, NoTrainingSessions
    Conflict ── IllegalTransition, JobBroken, DeviceBusy, DeviceAlreadyRegistered,
                AmbiguousDevice, DatasetChanged, NoTrainedWeights, ProbeFailed
    Unavailable ── ClusterUnavailable, VersionMismatch, DeviceStartFailed, ReplayFailed,
                   StorageUnavailable
    StorageUnavailable ── CheckpointDamaged, CheckpointTooNew, StoreFenced
"""

from actors.core.errors import (
    CallerError,
    Conflict,
    DatasetUnavailable,
    InvalidRequest,
    NotFound,
    StageFailure,
    TandemError,
    Unavailable,
)

__all__ = [
    "AmbiguousDevice",
    "CallerError",
    "CheckpointDamaged",
    "CheckpointTooNew",
    "ClusterUnavailable",
    "Conflict",
    "DatasetChanged",
    "DatasetNotFound",
    "DatasetUnavailable",
    "DeviceAlreadyRegistered",
    "DeviceBusy",
    "DeviceNotFound",
    "DeviceStartFailed",
    "IllegalTransition",
    "InvalidRequest",
    "JobBroken",
    "JobNotFound",
    "NoTrainedWeights",
    "NoTrainingSessions",
    "NodeNotFound",
    "NotFound",
    "ProbeFailed",
    "ReplayFailed",
    "StageFailure",
    "StorageUnavailable",
    "StoreFenced",
    "TandemError",
    "Unavailable",
    "VersionMismatch",
]

ALREADY_REGISTERED = "Device already registered to this job"
"""The text of ``DeviceAlreadyRegistered``, by which a client recognises it among other
conflicts."""

END_JOB_MANAGER = (
    "`tandem stop` (in a cluster of your own: `tandem stop --ray-address <its address>`)"
)


class JobNotFound(NotFound):
    """No job has this id."""


class DatasetNotFound(NotFound):
    """No data set of this name was uploaded."""


class DeviceNotFound(NotFound):
    """No registered device has this port (and ip)."""


class NodeNotFound(NotFound):
    """No live Ray node answers to this ip and port."""


class NoTrainingSessions(NotFound):
    """No training session has ended yet."""


class IllegalTransition(Conflict):
    """The job's status does not allow this."""


class JobBroken(Conflict):
    """This version can't read the stored job."""


class DeviceBusy(Conflict):
    """Another job holds the device."""


class DeviceAlreadyRegistered(Conflict):
    """The device is registered with this job already."""


class AmbiguousDevice(Conflict):
    """Several devices, or several Ray nodes, could be meant."""


class DatasetChanged(Conflict):
    """The data set is another one than the job was trained on."""


class NoTrainedWeights(Conflict):
    """The job has not been trained since it was initialized."""


class ProbeFailed(Conflict):
    """A device was lost while it was being measured."""


class ClusterUnavailable(Unavailable):
    """The Ray cluster can't be reached or has no node on this host."""


class VersionMismatch(Unavailable):
    """The cluster runs a JobManager of another version."""


class DeviceStartFailed(Unavailable):
    """A LayerActor did not start on its device's node in time."""

    device_id: int | None = None
    """The device's, within its job."""


class ReplayFailed(Unavailable):
    """A replay did not come to its end: its device was lost, or it was cancelled."""


class StorageUnavailable(Unavailable):
    """The storage path can't be read or written, or another process has it."""


class CheckpointDamaged(StorageUnavailable):
    """A checkpoint is not what was written: a file is missing, cut short or changed."""


class CheckpointTooNew(StorageUnavailable):
    """A checkpoint was written by a Tandem with a later version of the format."""


class StoreFenced(StorageUnavailable):
    """A newer JobManager has taken the store over: this one must write nothing any more."""
