"""Messages as the results of a call of the neighbour: the stable API.

The receiver calls a method of the sender that goes on as long as the channel does and yields each
message, which Ray streams to the caller. That takes a third of the time of a call a message, which
needs an answer, too (``docs/decisions/0003-actor-calls-across-nodes.md``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import ray

from actors.channels.mailbox import Mailbox
from actors.core.errors import ChannelClosed, ChannelTimeout

INLINE_BYTES = 8 * 2**20
INLINE_ENVIRONMENT = {"RAY_max_direct_call_object_size": str(INLINE_BYTES)}
"""For the sender's process: Ray takes messages up to that size along with its own words, larger
ones by way of two object stores, which takes ten milliseconds."""

WINDOW = 8
"""Messages that were sent and not taken yet, before the sender has to wait."""
CHECK_S = 0.5


def stream(mailbox: Mailbox) -> Iterator[bytes]:
    """What the sender's method yields: the mailbox's messages until it is closed."""
    while True:
        try:
            yield mailbox.get(CHECK_S)
        except ChannelTimeout:
            continue
        except ChannelClosed:
            return


class StreamReceiver:
    """The receiving half; the sending half is a ``Mailbox`` in the neighbour actor.

    ``method`` is the neighbour's actor method that gives ``stream`` of it.
    """

    def __init__(self, method: Any, edge: str) -> None:
        options = {"num_returns": "streaming", "_generator_backpressure_num_objects": WINDOW}
        self._messages = method.options(**options).remote()
        self._edge = edge
        self._closed = False

    def get(self, timeout_s: float) -> bytes:
        """Waits for the next message."""
        deadline = time.monotonic() + timeout_s
        while not self._closed:
            remaining_s = deadline - time.monotonic()
            wait_s = max(0.0, min(remaining_s, CHECK_S))
            ready, _ = ray.wait([self._messages], timeout=wait_s, fetch_local=False)
            if ready:
                return self._next()
            if remaining_s <= CHECK_S:
                raise ChannelTimeout(
                    f"{self._edge}: a message did not come within {timeout_s:.1f} s"
                )
        raise ChannelClosed(f"{self._edge}: the channel was closed")

    def close(self) -> None:
        """Wakes who waits here, within ``CHECK_S``."""
        self._closed = True

    def put(self, data: bytes, timeout_s: float) -> None:
        raise AssertionError("the sending half is a Mailbox")

    def _next(self) -> bytes:
        try:
            data: bytes = ray.get(next(self._messages))
            return data
        except StopIteration as error:
            raise ChannelClosed(f"{self._edge}: the channel was closed") from error
        except ray.exceptions.RayError as error:
            raise ChannelClosed(f"{self._edge}: the neighbour is gone ({error})") from error
