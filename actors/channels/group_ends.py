"""The ends of a channel that is a process group of two: gloo, and NCCL beside it if both sides
compute on CUDA.

If torch was built without gloo, this module can't be imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ray

from actors.channels.channel import DeviceTransport, Transport
from actors.channels.edge_ends import ChannelKind, EdgeSpec
from actors.channels.gloo import GlooReceiver, GlooSender
from actors.channels.gloo_group import GlooGroup
from actors.channels.nccl import NcclGroup, NcclTransport
from actors.channels.pair_group import Introduction
from actors.core.errors import ChannelClosed
from actors.core.stages.compute_device import ComputeDevice


@dataclass(frozen=True)
class Opened:
    """What the reader needs from the writer. ``nccl`` is None if the channel is gloo alone."""

    gloo: Introduction
    nccl: Introduction | None


class GroupEnds:
    """The sending end (``rank`` 0) or the receiving end (1)."""

    def __init__(self, rank: int, edge: EdgeSpec, device: ComputeDevice) -> None:
        """Listens only at the address by which Ray knows this node. Raises ``ChannelClosed`` if the
        kind is NCCL and the device has none."""
        by_nccl = edge.kind is ChannelKind.NCCL
        if by_nccl and not device.has_nccl:
            raise ChannelClosed(f"{edge.name}: NCCL joins CUDA devices, and this is {device.name}")
        self._edge, self._device = edge, device
        timeout_s = edge.open_timeout_s
        self._gloo = GlooGroup(rank, ray.util.get_node_ip_address(), edge.name, timeout_s)
        self._nccl = NcclGroup(rank, device, edge.name, timeout_s) if by_nccl else None

    def open(self) -> Opened:
        """The writer's first half of connecting."""
        try:
            nccl = None if self._nccl is None else self._nccl.introduction()
            return Opened(self._gloo.introduction(), nccl)
        except BaseException:
            self.close()
            raise

    def meet_reader(self, reader: Introduction) -> None:
        """The writer's second half. Waits until both ends are connected."""
        self._gloo.meet(reader)
        self._ready()

    def meet_writer(self, opened: Opened, writer: Any) -> None:
        """The reader's half. ``writer`` is the LayerActor at the other end."""
        try:
            self._gloo.meet(opened.gloo)
            if self._nccl is not None and opened.nccl is not None:
                self._nccl.meet(opened.nccl)
            met = writer.meet_reader.remote(self._edge.direction, self._gloo.introduction())
            self._ready()
            ray.get(met, timeout=2 * self._edge.open_timeout_s)
        except BaseException:
            self.close()
            raise

    def sender(self) -> Transport:
        """The transport of messages at the sending end."""
        return GlooSender(self._gloo, self._edge.buffer_bytes, self._edge.slots)

    def receiver(self) -> Transport:
        """The transport of messages at the receiving end. Both ends must be connected."""
        return GlooReceiver(self._gloo, self._edge.buffer_bytes, self._edge.slots)

    def beside(self) -> DeviceTransport | None:
        """The transport of tensors from device to device; None if the channel is gloo alone."""
        if self._nccl is None:
            return None
        return NcclTransport(self._nccl, self._device, self._edge.slots)

    def close(self) -> None:
        """Wakes any thread that waits."""
        self._gloo.close()
        if self._nccl is not None:
            self._nccl.close()

    def _ready(self) -> None:
        self._gloo.ready()
        if self._nccl is not None:
            self._nccl.ready()
