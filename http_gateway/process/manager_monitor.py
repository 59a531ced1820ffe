"""Decides what the gateway does about a silent JobManager or a lost Ray head. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SILENCE_S = 10.0
HEAD_MISSES = 3


class Ping(Enum):
    """The result of asking the JobManager for a sign of life."""

    ANSWERED = "answered"
    SILENT = "silent"  # its process is there and says nothing
    ENDED = "ended"  # it has none; Ray starts it again, or the next request does


class MonitorVerdict(Enum):
    """The gateway's next action."""

    NOTHING = "nothing"
    KILL_MANAGER = "kill the JobManager"
    HEAD_GONE = "the Ray head is gone"


@dataclass
class ManagerMonitor:
    """Takes one result after the other; ``look`` returns the meaning of the last one after those
    before."""

    silence_s: float = SILENCE_S
    head_misses: int = HEAD_MISSES
    _silent_s: float = 0.0
    _misses: int = 0

    def look(self, head_listens: bool, ping: Ping, waited_s: float) -> MonitorVerdict:
        """``waited_s`` is how long this ping was waited for; the JobManager's silence is the sum.

        Time between two looks does not count: a gateway that was itself asleep has not listened.
        """
        self._misses = 0 if head_listens else self._misses + 1
        if self._misses >= self.head_misses:
            return MonitorVerdict.HEAD_GONE
        if self._misses or ping is not Ping.SILENT:
            self._silent_s = 0.0
            return MonitorVerdict.NOTHING
        self._silent_s += waited_s
        if self._silent_s < self.silence_s:
            return MonitorVerdict.NOTHING
        self._silent_s = 0.0
        return MonitorVerdict.KILL_MANAGER
