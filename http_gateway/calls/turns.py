"""Work that is done one at a time: a queue of limited length, which a caller leaves when it goes
away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from actors.core.errors import Unavailable

LOOK_S = 0.2
GONE_TEXT = "The caller has gone: nothing more is done about its request"


class Turns:
    """``what`` names the work in texts: "Predictions are made"."""

    def __init__(self, what: str, max_waiting: int = 4, wait_s: float = 120.0) -> None:
        self._what = what
        self._max_waiting = max_waiting
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._num = 0
        self._free = threading.Lock()

    @contextmanager
    def turn(self, gone: Callable[[], bool]) -> Iterator[None]:
        """The block is alone; raises ``Unavailable`` when too many wait, or for too long."""
        with self._lock:
            if self._num > self._max_waiting:
                raise Unavailable(
                    f"{self._what} one at a time, and {self._max_waiting} requests wait already: "
                    "nothing was done about this one, try again later"
                )
            self._num += 1
        try:
            self._wait(gone)
            try:
                yield
            finally:
                self._free.release()
        finally:
            with self._lock:
                self._num -= 1

    def if_free(self, act: Callable[[], None]) -> None:
        """Does that alone, unless somebody has the turn."""
        if self._free.acquire(blocking=False):
            try:
                act()
            finally:
                self._free.release()

    def _wait(self, gone: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._wait_s
        while not self._free.acquire(timeout=LOOK_S):
            if gone():
                raise Unavailable(GONE_TEXT)
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{self._what} one at a time, and this request did not have its turn within "
                    f"{self._wait_s:.0f} s: nothing was done about it, try again later"
                )
