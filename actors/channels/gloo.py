"""Messages by gloo, torch's own point-to-point, directly from process to process.

A message is copied twice: into a buffer of the sender, and out of a buffer of the receiver by
``decode``. gloo's own thread moves it between the two. The receiver posts its buffers ahead, so
messages travel while both ends compute.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

from actors.channels.gloo_group import GlooGroup
from actors.channels.messages import Parts


class GlooSender:
    """The sending end. It holds at most ``slots`` messages of ``buffer_bytes`` for which the
    receiver has posted no buffer yet."""

    def __init__(self, group: GlooGroup, buffer_bytes: int, slots: int) -> None:
        self._group = group
        self._free = deque(_rooms(buffer_bytes, slots))
        self._under_way: deque[tuple[torch.Tensor, Any]] = deque()

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Begins to send one message; waits for a free slot."""
        if not self._free:
            room, work = self._under_way[0]
            self._group.wait(work, timeout_s, "was not taken")
            self._under_way.popleft()
            self._free.append(room)
        room = self._free.popleft()
        memory, end = room.numpy().data, 0
        for part in parts:
            begin, end = end, end + len(part)
            memory[begin:end] = part
        self._under_way.append((room, self._group.send(room[:end])))

    def get(self, timeout_s: float) -> memoryview:
        raise AssertionError("the receiving half is a GlooReceiver")

    def close(self) -> None:
        """Wakes both ends. Messages under way are lost."""
        self._group.close()


class GlooReceiver:
    """The receiving end. ``slots`` buffers of ``buffer_bytes`` are posted, and one more holds the
    message that the caller reads."""

    def __init__(self, group: GlooGroup, buffer_bytes: int, slots: int) -> None:
        self._group = group
        self._read, *waiting = _rooms(buffer_bytes, slots + 1)
        self._posted = deque((room, group.recv(room)) for room in waiting)

    def get(self, timeout_s: float) -> memoryview:
        """Waits for the next message. Old bytes may follow behind its end."""
        self._posted.append((self._read, self._group.recv(self._read)))
        self._read, work = self._posted.popleft()
        self._group.wait(work, timeout_s, "did not come")
        message: memoryview = self._read.numpy().data
        return message

    def put(self, parts: Parts, timeout_s: float) -> None:
        raise AssertionError("the sending half is a GlooSender")

    def close(self) -> None:
        """Wakes both ends."""
        self._group.close()


def _rooms(buffer_bytes: int, count: int) -> list[torch.Tensor]:
    return [torch.empty(buffer_bytes, dtype=torch.uint8) for _ in range(count)]
