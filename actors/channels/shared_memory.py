"""Messages through Ray's mutable shared-memory objects. Only this module uses them.

``ray.experimental.channel`` is alpha. So the Ray version is pinned, every wait has a timeout, and
``actor_calls`` takes over if this does not work. ``docs/data_plane.md`` lists its pitfalls.
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
"""A reader spins this long before it polls with pauses."""
OVERHEAD_BYTES = 2048
"""Space for Ray's own metadata in a buffer. A message larger than its buffer would leak it."""


def open_slots(reader: Any, reader_node_id: str, buffer_bytes: int, slots: int) -> list[Channel]:
    """Makes the channel's buffers. The writer's actor calls it.

    Across nodes this calls the reader, so two actors must not call it for each other at once.
    """
    writer = ray.get_runtime_context().current_actor
    size = buffer_bytes + OVERHEAD_BYTES
    return [Channel(writer, [(reader, reader_node_id)], size) for _ in range(slots)]


class SharedMemoryTransport:
    """One direction of an edge over ``slots`` mutable objects, used in turn.

    A mutable object holds one message at a time. Several slots let a sender run ahead.
    """

    def __init__(self, slots: list[Channel], edge: str) -> None:
        self._slots = slots
        self._edge = edge
        self._next = 0

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Waits until the slot's previous message has been read. Then it returns at once."""
        try:
            self._take_slot().write(b"".join(parts), timeout=timeout_s)
        except RayChannelTimeoutError as error:
            raise ChannelTimeout(
                f"{self._edge}: a message was not taken within {timeout_s:.1f} s"
            ) from error
        except (RayChannelError, OSError) as error:
            raise ChannelClosed(f"{self._edge}: the channel was closed") from error

    def get(self, timeout_s: float) -> bytes:
        """Waits for the next message. Spins briefly, then polls, so that a long wait leaves the
        core to others."""
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
