"""Checks the JobManager and the Ray head every two seconds, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from actors.background import Rounds
from http_gateway.process.manager_monitor import ManagerMonitor, MonitorVerdict, Ping

INTERVAL_S = 2.0
PING_TIMEOUT_S = 2.0


class WatchedManager(Protocol):
    """The JobManager, as the watchdog asks and ends it."""

    def ping(self, timeout_s: float) -> Ping:
        """Waits that long at most; never raises, never starts one."""
        ...

    def kill(self) -> None:
        """Ends its process, which Ray starts again."""
        ...


class Watchdog:
    """Kills a frozen JobManager; ``head_gone`` is set when the Ray head is not there any more."""

    def __init__(
        self,
        manager: WatchedManager,
        head_listens: Callable[[], bool],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = manager
        self._head_listens = head_listens
        self._say = say
        self._clock = clock
        self._monitor = ManagerMonitor()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self.head_gone = threading.Event()

    def start(self) -> None:
        """Looks from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stops checking; returns once nothing runs any more."""
        self._stop.set()
        self._thread.join(2 * PING_TIMEOUT_S)

    def look(self) -> MonitorVerdict:
        """One look, and what follows of it."""
        head_listens = self._head_listens()
        begun = self._clock()
        ping = self._manager.ping(PING_TIMEOUT_S)
        # Of a longer wait the gateway slept the rest itself, as a laptop does with its lid closed.
        waited_s = min(self._clock() - begun, PING_TIMEOUT_S)
        verdict = self._monitor.look(head_listens, ping, waited_s)
        if verdict is MonitorVerdict.KILL_MANAGER:
            self._say(
                f"The JobManager has not answered for {self._monitor.silence_s:.0f} s though its "
                "process is there: it is ended, and Ray starts it again."
            )
            self._manager.kill()
        elif verdict is MonitorVerdict.HEAD_GONE:
            self.head_gone.set()
        return verdict

    def _run(self) -> None:
        rounds = Rounds("The watchdog")
        while not self._stop.is_set() and not self.head_gone.is_set():
            begun = self._clock()
            with rounds.round():
                self.look()
            self._stop.wait(max(0.0, INTERVAL_S - (self._clock() - begun)))
