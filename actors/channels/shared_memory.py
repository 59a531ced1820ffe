"""Messages through Ray's mutable shared-memory objects; the only module that touches them.

``ray.experimental.channel`` is alpha: the Ray version is pinned, every wait has a timeout, and
``actor_calls`` takes over where this does not work. What bites is in ``docs/data_plane.md``.
"""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.exceptions import RayChannelError, RayChannelTimeoutError
from ray.experimental.channel.shared_memory_channel import Channel

from actors.channels.messages import Parts
from actors.channels.polling import pause
from actors.core.errors import ChannelClosed, ChannelTimeout

SPIN_S = 0.002
"""So long a reader spins before it looks now and then."""
OVERHEAD_BYTES = 2048
"""Room for Ray's own metadata in a buffer; a message that outgrew it would leak the old buffer."""


def open_slots(reader: Any, reader_node_id: str, buffer_bytes: int, slots: int) -> list[Channel]:
    """Makes the channel's buffers; called in the writer's actor.

    Across nodes this calls the reader, so two actors must not do it to each other at once.
    """
    writer = ray.get_runtime_context().current_actor
    size = buffer_bytes + OVERHEAD_BYTES
    return [Channel(writer, [(reader, reader_node_id)], size) for _ in range(slots)]


class SharedMemoryTransport:
    """One direction of an edge over ``slots`` mutable objects, used in turn.

    A mutable object holds one message at a time, so the slots are what lets a sender run ahead.
    """

    def __init__(self, slots: list[Channel], edge: str) -> None:
        self._slots = slots
        self._edge = edge
        self._next = 0

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Waits until the slot's previous message has been read; none waits for the next."""
        try:
            self._take_slot().write(b"".join(parts), timeout=timeout_s)
        except RayChannelTimeoutError as error:
            raise ChannelTimeout(
                f"{self._edge}: a message was not taken within {timeout_s:.1f} s"
            ) from error
        except (RayChannelError, OSError) as error:
            raise ChannelClosed(f"{self._edge}: the channel was closed") from error

    def get(self, timeout_s: float) -> bytes:
        """Spins briefly, then polls, so that a long wait leaves the core to others."""
        slot = self._take_slot()
        begin = time.monotonic()
        deadline = begin + timeout_s
        wait_s = min(SPIN_S, timeout_s)
        while True:
            try:
                value = slot.read(timeout=wait_s)
                break
            except RayChannelTimeoutError as error:
                now = time.monotonic()
                if now >= deadline:
                    raise ChannelTimeout(
                        f"{self._edge}: a message did not come within {timeout_s:.1f} s"
                    ) from error
            except (RayChannelError, OSError) as error:
                raise ChannelClosed(f"{self._edge}: the channel was closed") from error
            wait_s = 0.0
            pause(now - begin)
        # A read may return the exception instead of raising it.
        if not isinstance(value, bytes):
            raise ChannelClosed(f"{self._edge}: the channel was closed ({value!r})")
        return value

    def close(self) -> None:
        """Wakes both ends."""
        for slot in self._slots:
            slot.close()

    def _take_slot(self) -> Channel:
        slot = self._slots[self._next % len(self._slots)]
        self._next += 1
        return slot
