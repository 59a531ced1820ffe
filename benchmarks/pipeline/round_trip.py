"""Round trips of one message: our channels on one Ray node and on two, against gloo's."""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import dataclass, field, replace
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.channels.actor_calls import INLINE_ENVIRONMENT
from actors.channels.edge_ends import ChannelKind, EdgeSpec
from actors.channels.messages import message_bytes
from actors.core.model.model_spec import TensorSpec
from actors.layer_actor import CONCURRENCY_GROUPS, LayerActor
from benchmarks.pipeline.torch_pipelining import TorchPipeline
from orchestrator.devices.placement import Node

ROW = 256  # features: 1 KB a row
TIMEOUT_S = 60.0
COUNTS = {8: 200, 128: 200, 400: 100, 1024: 50, 4096: 20, 16384: 8}
KINDS = [kind for kind in ChannelKind if kind is not ChannelKind.NCCL]  # which needs CUDA
_remote: Any = ray.remote


class Echo(LayerActor):
    """A LayerActor that only sends messages there and back."""

    def lead(self, rows: int, count: int) -> list[float]:
        """Seconds of each of ``count`` round trips, after a tenth as many more."""
        tensor, seconds = torch.zeros(rows, ROW), []
        for number in range(count + count // 10 + 1):
            begin = time.perf_counter()
            self._ends.senders["forward"].send(tensor, number, 0)
            self._ends.receivers["backward"].recv(number, 0)
            seconds.append(time.perf_counter() - begin)
        return seconds[-count:]

    def follow(self, count: int) -> None:
        """The other side of ``lead``."""
        for number in range(count + count // 10 + 1):
            message = self._ends.receivers["forward"].recv(number, 0)
            self._ends.senders["backward"].send(message.tensor, number, 0)


@dataclass
class RoundTrips:
    """Microseconds by way and size in KB, a median a round."""

    micros: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    def add(self, way: str, size_kb: int, seconds: float) -> None:
        self.micros.setdefault(way, {}).setdefault(size_kb, []).append(seconds * 1e6)


def measure_round_trips(nodes: list[Node], torch: TorchPipeline, rounds: int) -> RoundTrips:
    """Every way and size, round by round."""
    found = RoundTrips()
    places = {"one node": [nodes[0], nodes[0]], "two nodes": nodes}
    for _, (size_kb, count) in itertools.product(range(rounds), COUNTS.items()):
        found.add("gloo", size_kb, torch.each(gloo_round_trips, size_kb, count)[0])
        for (where, pair), kind in itertools.product(places.items(), KINDS):
            seconds = round_trips(pair, kind, size_kb, count)
            found.add(f"{where}, {kind.value.replace('_', ' ')}", size_kb, seconds)
    return found


def round_trips(nodes: list[Node], kind: ChannelKind, size_kb: int, count: int) -> float:
    """Median seconds between two new actors, one on each of the nodes."""
    actors = [_actor(node) for node in nodes]
    edge = EdgeSpec(
        name="echo",
        direction="forward",
        kind=kind,
        buffer_bytes=message_bytes(size_kb, TensorSpec((ROW,))),
        slots=2,
        generation=1,
        timeout_s=TIMEOUT_S,
        open_timeout_s=TIMEOUT_S,
    )
    try:
        for direction, (writer, reader) in {"forward": (0, 1), "backward": (1, 0)}.items():
            own = replace(edge, direction=direction)
            to = nodes[reader].node_id
            opened = actors[writer].connect_out.remote(own, actors[reader], reader, to)
            ray.get(
                actors[reader].connect_in.remote(own, actors[writer], opened), timeout=TIMEOUT_S
            )
        follows = actors[1].follow.remote(count)
        seconds = ray.get(actors[0].lead.remote(size_kb, count), timeout=TIMEOUT_S)
        ray.get(follows, timeout=TIMEOUT_S)
        return statistics.median(seconds)
    finally:
        for actor in actors:
            ray.kill(actor)


def _actor(node: Node) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    remote = _remote(concurrency_groups=CONCURRENCY_GROUPS)(Echo)
    environment = {"env_vars": INLINE_ENVIRONMENT}
    options = {"num_cpus": 0, "scheduling_strategy": strategy, "runtime_env": environment}
    return remote.options(**options).remote("echo")


def gloo_round_trips(size_kb: int, count: int) -> float:
    """Median seconds; both processes of a ``TorchPipeline`` run this."""
    tensor, seconds = torch.zeros(size_kb, ROW), []
    for _ in range(count + count // 10 + 1):
        begin = time.perf_counter()
        if dist.get_rank() == 0:
            dist.send(tensor, 1)
            dist.recv(tensor, 1)
        else:
            dist.recv(tensor, 0)
            dist.send(tensor, 0)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds[-count:])
