"""A bounded mailbox: a transport between threads of one process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from actors.channels.messages import Parts
from actors.core.errors import ChannelClosed, ChannelTimeout


class Mailbox:
    """At most ``slots`` messages between threads of one process, first in, first out."""

    def __init__(self, slots: int, edge: str) -> None:
        self._slots = slots
        self._edge = edge
        self._messages: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Waits for a free slot."""
        with self._changed:
            self._wait(lambda: len(self._messages) < self._slots, timeout_s, "was not taken")
            self._messages.append(b"".join(parts))
            self._changed.notify_all()

    def get(self, timeout_s: float) -> bytes:
        """Waits for a message."""
        with self._changed:
            self._wait(lambda: bool(self._messages), timeout_s, "did not come")
            data = self._messages.popleft()
            self._changed.notify_all()
            return data

    def close(self) -> None:
        """Wakes both ends with ``ChannelClosed``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        arrived = self._changed.wait_for(lambda: self._closed or condition(), timeout_s)
        if self._closed:
            raise ChannelClosed(f"{self._edge}: the channel was closed")
        if not arrived:
            raise ChannelTimeout(f"{self._edge}: a message {what} within {timeout_s:.1f} s")
