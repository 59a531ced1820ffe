"""The channels between a group's neighbouring stages: of which kind, and how they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import ray

from actors.channels.edge_ends import DIRECTIONS, ChannelKind, EdgeSpec
from actors.channels.messages import message_bytes
from actors.core.model.blocks import state_names
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.stages.compute_device import CPU
from actors.core.stages.specs import SessionSpec
from orchestrator.errors import StageFailure
from orchestrator.planning.memory_model import SLOTS
from orchestrator.sessions.recovery.group_failure import cause_text
from orchestrator.sessions.stage_group import StageGroup

OBJECT_STORE = "object_store"
"""The setting that takes nothing but Ray's own ways."""
OPEN_TIMEOUT_S = 2.0
"""For a direct connection if another kind of channel is left to try: a process that is not let in
gets no answer."""
LAST_OPEN_TIMEOUT_S = 15.0
"""If no other kind is left to try, a busy host gets its full time."""


def connect(
    group: StageGroup,
    session: SessionSpec,
    setting: str,
    timeout_s: float,
    tried: Sequence[str | None] | None = None,
) -> list[str]:
    """Opens the channels of every edge; returns each edge's kind, starting at stage 0.

    ``setting`` is ``auto``, ``object_store`` or one kind for every edge. ``tried`` has, by edge,
    the best kind of a trial. Raises ``StageFailure`` if no kind works, ``DeviceStartFailed`` if a
    device is lost in the meantime.
    """
    best = tried or [None] * (len(group.actors) - 1)
    return [
        _connect_edge(group, i, session, kinds_of_edge(group, i, setting, kind), timeout_s).value
        for i, kind in enumerate(best)
    ]


def kinds_of_edge(
    group: StageGroup, edge: int, setting: str, best: str | None = None
) -> list[ChannelKind]:
    """The kinds of channel that an edge may have, the best first."""
    ends = group.placements[edge : edge + 2]
    same_node = len({p.resolved.node.node_id for p in ends}) == 1
    hosts = [group.hosts.get(p.device.device_id) for p in ends]
    accelerated = all(host is not None and host.device != CPU.name for host in hosts)
    kinds = channel_kinds(setting, same_node, accelerated)
    return sorted(kinds, key=lambda kind: kind.value != best)


def channel_kinds(setting: str, same_node: bool, accelerated: bool) -> list[ChannelKind]:
    """The kinds to try for an edge, in this order unless a trial has found a better one.

    NCCL is for two accelerators; those that are not CUDA's refuse it when it is opened.
    Shared memory is only for one Ray node unless it is asked for: across nodes Ray spins a thread
    for every channel (``docs/decisions/0003-actor-calls-across-nodes.md``).
    """
    if setting == OBJECT_STORE:
        return [ChannelKind.SHARED_MEMORY if same_node else ChannelKind.ACTOR_CALLS]
    if setting != "auto":
        return [ChannelKind(setting)]
    kinds = [ChannelKind.NCCL] if accelerated else []
    kinds += [ChannelKind.SHARED_MEMORY] if same_node else []
    return [*kinds, ChannelKind.GLOO, ChannelKind.ACTOR_CALLS]


def open_trial(
    group: StageGroup, edge: int, kind: ChannelKind, num_bytes: int, timeout_s: float
) -> None:
    """Channels both ways for messages of that size, until the actors' ``end_trial``."""
    for direction in DIRECTIONS:
        name = f"trial between stages {edge} and {edge + 1} ({direction})"
        spec = EdgeSpec(name, direction, kind, num_bytes, SLOTS, 0, timeout_s, OPEN_TIMEOUT_S)
        _open(group, edge, spec, timeout_s)


def _connect_edge(
    group: StageGroup,
    edge: int,
    session: SessionSpec,
    kinds: Sequence[ChannelKind],
    timeout_s: float,
) -> ChannelKind:
    for kind in kinds:
        open_timeout_s = LAST_OPEN_TIMEOUT_S if kind is kinds[-1] else OPEN_TIMEOUT_S
        try:
            for direction in DIRECTIONS:
                spec = _edge_spec(group, edge, direction, kind, session)
                spec = replace(spec, open_timeout_s=open_timeout_s)
                _open(group, edge, spec, timeout_s)
            return kind
        except ray.exceptions.RayError as error:
            last_error = error
    between = f"{group.placements[edge].label} and {group.placements[edge + 1].label}"
    raise StageFailure(f"No channel between {between}: {cause_text(last_error)}")


def _edge_spec(
    group: StageGroup, edge: int, direction: str, kind: ChannelKind, session: SessionSpec
) -> EdgeSpec:
    writer, reader = _ends(edge, direction)
    spec = group.placements[edge].spec
    own = message_bytes(session.max_rows, spec.outputs, session.recipe.wire)
    room = max(own, norms_bytes(spec.model, spec.end))
    return EdgeSpec(
        name=f"stage {writer} -> stage {reader} ({direction})",
        direction=direction,
        kind=kind,
        buffer_bytes=room,
        slots=SLOTS,
        generation=session.generation,
        timeout_s=session.channel_timeout_s,
        open_timeout_s=OPEN_TIMEOUT_S,
    )


def norms_bytes(model: ModelSpec, end: int) -> int:
    """Room for the norms of the gradients of blocks ``[0, end)``, when they are clipped."""
    num_tensors = sum(len(state_names(model, block)) for block in range(end))
    return message_bytes(num_tensors, TensorSpec(()))


def _open(group: StageGroup, edge: int, spec: EdgeSpec, timeout_s: float) -> None:
    """One after the other, never two at once: opening across nodes calls the reader."""
    writer, reader = _ends(edge, spec.direction)
    node_id = group.placements[reader].resolved.node.node_id
    sends, receives = group.actors[writer], group.actors[reader]
    opened = sends.connect_out.remote(spec, receives, reader, node_id)
    group.get(receives.connect_in.remote(spec, sends, opened), timeout_s)


def _ends(edge: int, direction: str) -> tuple[int, int]:
    """Writer and reader."""
    return (edge, edge + 1) if direction == "forward" else (edge + 1, edge)
