"""The Ray actor that hosts one stage; a plain class, wrapped late.

It trains in its default concurrency group and answers in others while it does: ``control`` for
polls and stops, one more for each direction of mail.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import ray
import torch

from actors.channels.actor_calls import ActorCallSender
from actors.channels.channel import Receiver, Sender, Transport
from actors.channels.mailbox import Mailbox
from actors.channels.shared_memory import SharedMemoryTransport, open_slots
from actors.core.specs import SessionSpec, StageSpec
from actors.core.stage import Stage, Weights
from actors.host_kind import HostKind, this_host
from actors.reports import StageReport
from actors.stage_io import StageData, StageLinks
from actors.stage_loop import StageLoop

CONCURRENCY_GROUPS = {"control": 2, "forward_mail": 1, "backward_mail": 1}
DIRECTIONS = ("forward", "backward")

# The arrays are shared with other processes; they are only ever read.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


class ChannelKind(str, Enum):
    """What moves the bytes of an edge."""

    SHARED_MEMORY = "shared_memory"
    ACTOR_CALLS = "actor_calls"


@dataclass(frozen=True)
class EdgeSpec:
    """One direction between two neighbouring stages, e.g. ``stage 0 -> stage 1 (forward)``."""

    name: str
    direction: str
    kind: ChannelKind
    buffer_bytes: int
    slots: int
    generation: int
    timeout_s: float


class LayerActor:
    """Hosts a stage for one session: build, connect, run, and give the weights back."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._loop: StageLoop | None = None
        self._mailboxes: dict[str, Mailbox] = {}
        self._senders: dict[str, Sender] = {}
        self._receivers: dict[str, Receiver] = {}
        self._stop_requested = False

    def build(self, spec: StageSpec, weights: Weights | None) -> HostKind:
        """Builds the stage; returns by what it was built."""
        self._stage = Stage(spec, weights)
        return this_host()

    def connect_out(self, edge: EdgeSpec, reader: Any, reader_node_id: str) -> Any:
        """Opens the sending end; returns what the reader's ``connect_in`` wants."""
        transport: Transport
        opened = None
        if edge.kind is ChannelKind.SHARED_MEMORY:
            opened = open_slots(reader, reader_node_id, edge.buffer_bytes, edge.slots)
            transport = SharedMemoryTransport(opened, edge.name)
        else:
            deliver = getattr(reader, f"deliver_{edge.direction}")
            transport = ActorCallSender(deliver, edge.slots, edge.name)
        self._senders[edge.direction] = Sender(transport, edge.generation, edge.timeout_s)
        return opened

    def connect_in(self, edge: EdgeSpec, opened: Any) -> None:
        """Opens the receiving end."""
        transport: Transport
        if edge.kind is ChannelKind.SHARED_MEMORY:
            transport = SharedMemoryTransport(opened, edge.name)
        else:
            transport = self._mailboxes[edge.direction] = Mailbox(edge.slots, edge.name)
        self._receivers[edge.direction] = Receiver(transport, edge.generation, edge.timeout_s)

    def run(
        self,
        session: SessionSpec,
        train_images: np.ndarray | None,
        train_labels: np.ndarray | None,
        val_images: np.ndarray | None,
        val_labels: np.ndarray | None,
    ) -> bool:
        """Trains; True when all epochs are done, False when stopped before."""
        assert self._stage is not None, "build comes first"
        arrays = (train_images, train_labels, val_images, val_labels)
        data = StageData(*(None if a is None else torch.from_numpy(a) for a in arrays))
        self._loop = StageLoop(self._stage, session, data, self._links())
        if self._stop_requested:
            self._loop.stop.set()
        return self._loop.run()

    def weights(self) -> Weights:
        """The stage's parameters; between sessions only."""
        assert self._stage is not None, "build comes first"
        return self._stage.weights()

    @ray.method(concurrency_group="control")
    def poll(self) -> StageReport | None:
        """The session so far; None before it runs. Also the heartbeat."""
        return None if self._loop is None else self._loop.board.snapshot()

    @ray.method(concurrency_group="control")
    def stop(self) -> None:
        """Ends the session at the next step; stage 0 passes it on to the others."""
        self._stop_requested = True
        if self._loop is not None:
            self._loop.stop.set()

    @ray.method(concurrency_group="control")
    def abort(self) -> None:
        """Closes all channels, which wakes and fails whoever waits at one."""
        self._links().close()

    @ray.method(concurrency_group="forward_mail")
    def deliver_forward(self, data: bytes, timeout_s: float) -> None:
        """A neighbour's forward message by actor call."""
        self._mailboxes["forward"].put(data, timeout_s)

    @ray.method(concurrency_group="backward_mail")
    def deliver_backward(self, data: bytes, timeout_s: float) -> None:
        """A neighbour's backward message by actor call."""
        self._mailboxes["backward"].put(data, timeout_s)

    def _links(self) -> StageLinks:
        return StageLinks(
            forward_in=self._receivers.get("forward"),
            forward_out=self._senders.get("forward"),
            backward_in=self._receivers.get("backward"),
            backward_out=self._senders.get("backward"),
        )
