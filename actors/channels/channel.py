"""The two ends of a channel, whatever moves the bytes below them."""

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
    """Moves bytes one way between two stages, in order.

    How many are on their way at most is the kind's: shared memory and gloo have a few slots, actor
    calls leave it to those who send (``StreamSender``).

    Both calls raise ``ChannelTimeout`` when ``timeout_s`` is over and ``ChannelClosed`` when the
    channel was closed or the other end is known to be gone.
    """

    def put(self, parts: Parts, timeout_s: float) -> None:
        """Hands over a copy of one message; where the kind has slots, waits for a free one."""
        ...

    def get(self, timeout_s: float) -> bytes | memoryview:
        """The next message, to be read before the next call; waits for it. Behind its end, which
        its header tells, there may be anything."""
        ...

    def close(self) -> None:
        """Wakes whoever waits at this end; may be called from any thread, more than once."""
        ...


class DeviceTransport(Protocol):
    """Moves tensors one way from device to device, in order, beside a ``Transport`` that tells of
    each. Errors are the same."""

    def takes(self, tensor: torch.Tensor) -> bool:
        """Whether it is on the device."""
        ...

    def put(self, parts: Sequence[torch.Tensor], timeout_s: float) -> None:
        """Begins to send what travels of one tensor."""
        ...

    def get(
        self, shape: tuple[int, ...], dtype: torch.dtype, wire: WireFormat, timeout_s: float
    ) -> torch.Tensor:
        """The next tensor."""
        ...

    def close(self) -> None:
        """Wakes whoever waits; may be called from any thread, more than once."""
        ...


def _nothing_known() -> float | None:
    return None


class Sender:
    """The sending end of one direction of an edge; each message tells what ``copied_s`` gives, as
    ``Header.copied_s`` has it."""

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

    def give(self, device: ComputeDevice) -> Move:
        """How a tensor comes from the device to where this end takes it."""
        return device.give if self._device_transport is None else as_it_is

    def send(
        self,
        content: torch.Tensor | Packed | None,
        step: int,
        microbatch: int,
        mark: Mark = Mark.NONE,
    ) -> None:
        """Sends ``[rows, …]``, a tensor as it is; None tells the other end that the session ends,
        ``mark`` what the step ends with."""
        packed = pack(content) if isinstance(content, torch.Tensor) else content
        beside = None if packed is None else self._beside(packed)
        told, copied_s = (self._generation, step, microbatch), self.copied_s()
        parts = encode(*told, packed, mark, copied_s, is_beside=beside is not None)
        self._transport.put(parts, self._timeout_s)
        if packed is not None and beside is not None:
            beside.put(packed.parts, self._timeout_s)

    def close(self) -> None:
        self._transport.close()
        if self._device_transport is not None:
            self._device_transport.close()

    def _beside(self, packed: Packed) -> DeviceTransport | None:
        """What carries the body, where its message does not."""
        beside = self._device_transport
        return beside if beside is not None and beside.takes(packed.parts[0]) else None


class Receiver:
    """The receiving end of one direction of an edge; ``buffer`` is as in ``decode``, ``copied_s``
    what the last message told."""

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

    def recv(self, step: int, microbatch: int) -> Message:
        """The message of (step, microbatch); its tensor is None when the sender ended the session.

        Drops what an earlier generation left; raises ``StageFailure`` on any other message than
        the expected one.
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
        remaining_s = max(0.0, deadline - time.monotonic())
        data = self._transport.get(remaining_s)
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
