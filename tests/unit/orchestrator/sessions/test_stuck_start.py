"""A group of LayerActors of which one does not come to the end of its start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
import ray

from actors.core.model.model_spec import mlp
from actors.core.stages.specs import StageSpec
from orchestrator.devices.placement import Node, ResolvedDevice, parse_nodes
from orchestrator.errors import DeviceStartFailed
from orchestrator.jobs.job import Device
from orchestrator.sessions import stage_group
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from orchestrator.sessions.starting import start_watch
from orchestrator.sessions.starting.start_watch import Look
from tests.support.in_process_ray import InProcessRay

NETWORK = mlp((4, 4, 2))


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StagePlacement]]:
    """Two stages, a node each; the second one's process looks stopped."""
    monkeypatch.setattr(start_watch, "LOOK_AFTER_S", 0.0)
    monkeypatch.setattr(start_watch, "LOOK_INTERVAL_S", 0.01)
    cluster = InProcessRay(2)
    with cluster.installed():
        nodes = parse_nodes(cluster.nodes())

        def ask(node: Node, actors: Sequence[Any]) -> Future[Look]:
            future: Future[Look] = Future()
            future.set_result(Look(True, [node is nodes[1]]))
            return future

        monkeypatch.setattr(stage_group, "ask_node", ask)
        yield [
            StagePlacement(
                StageSpec.of(NETWORK, i, 2, i, i + 1),
                Device(i + 1, node.ip, node.port),
                ResolvedDevice(node.ip, node.port, node),
            )
            for i, node in enumerate(nodes)
        ]


def test_the_device_is_named_and_blamed(places: list[StagePlacement]) -> None:
    group = StageGroup("group", places, [None, None], SnapshotCopies())
    never: Any = Future()
    never.future = lambda: never
    with pytest.raises(DeviceStartFailed, match=r"device 2 \(.*frozen LayerActor") as failed:
        group.get(never, 60.0)
    assert failed.value.device_id == 2


def test_an_answer_that_does_not_come_is_a_timeout(places: list[StagePlacement]) -> None:
    group = StageGroup("group", places[:1], [None], SnapshotCopies())
    never: Any = Future()
    never.future = lambda: never
    with pytest.raises(ray.exceptions.GetTimeoutError):
        group.get(never, 0.05)
