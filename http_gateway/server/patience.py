"""How long a connection may take for each phase, and which one makes room for others. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ConnectionPhase(Enum):
    """What a connection is doing."""

    LINGER = "it was answered and closed by us, and its client still sends"
    NEW = "nothing has come yet"
    IDLE = "between two requests"
    HEAD = "a request's first line and headers are coming"
    BODY = "a request's body is coming"
    ANSWER = "the client has to take what was written"
    WORK = "a thread has the request, or the request waits for one"
    OPEN = "the client has all of an answer that goes on"


# Where there is no room left, the lowest goes, and of several the one that has taken the longest.
# Those that are not here stay.
CLAIMS = {
    ConnectionPhase.LINGER: 0,
    ConnectionPhase.NEW: 1,
    ConnectionPhase.IDLE: 1,
    ConnectionPhase.HEAD: 1,
    ConnectionPhase.BODY: 2,
}


@dataclass(frozen=True)
class Patience:
    """Seconds for each phase as a whole, not from byte to byte: a client that sends a byte a second
    has to end, too. A transfer gets more time for each byte that has passed."""

    new_s: float = 10.0
    idle_s: float = 30.0
    head_s: float = 10.0
    transfer_s: float = 20.0
    bytes_per_s: float = 8192.0
    linger_s: float = 5.0
    queue_s: float = 10.0  # a request that no thread has taken in that time is not begun any more
    heartbeat_s: float = 15.0  # after which a client is shown that an open answer goes on
    unplugged_s: float = 60.0  # for which what was sent to it may stay unconfirmed
    look_s: float = 1.0

    def limit_s(self, phase: ConnectionPhase, num_bytes: int) -> float:
        """How long ``phase`` may last if ``num_bytes`` have passed in it."""
        if phase in (ConnectionPhase.BODY, ConnectionPhase.ANSWER):
            return self.transfer_s + num_bytes / self.bytes_per_s
        return {
            ConnectionPhase.LINGER: self.linger_s,
            ConnectionPhase.NEW: self.new_s,
            ConnectionPhase.IDLE: self.idle_s,
            ConnectionPhase.HEAD: self.head_s,
            ConnectionPhase.WORK: float("inf"),
            ConnectionPhase.OPEN: float("inf"),
        }[phase]
