"""The LayerActors of one session: started, connected and ended together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.channels.messages import message_bytes
from actors.core.specs import SessionSpec, StageSpec
from actors.core.stage import Weights
from actors.core.version import __version__
from actors.host_kind import HostKind
from actors.layer_actor import CONCURRENCY_GROUPS, ChannelKind, EdgeSpec, LayerActor
from orchestrator.datasets import StoredDataset
from orchestrator.errors import DeviceStartFailed, StageFailure, VersionMismatch
from orchestrator.job import Device
from orchestrator.placement import ResolvedDevice

# Its types leave out the decorator's options.
_remote: Any = ray.remote

SLOTS = 2
"""Messages on the way in one direction of an edge: one read while the next is written."""


@dataclass(frozen=True)
class StagePlacement:
    """One stage: what it computes, for which registered device, on which node."""

    spec: StageSpec
    device: Device
    resolved: ResolvedDevice

    @property
    def label(self) -> str:
        """How errors name it."""
        return f"device {self.device.device_id} ({self.device.address})"


class StageGroup:
    """One LayerActor a stage; nothing outlives ``kill``."""

    def __init__(self, placements: Sequence[StagePlacement], actors: Sequence[Any]) -> None:
        self.placements = list(placements)
        self.actors = list(actors)
        self.hosts: dict[int, HostKind] = {}

    @classmethod
    def start(
        cls,
        name: str,
        placements: Sequence[StagePlacement],
        weights: Weights | None,
        timeout_s: float,
    ) -> StageGroup:
        """Starts and builds every stage, or none.

        Raises ``DeviceStartFailed`` naming the device that did not start within ``timeout_s``.
        """
        actors = [_create_actor(f"{name}-stage-{p.spec.index}", p) for p in placements]
        group = cls(placements, actors)
        try:
            group._build(weights, timeout_s)
        except BaseException:
            group.kill()
            raise
        return group

    def connect(self, session: SessionSpec, setting: str, timeout_s: float) -> list[str]:
        """Opens the channels of every edge; returns each edge's kind, stage 0's first.

        ``setting`` is ``auto`` or a kind that is taken for every edge.
        """
        edges = range(len(self.actors) - 1)
        return [self._connect_edge(i, session, setting, timeout_s).value for i in edges]

    def run(self, session: SessionSpec, threads: Sequence[int], data: StoredDataset) -> list[Any]:
        """Starts every stage's loop; returns a reference to each stage's end."""
        refs = []
        for actor, placement, count in zip(self.actors, self.placements, threads, strict=True):
            spec = placement.spec
            images = (data.train_images, data.val_images) if spec.is_first else (None, None)
            labels = (data.train_labels, data.val_labels) if spec.is_last else (None, None)
            own = _with_threads(session, count)
            refs.append(actor.run.remote(own, images[0], labels[0], images[1], labels[1]))
        return refs

    def request_stop(self) -> None:
        """Ends the session at stage 0's next step; it tells the others through the channels."""
        self.actors[0].stop.remote()

    def collect_weights(self, timeout_s: float) -> Weights:
        """All stages' parameters together."""
        parts = ray.get([actor.weights.remote() for actor in self.actors], timeout=timeout_s)
        return {name: tensor for part in parts for name, tensor in part.items()}

    def kill(self) -> None:
        """Closes the channels where an actor still answers, then ends every actor."""
        aborts = [actor.abort.remote() for actor in self.actors]
        ray.wait(aborts, num_returns=len(aborts), timeout=1.0)
        for actor in self.actors:
            ray.kill(actor, no_restart=True)

    def _build(self, weights: Weights | None, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        refs = [
            actor.build.remote(p.spec, _own_weights(p.spec, weights))
            for actor, p in zip(self.actors, self.placements, strict=True)
        ]
        for ref, placement in zip(refs, self.placements, strict=True):
            try:
                host: HostKind = ray.get(ref, timeout=max(0.0, deadline - time.monotonic()))
            except ray.exceptions.GetTimeoutError as error:
                raise DeviceStartFailed(
                    f"{placement.label} did not start its LayerActor within {timeout_s:.0f} s: is "
                    "it overloaded, or are its resources taken? See the Ray dashboard"
                ) from error
            except ray.exceptions.RayError as error:
                raise DeviceStartFailed(
                    f"{placement.label} could not start its LayerActor: {_cause(error)}"
                ) from error
            self.hosts[placement.device.device_id] = host
            if host.tandem != __version__:
                raise VersionMismatch(
                    f"{placement.label} has Tandem {host.tandem}, the JobManager {__version__}: "
                    "install the same version on both"
                )

    def _connect_edge(
        self, index: int, session: SessionSpec, setting: str, timeout_s: float
    ) -> ChannelKind:
        nodes = {p.resolved.node.node_id for p in self.placements[index : index + 2]}
        for kind in channel_kinds(setting, same_node=len(nodes) == 1):
            try:
                self._open(index, index + 1, "forward", kind, session, timeout_s)
                self._open(index + 1, index, "backward", kind, session, timeout_s)
                return kind
            except ray.exceptions.RayError as error:
                last_error = error
        between = f"{self.placements[index].label} and {self.placements[index + 1].label}"
        raise StageFailure(f"No channel between {between}: {_cause(last_error)}")

    def _open(
        self,
        writer: int,
        reader: int,
        direction: str,
        kind: ChannelKind,
        session: SessionSpec,
        timeout_s: float,
    ) -> None:
        """One after the other, never two at once: opening across nodes calls the reader."""
        features = self.placements[min(writer, reader)].spec.num_outputs
        edge = EdgeSpec(
            name=f"stage {writer} -> stage {reader} ({direction})",
            direction=direction,
            kind=kind,
            buffer_bytes=message_bytes(session.max_rows, features),
            slots=SLOTS,
            generation=session.generation,
            timeout_s=session.channel_timeout_s,
        )
        node_id = self.placements[reader].resolved.node.node_id
        opened = self.actors[writer].connect_out.remote(edge, self.actors[reader], node_id)
        ray.get(self.actors[reader].connect_in.remote(edge, opened), timeout=timeout_s)


def channel_kinds(setting: str, same_node: bool) -> list[ChannelKind]:
    """The kinds to try for an edge, in this order.

    ``auto`` takes shared memory only within a Ray node: across nodes Ray spins a thread for every
    channel (``docs/decisions/0003-actor-calls-across-nodes.md``).
    """
    if setting != "auto":
        return [ChannelKind(setting)]
    if same_node:
        return [ChannelKind.SHARED_MEMORY, ChannelKind.ACTOR_CALLS]
    return [ChannelKind.ACTOR_CALLS]


def _create_actor(name: str, placement: StagePlacement) -> Any:
    resource = placement.resolved.resource
    strategy = NodeAffinitySchedulingStrategy(placement.resolved.node.node_id, soft=False)
    return (
        _remote(concurrency_groups=CONCURRENCY_GROUPS)(LayerActor)
        .options(
            name=name,
            num_cpus=0,
            resources={resource: 1} if resource else {},
            scheduling_strategy=strategy,
            max_restarts=0,
            max_task_retries=0,
        )
        .remote()
    )


def _own_weights(spec: StageSpec, weights: Weights | None) -> Weights | None:
    if weights is None:
        return None
    own = {str(2 * layer) for layer in range(spec.start, spec.end)}
    return {name: tensor for name, tensor in weights.items() if name.split(".")[0] in own}


def _with_threads(session: SessionSpec, threads: int) -> SessionSpec:
    return SessionSpec(**{**vars(session), "threads": threads})


def _cause(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    return " ".join(str(cause).split())
