"""Messages as the streamed results of one actor call. This is Ray's stable API.

The receiver calls a method of the sender. The method runs as long as the channel is open and yields
each message, and Ray streams it to the caller. One call for each message would take three times as
long, because such a call also needs an answer. Messages that pile up while another one leaves are
joined into one result (``docs/decisions/0003-actor-calls-across-nodes.md``).
"""

from __future__ import annotations

import itertools
import queue
import struct
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import ray

from actors.channels.messages import INLINE_BYTES, Parts
from actors.core.errors import ChannelClosed, ChannelTimeout

INLINE_ENVIRONMENT = {"RAY_max_direct_call_object_size": str(INLINE_BYTES)}
"""For the sender's process."""

JOINED_BYTES = 2**19
"""Waiting messages are joined into one result up to this size. A larger result would delay its
first message."""
CHECK_S = 0.5

_JOINED_MARK = b"\xff" * 8
"""No message begins like this, because its generation would be negative."""


def join(messages: Sequence[bytes]) -> bytes:
    """Joins messages into one result: the mark, their number, the length of each, the messages.

    The result is not a list because Ray does not pickle plain bytes.
    """
    sizes = struct.pack(f"<{1 + len(messages)}q", len(messages), *map(len, messages))
    return b"".join((_JOINED_MARK, sizes, *messages))


def split(result: bytes) -> list[bytes | memoryview]:
    """The messages of a result, which may be a single message. Copies nothing."""
    if not result.startswith(_JOINED_MARK):
        return [result]
    (count,) = struct.unpack_from("<q", result, len(_JOINED_MARK))
    sizes = struct.unpack_from(f"<{count}q", result, len(_JOINED_MARK) + 8)
    begin = len(_JOINED_MARK) + 8 * (1 + count)
    bounds = itertools.pairwise(itertools.accumulate(sizes, initial=begin))
    return [memoryview(result)[first:end] for first, end in bounds]


class StreamSender:
    """The sending end: a queue that the neighbour's call empties.

    ``put`` never waits, so the caller has to limit the messages under way. A step is limited by its
    number of microbatches, because the next step needs the gradients of this one. A validation is
    limited by a window. Only one thread may call ``put``.
    """

    def __init__(self, edge: str) -> None:
        self.stream_id = uuid.uuid4().hex
        self._edge = edge
        self._messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._closed = False

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Queues one message."""
        if self._closed:
            raise ChannelClosed(f"{self._edge}: the channel was closed")
        self._messages.put(b"".join(parts))

    def close(self) -> None:
        """Ends the stream after the messages that are queued."""
        self._closed = True
        self._messages.put(None)

    def get(self, timeout_s: float) -> bytes | memoryview:
        raise AssertionError("the receiving half is a StreamReceiver")

    def results(self) -> Iterator[bytes]:
        """Yields results for the sender's method until the channel is closed: one message, or all
        that were waiting. It has no timeout of its own; the receiver has one."""
        while (first := self._messages.get()) is not None:
            joined = self._with_waiting(first)
            yield join(joined) if len(joined) > 1 else joined[0]

    def _with_waiting(self, first: bytes) -> list[bytes]:
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
    """The receiving end. ``method`` is the neighbour's actor method that yields the ``results`` of
    the ``StreamSender`` with that id.

    A thread takes messages as they come, so that a message is already here when the stage has
    finished computing and asks for it.
    """

    def __init__(self, method: Any, stream_id: str, edge: str) -> None:
        self._results = method.options(num_returns="streaming").remote(stream_id)
        self._here: queue.SimpleQueue[bytes | memoryview | None] = queue.SimpleQueue()
        self._edge = edge
        self._closed_because: str | None = None
        self._is_closed_here = False
        name = f"receives {edge}"
        threading.Thread(target=self._receive, name=name, daemon=True).start()

    def get(self, timeout_s: float) -> bytes | memoryview:
        """Waits for the next message. Messages that came before the other end closed are still
        given."""
        try:
            data = None if self._is_closed_here else self._here.get(timeout=max(0.0, timeout_s))
        except queue.Empty as error:
            raise ChannelTimeout(
                f"{self._edge}: a message did not come within {timeout_s:.1f} s"
            ) from error
        if data is None:
            self._here.put(None)  # for whoever asks again
            raise ChannelClosed(f"{self._edge}: {self._closed_because}")
        return data

    def close(self) -> None:
        """Wakes any thread that waits here."""
        self._is_closed_here = True
        self._end("the channel was closed")

    def put(self, parts: Parts, timeout_s: float) -> None:
        raise AssertionError("the sending half is a StreamSender")

    def _end(self, why: str) -> None:
        """Keeps only the first reason."""
        if self._closed_because is None:
            self._closed_because = why
        self._here.put(None)

    def _receive(self) -> None:
        """Runs until either end is closed or the neighbour is gone."""
        try:
            while self._closed_because is None:
                ready, _ = ray.wait([self._results], timeout=CHECK_S, fetch_local=False)
                if ready:
                    self._take(ray.get(next(self._results)))
        except StopIteration:
            self._end("the channel was closed")
        except ray.exceptions.RayError as error:
            self._end(f"the neighbour is gone ({error})")
        except Exception as error:  # a thread that waits in ``get`` raises it
            self._end(f"a result can't be read ({type(error).__name__}: {error})")

    def _take(self, result: bytes) -> None:
        for data in split(result):
            self._here.put(data)
