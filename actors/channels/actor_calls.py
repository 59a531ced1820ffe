"""Messages as the results of a call of the neighbour: the stable API.

The receiver calls a method of the sender that goes on as long as the channel does and yields each
message, which Ray streams to the caller. That takes a third of the time of a call a message, which
needs an answer, too. Messages that wait for the one before them to be on its way go together as one
result (``docs/decisions/0003-actor-calls-across-nodes.md``).
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import ray

from actors.core.errors import ChannelClosed, ChannelTimeout

INLINE_BYTES = 8 * 2**20
INLINE_ENVIRONMENT = {"RAY_max_direct_call_object_size": str(INLINE_BYTES)}
"""For the sender's process: Ray takes results up to that size along with its own words, larger
ones by way of two object stores, which takes ten milliseconds."""

JOINED_BYTES = 2**19
"""A result grows by the messages that wait until it has that size: more would keep the first one
waiting for the last."""
CHECK_S = 0.5

Result = bytes | list[bytes]


class StreamSender:
    """The sending half: a queue that the neighbour's call empties.

    ``put`` never waits. What is on its way is bounded by those who send: in a step by the
    microbatches that the schedule lets a stage hold, in a validation by its own window.
    """

    def __init__(self, edge: str) -> None:
        self._edge = edge
        self._messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._closed = False

    def put(self, data: bytes, timeout_s: float) -> None:
        """Hands over one message."""
        if self._closed:
            raise ChannelClosed(f"{self._edge}: the channel was closed")
        self._messages.put(data)

    def close(self) -> None:
        """The stream ends behind what was put."""
        self._closed = True
        self._messages.put(None)

    def get(self, timeout_s: float) -> bytes:
        raise AssertionError("the receiving half is a StreamReceiver")

    def results(self) -> Iterator[Result]:
        """What the sender's method yields, until the channel is closed: a message, or those that
        were waiting."""
        while True:
            try:
                first = self._messages.get(timeout=CHECK_S)
            except queue.Empty:
                continue
            if first is None:
                return
            joined = self._waiting(first)
            yield joined if len(joined) > 1 else first

    def _waiting(self, first: bytes) -> list[bytes]:
        joined, size = [first], len(first)
        while size < JOINED_BYTES:
            try:
                message = self._messages.get_nowait()
            except queue.Empty:
                break
            if message is None:
                self._messages.put(None)  # for the next look
                break
            joined.append(message)
            size += len(message)
        return joined


class StreamReceiver:
    """The receiving half; ``method`` is the neighbour's actor method that gives the ``results`` of
    its ``StreamSender``.
    """

    def __init__(self, method: Any, edge: str) -> None:
        self._results = method.options(num_returns="streaming").remote()
        self._here: deque[bytes] = deque()
        self._edge = edge
        self._closed = False

    def get(self, timeout_s: float) -> bytes:
        """Waits for the next message."""
        deadline = time.monotonic() + timeout_s
        while not self._closed:
            if self._here:
                return self._here.popleft()
            remaining_s = deadline - time.monotonic()
            wait_s = max(0.0, min(remaining_s, CHECK_S))
            ready, _ = ray.wait([self._results], timeout=wait_s, fetch_local=False)
            if ready:
                self._take()
            elif remaining_s <= CHECK_S:
                raise ChannelTimeout(
                    f"{self._edge}: a message did not come within {timeout_s:.1f} s"
                )
        raise ChannelClosed(f"{self._edge}: the channel was closed")

    def close(self) -> None:
        """Wakes who waits here, within ``CHECK_S``."""
        self._closed = True

    def put(self, data: bytes, timeout_s: float) -> None:
        raise AssertionError("the sending half is a StreamSender")

    def _take(self) -> None:
        try:
            result: Result = ray.get(next(self._results))
            self._here.extend([result] if isinstance(result, bytes) else result)
        except StopIteration as error:
            raise ChannelClosed(f"{self._edge}: the channel was closed") from error
        except ray.exceptions.RayError as error:
            raise ChannelClosed(f"{self._edge}: the neighbour is gone ({error})") from error
