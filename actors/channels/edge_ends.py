"""Opens the ends of a stage's channels, each of the kind that was chosen for its edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from actors.channels.actor_calls import StreamReceiver, StreamSender
from actors.channels.channel import DeviceTransport, Receiver, Sender, Transport
from actors.channels.shared_memory import SharedMemoryTransport, open_slots
from actors.core.stages.compute_device import CPU, ComputeDevice

if TYPE_CHECKING:
    # Some builds of torch have no gloo. They use the other kinds.
    from actors.channels.group_ends import GroupEnds
    from actors.channels.pair_group import Introduction

DIRECTIONS = ("forward", "backward")


class ChannelKind(str, Enum):
    """The mechanism that moves the bytes of an edge."""

    NCCL = "nccl"
    SHARED_MEMORY = "shared_memory"
    GLOO = "gloo"
    ACTOR_CALLS = "actor_calls"


@dataclass(frozen=True)
class EdgeSpec:
    """One direction between two neighbouring stages, such as ``stage 0 -> stage 1 (forward)``.

    ``timeout_s`` is the limit for a message. ``open_timeout_s`` is the limit for connecting the two
    processes, if the kind does that.
    """

    name: str
    direction: str
    kind: ChannelKind
    buffer_bytes: int
    slots: int
    generation: int
    timeout_s: float
    open_timeout_s: float


class EdgeEnds:
    """One stage's senders and receivers, by direction. The stage computes on ``device``.

    To open a channel, call the writer's ``open_out``, then the reader's ``open_in``. With gloo and
    NCCL each side needs the other's address, so ``open_in`` also calls the writer's
    ``meet_reader``.
    """

    def __init__(self, device: ComputeDevice = CPU) -> None:
        self.senders: dict[str, Sender] = {}
        self.receivers: dict[str, Receiver] = {}
        self._device = device
        self._streams: dict[str, StreamSender] = {}
        self._groups: dict[str, GroupEnds] = {}

    def open_out(self, edge: EdgeSpec, reader: Any, reader_node_id: str) -> Any:
        """Opens the sending end. Returns the argument for the reader's ``open_in``."""
        transport: Transport
        opened: Any
        beside: DeviceTransport | None = None
        if edge.kind is ChannelKind.SHARED_MEMORY:
            opened = open_slots(reader, reader_node_id, edge.buffer_bytes, edge.slots)
            transport = SharedMemoryTransport(opened, edge.name)
        elif edge.kind is ChannelKind.ACTOR_CALLS:
            transport = self._streams[edge.direction] = StreamSender(edge.name)
            opened = transport.stream_id
        else:
            group = self._groups[edge.direction] = _group(0, edge, self._device)
            opened = group.open()
            transport, beside = group.sender(), group.beside()
        if edge.direction in self.senders:  # of an earlier session
            self.senders[edge.direction].close()
        self.senders[edge.direction] = Sender(transport, edge.generation, edge.timeout_s, beside)
        return opened

    def open_in(self, edge: EdgeSpec, writer: Any, opened: Any) -> None:
        """Opens the receiving end. ``writer`` is the LayerActor whose ``open_out`` gave
        ``opened``."""
        transport: Transport
        beside: DeviceTransport | None = None
        if edge.kind is ChannelKind.SHARED_MEMORY:
            transport = SharedMemoryTransport(opened, edge.name)
        elif edge.kind is ChannelKind.ACTOR_CALLS:
            method = getattr(writer, f"stream_{edge.direction}")
            transport = StreamReceiver(method, opened, edge.name)
        else:
            group = _group(1, edge, self._device)
            group.meet_writer(opened, writer)
            transport, beside = group.receiver(), group.beside()
        if edge.direction in self.receivers:  # of an earlier session
            self.receivers[edge.direction].close()
        self.receivers[edge.direction] = Receiver(
            transport, edge.generation, edge.timeout_s, self._device.host_buffer, beside
        )

    def meet_reader(self, direction: str, reader: Introduction) -> None:
        """The reader calls this for gloo or NCCL. Waits until both ends are connected."""
        self._groups[direction].meet_reader(reader)

    def stream(self, direction: str, stream_id: str) -> Iterator[bytes]:
        """Yields the results of a channel by actor calls. Yields nothing if a newer channel has
        taken its place."""
        sender = self._streams.get(direction)
        if sender is not None and sender.stream_id == stream_id:
            yield from sender.results()

    def traffic(self) -> tuple[int, int]:
        """Bytes sent and received by the present channels; from any thread."""
        sent = sum(sender.num_bytes for sender in list(self.senders.values()))
        return sent, sum(receiver.num_bytes for receiver in list(self.receivers.values()))

    def close(self) -> None:
        """Wakes any thread that waits at one of them. Any thread may call it."""
        for sender in list(self.senders.values()):
            sender.close()
        for receiver in list(self.receivers.values()):
            receiver.close()

    def forget(self) -> None:
        """Closes all ends and drops them."""
        self.close()
        self.senders.clear()
        self.receivers.clear()
        self._streams.clear()
        self._groups.clear()


def _group(rank: int, edge: EdgeSpec, device: ComputeDevice) -> GroupEnds:
    from actors.channels.group_ends import GroupEnds

    return GroupEnds(rank, edge, device)
