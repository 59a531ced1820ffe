"""The two ends of a channel. A ``Transport`` below them moves the bytes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from actors.channels.messages import Buffer, Message, Parts, decode, encode, host_memory
from actors.core.errors import StageFailure
from actors.core.progress.snapshots import Mark
from actors.core.recipe.wire_format import Move, Packed, WireFormat, as_it_is, pack
from actors.core.stages.compute_device import ComputeDevice


class Transport(Protocol):
    """Moves bytes in one direction between two stages, in order.

    Each kind limits the messages under way by itself: shared memory and gloo have a few slots, and
    with actor calls the caller limits them (``StreamSender``).

    ``put`` and ``get`` raise ``ChannelTimeout`` after ``timeout_s``, and ``ChannelClosed`` if the
    channel was closed or the other end is known to be gone.
    """

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Copies one message and sends it. Waits for a free slot if the kind has slots."""
        ...

    def get(self, timeout_s: float) -> bytes | memoryview:
        """Waits for the next message. It is valid until the next call. The result may be longer
        than the message; the message's header says where it ends."""
        ...

    def close(self) -> None:
        """Wakes any thread that waits at this end. Any thread may call it, more than once."""
        ...


class DeviceTransport(Protocol):
    """Moves tensors in one direction from device to device, in order. A ``Transport`` beside it
    announces each of them. Raises the same errors as ``Transport``."""

    def takes(self, tensor: torch.Tensor) -> bool:
        """Whether it is on the device."""
        ...

    def put(self, parts: Sequence[torch.Tensor], timeout_s: float) -> None:
        """Begins to send the parts of one tensor."""
        ...

    def get(
        self, shape: tuple[int, ...], dtype: torch.dtype, wire: WireFormat, timeout_s: float
    ) -> torch.Tensor:
        """The next tensor."""
        ...

    def close(self) -> None:
        """Wakes any thread that waits. Any thread may call it, more than once."""
        ...


def _nothing_known() -> float | None:
    return None


class Sender:
    """The sending end of one direction of an edge. Each message carries the result of ``copied_s``
    as ``Header.copied_s``."""

    def __init__(
        self,
        transport: Transport,
        generation: int,
        timeout_s: float,
        device_transport: DeviceTransport | None = None,
    ) -> None:
        self._transport = transport
        self._device_transport = device_transport
        self._generation = generation
        self._timeout_s = timeout_s
        self.copied_s: Callable[[], float | None] = _nothing_known
        self.num_bytes = 0
        """Sent so far."""

    def give(self, device: ComputeDevice) -> Move:
        """How a tensor gets from the device to the memory that ``send`` takes it from."""
        return device.give if self._device_transport is None else as_it_is

    def send(
        self,
        content: torch.Tensor | Packed | None,
        step: int,
        microbatch: int,
        mark: Mark = Mark.NONE,
    ) -> None:
        """Sends ``[rows, …]``; a tensor is sent in its own precision. None tells the receiver that
        the session ends; ``mark`` tells it what the step ends with."""
        packed = pack(content) if isinstance(content, torch.Tensor) else content
        beside = None if packed is None else self._beside(packed)
        told, copied_s = (self._generation, step, microbatch), self.copied_s()
        parts = encode(*told, packed, mark, copied_s, is_beside=beside is not None)
        self._transport.put(parts, self._timeout_s)
        self.num_bytes += sum(map(len, parts))
        if packed is not None and beside is not None:
            beside.put(packed.parts, self._timeout_s)
            self.num_bytes += sum(part.nbytes for part in packed.parts)

    def close(self) -> None:
        self._transport.close()
        if self._device_transport is not None:
            self._device_transport.close()

    def _beside(self, packed: Packed) -> DeviceTransport | None:
        """The transport that carries the body, if the message itself does not."""
        beside = self._device_transport
        return beside if beside is not None and beside.takes(packed.parts[0]) else None


class Receiver:
    """The receiving end of one direction of an edge. ``buffer`` is as in ``decode``; ``copied_s``
    comes from the last message."""

    def __init__(
        self,
        transport: Transport,
        generation: int,
        timeout_s: float,
        buffer: Buffer = host_memory,
        device_transport: DeviceTransport | None = None,
    ) -> None:
        self._transport = transport
        self._device_transport = device_transport
        self._generation = generation
        self._timeout_s = timeout_s
        self._buffer = buffer
        self.copied_s: float | None = None
        self.num_bytes = 0
        """Received so far."""
        self.taking_s = 0.0
        """Seconds for what had come: without the waiting for it."""

    def recv(self, step: int, microbatch: int) -> Message:
        """Waits for the message of (step, microbatch). Its tensor is None if the sender ended the
        session.

        Drops messages of earlier generations. Raises ``StageFailure`` if another message comes.
        """
        deadline = time.monotonic() + self._timeout_s
        while True:
            message = self._next(deadline)
            if message.header.generation >= self._generation:
                break
        self._check(message, step, microbatch)
        self.copied_s = message.header.copied_s
        return message

    def close(self) -> None:
        self._transport.close()
        if self._device_transport is not None:
            self._device_transport.close()

    def _next(self, deadline: float) -> Message:
        data = self._transport.get(max(0.0, deadline - time.monotonic()))
        begin = time.perf_counter()
        message = self._decoded(data, deadline)
        self.taking_s += time.perf_counter() - begin
        self.num_bytes += message.num_bytes
        return message

    def _decoded(self, data: bytes | memoryview, deadline: float) -> Message:
        if self._device_transport is None:
            return decode(data, self._buffer)
        remaining_s = max(0.0, deadline - time.monotonic())
        from_device = functools.partial(self._device_transport.get, timeout_s=remaining_s)
        return decode(data, self._buffer, from_device)

    def _check(self, message: Message, step: int, microbatch: int) -> None:
        header = message.header
        expected = (self._generation, step, microbatch)
        got = (header.generation, header.step, header.microbatch)
        if message.tensor is None and got[:2] == expected[:2]:
            return
        if got != expected:
            raise StageFailure(
                f"expected (generation, step, microbatch) {expected}, but the channel gave {got}"
            )
