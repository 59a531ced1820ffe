"""Tensors by NCCL, from one CUDA device to another, without the host's memory between them.

NCCL wants to know how large a message is before it comes, and keeps nobody from waiting for ever.
So a channel by gloo carries the headers, and here is only what they tell of.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed

from actors.channels.pair_group import SECRET_BYTES, PairGroup
from actors.channels.polling import pause
from actors.core.errors import ChannelClosed
from actors.core.recipe.wire_format import WireFormat
from actors.core.stages.compute_device import ComputeDevice

ENVIRONMENT = {
    "TORCH_NCCL_BLOCKING_WAIT": "1",
    "TORCH_NCCL_ASYNC_ERROR_HANDLING": "0",
    "TORCH_NCCL_ENABLE_MONITORING": "0",
}
"""A ``Work.wait`` raises what went wrong, and no thread of torch's ends the process for it: the
stage is to fail instead."""
_SOON = timedelta(milliseconds=1)


class NcclGroup(PairGroup):
    """Rank 0 tells its store where NCCL listens, with a random number that whoever joins has to
    know; rank 1 tells nothing, so its ``introduction`` never comes. All goes from 0 to 1."""

    def __init__(self, rank: int, device: ComputeDevice, edge: str, timeout_s: float) -> None:
        self._device = device
        super().__init__(rank, edge, timeout_s)

    def wait(self, work: Any, timeout_s: float, what: str) -> None:
        """What the device is told next comes behind it."""
        begin = time.monotonic()
        try:
            while not work.is_completed():
                waited_s = time.monotonic() - begin
                if waited_s >= timeout_s:
                    raise self._timed_out(what, timeout_s)
                pause(waited_s)
            work.wait(_SOON)
        except RuntimeError as error:
            raise self._closed(error) from error
        if self._is_closed:  # a message that was broken off counts as completed
            raise self._closed(ChannelClosed(self._edge))

    def _create(self) -> Any:
        os.environ.update(ENVIRONMENT)  # torch reads it here
        kind = _process_group(self._edge)
        options = kind.Options()
        options._timeout = timedelta(seconds=self._timeout_s)
        return kind(self._store, self._rank, 2, options)

    def _show_secrets(self) -> None:
        """Of rank 0 only: it opens the connection, and NCCL asks the other one for the number."""
        if self._rank == 0:
            secret = self._device.take(self._own_secret())
            self.wait(self.send(secret), self._timeout_s, "was not taken")
            return
        shown = self._device.own_buffer((SECRET_BYTES,), torch.uint8)
        self.wait(self.recv(shown), self._timeout_s, "did not come")
        self._check_secret(self._device.give(shown))

    def _disconnect(self) -> None:
        """Ends what is under way on the device, too."""
        if self._group is not None:
            self._group.abort()


class NcclTransport:
    """One end of what goes from device to device; at most ``slots`` tensors are under way."""

    def __init__(self, group: NcclGroup, device: ComputeDevice, slots: int) -> None:
        self._group = group
        self._device = device
        self._slots = slots
        self._under_way: deque[list[tuple[torch.Tensor, Any]]] = deque()

    def takes(self, tensor: torch.Tensor) -> bool:
        """Of the device's memory only: what is in the host's goes with its header."""
        return self._device.has(tensor)

    def put(self, parts: Sequence[torch.Tensor], timeout_s: float) -> None:
        """Waits where ``slots`` tensors have not been taken yet."""
        if len(self._under_way) == self._slots:
            for _, work in self._under_way[0]:
                self._group.wait(work, timeout_s, "was not taken")
            self._under_way.popleft()
        self._under_way.append([(part, self._group.send(part)) for part in parts])

    def get(
        self, shape: tuple[int, ...], dtype: torch.dtype, wire: WireFormat, timeout_s: float
    ) -> torch.Tensor:
        """Waits until it is on the device."""
        tensor = self._device.own_buffer(shape, dtype)
        parts = wire.room(tensor)
        for work in [self._group.recv(part) for part in parts]:
            self._group.wait(work, timeout_s, "did not come")
        wire.unpack(parts, tensor)
        return tensor

    def close(self) -> None:
        """Ends what is under way at either end."""
        self._group.close()


def _process_group(edge: str) -> Any:
    if not torch.distributed.is_nccl_available():
        raise ChannelClosed(f"{edge}: this PyTorch was built without NCCL")
    return torch.distributed.ProcessGroupNCCL
