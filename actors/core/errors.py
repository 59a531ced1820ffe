"""Every error Tandem raises on purpose, as one tree.

::

    TandemError
    ├── CallerError (ValueError)      the request can't be served as it stands
    │   ├── InvalidRequest            a value is wrong; names field, value, limit, remedy
    │   ├── NotFound                  what it names does not exist
    │   └── Conflict                  right in itself, but not in the present state
    │       └── DatasetUnavailable    a data set's files are not there, or not what they should be
    ├── PortTaken                     the gateway can't bind its port
    ├── Unavailable                   the cluster or the JobManager can't be reached (yet)
    └── StageFailure                  a training session can't go on; the job fails with this text
        ├── NonFiniteLoss             the loss became NaN or infinite
        ├── ChannelTimeout            a neighbour's message did not come, or was not taken, in time
        └── ChannelClosed             the other end is gone, or the session was aborted

The message is the only argument, so that all of them survive pickling between processes.
``orchestrator.errors`` adds the ones that belong to jobs and devices; ``PortTaken`` is of
``http_gateway.process.serve``.
"""


class TandemError(Exception):
    """Base of all errors raised on purpose; a user may see its text."""

    def __init__(self, message: str) -> None:
        self.message = message if message.strip() else f"{type(self).__name__}, without a reason"
        super().__init__(self.message)


class CallerError(TandemError, ValueError):
    """The caller's request can't be served as it stands."""


class InvalidRequest(CallerError):
    """A value is missing, malformed or out of range."""


class NotFound(CallerError):
    """Something the request names does not exist."""


class Conflict(CallerError):
    """The request is right in itself, but not in the present state."""


class DatasetUnavailable(Conflict):
    """A data set's files are not there and can't be fetched, or are not what they should be."""


class Unavailable(TandemError):
    """The Ray cluster or the JobManager can't be reached."""


class StageFailure(TandemError):
    """A stage can't go on; ends the training session."""


class NonFiniteLoss(StageFailure):
    """The loss became NaN or infinite."""


class ChannelTimeout(StageFailure):
    """A message did not come, or was not taken, within the timeout."""


class ChannelClosed(StageFailure):
    """The other end of a channel is gone, or the session was aborted."""


def error_text(error: BaseException) -> str:
    """An error's text in one line; its kind if it has no text. It is never empty: an assertion or
    the end of a file comes without text."""
    return " ".join(str(error).split()) or type(error).__name__
