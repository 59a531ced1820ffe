"""Tensors by NCCL, from one CUDA device to another, without a copy in the host's memory.

NCCL must know a message's size before it comes, and its waits have no end. So a gloo channel
carries the headers, and NCCL carries only the bodies that they announce.
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
"""With these, ``Work.wait`` raises errors, so that only the stage fails. Otherwise a thread of
torch's would end the process."""
_SOON = timedelta(milliseconds=1)


class NcclGroup(PairGroup):
    """Rank 0 sends, rank 1 receives. Rank 0 puts NCCL's address into its store, with a random
    number that rank 1 must know to join. Rank 1 puts nothing there, so its ``introduction`` never
    returns."""

    def __init__(self, rank: int, device: ComputeDevice, edge: str, timeout_s: float) -> None:
        self._device = device
        super().__init__(rank, edge, timeout_s)

    def wait(self, work: Any, timeout_s: float, what: str) -> None:
        """Later work on the device's stream runs after it."""
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
        if self._is_closed:  # torch reports an aborted message as completed
            raise self._closed(ChannelClosed(self._edge))

    def _create(self) -> Any:
        os.environ.update(ENVIRONMENT)  # torch reads it here
        kind = _process_group(self._edge)
        options = kind.Options()
        options._timeout = timedelta(seconds=self._timeout_s)
        return kind(self._store, self._rank, 2, options)

    def _show_secrets(self) -> None:
        """Only rank 0 shows its secret. NCCL itself checks that rank 1 knows the number."""
        if self._rank == 0:
            secret = self._device.take(self._own_secret())
            self.wait(self.send(secret), self._timeout_s, "was not taken")
            return
        shown = self._device.own_buffer((SECRET_BYTES,), torch.uint8)
        self.wait(self.recv(shown), self._timeout_s, "did not come")
        self._check_secret(self._device.give(shown))

    def _disconnect(self) -> None:
        """Also aborts the transfers under way on the device."""
        if self._group is not None:
            self._group.abort()


class NcclTransport:
    """One end of a channel from device to device, with at most ``slots`` tensors under way."""

    def __init__(self, group: NcclGroup, device: ComputeDevice, slots: int) -> None:
        self._group = group
        self._device = device
        self._slots = slots
        self._under_way: deque[list[tuple[torch.Tensor, Any]]] = deque()

    def takes(self, tensor: torch.Tensor) -> bool:
        """True if the tensor is in the device's memory. One in the host's memory travels with its
        header."""
        return self._device.has(tensor)

    def put(self, parts: Sequence[torch.Tensor], timeout_s: float) -> None:
        """Waits while ``slots`` tensors are still under way."""
        if len(self._under_way) == self._slots:
            for _, work in self._under_way[0]:
                self._group.wait(work, timeout_s, "was not taken")
            self._under_way.popleft()
        self._under_way.append([(part, self._group.send(part)) for part in parts])

    def get(
        self, shape: tuple[int, ...], dtype: torch.dtype, wire: WireFormat, timeout_s: float
    ) -> torch.Tensor:
        """Waits until the tensor is on the device."""
        tensor = self._device.own_buffer(shape, dtype)
        parts = wire.room(tensor)
        for work in [self._group.recv(part) for part in parts]:
            self._group.wait(work, timeout_s, "did not come")
        wire.unpack(parts, tensor)
        return tensor

    def close(self) -> None:
        """Aborts the transfers under way at both ends."""
        self._group.close()


def _process_group(edge: str) -> Any:
    if not torch.distributed.is_nccl_available():
        raise ChannelClosed(f"{edge}: this PyTorch was built without NCCL")
    return torch.distributed.ProcessGroupNCCL
