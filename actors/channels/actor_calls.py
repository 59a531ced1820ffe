"""Messages as calls of a method of the neighbour actor: the stable API, and the fallback."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import ray

from actors.core.errors import ChannelClosed, ChannelTimeout


class ActorCallSender:
    """The sending half; the receiving half is a ``Mailbox`` in the neighbour actor.

    ``deliver`` is the neighbour's actor method that puts the bytes into its mailbox and returns
    when there was room. Calls of one caller to one method run in order; ``put`` returns with at
    most ``slots`` under way.
    """

    def __init__(self, deliver: Any, slots: int, edge: str) -> None:
        self._deliver = deliver
        self._slots = slots
        self._edge = edge
        self._pending: deque[ray.ObjectRef] = deque()
        self._closed = False

    def put(self, data: bytes, timeout_s: float) -> None:
        """Waits for the oldest call when ``slots`` are under way."""
        deadline = time.monotonic() + timeout_s
        self._pending.append(self._deliver.remote(data, timeout_s))
        while len(self._pending) > self._slots or self._is_oldest_done():
            self._finish_oldest(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Later sends fail; calls under way are left to the neighbour."""
        self._closed = True

    def get(self, timeout_s: float) -> bytes:
        raise AssertionError("the receiving half is a Mailbox")

    def _is_oldest_done(self) -> bool:
        return bool(self._pending) and bool(ray.wait([self._pending[0]], timeout=0)[0])

    def _finish_oldest(self, timeout_s: float) -> None:
        if self._closed:
            raise ChannelClosed(f"{self._edge}: the channel was closed")
        try:
            ray.get(self._pending[0], timeout=timeout_s)
        except ray.exceptions.GetTimeoutError as error:
            raise ChannelTimeout(
                f"{self._edge}: a message was not taken within {timeout_s:.1f} s"
            ) from error
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            raise ChannelClosed(f"{self._edge}: the neighbour is gone ({error})") from error
        self._pending.popleft()
