"""Messages by gloo, torch's own point-to-point: straight from process to process.

A message is copied once into room of its sender and once by ``decode``. gloo's own thread reads
from the one and writes into room that was given to it before the message came, so that messages
travel while both ends compute.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

from actors.channels.gloo_group import GlooGroup
from actors.channels.messages import Parts


class GlooSender:
    """The sending half: at most ``slots`` messages, of ``buffer_bytes`` each, are on their way that
    have no room yet at the other end."""

    def __init__(self, group: GlooGroup, buffer_bytes: int, slots: int) -> None:
        self._group = group
        self._free = deque(_rooms(buffer_bytes, slots))
        self._under_way: deque[tuple[torch.Tensor, Any]] = deque()

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Hands over one message; waits where none of the slots is free."""
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
        """Wakes both ends; what is on its way is lost."""
        self._group.close()


class GlooReceiver:
    """The receiving half: room for ``slots`` messages of ``buffer_bytes`` waits for them, and one
    more is read by who asked for it."""

    def __init__(self, group: GlooGroup, buffer_bytes: int, slots: int) -> None:
        self._group = group
        self._read, *waiting = _rooms(buffer_bytes, slots + 1)
        self._posted = deque((room, group.recv(room)) for room in waiting)

    def get(self, timeout_s: float) -> memoryview:
        """The next message, and behind its end what lay there before."""
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
