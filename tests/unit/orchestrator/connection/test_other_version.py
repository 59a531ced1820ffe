"""A device whose LayerActor is of another version of Tandem than the JobManager."""

from __future__ import annotations

import pytest

from actors.core.model.model_spec import mlp
from actors.core.stages.specs import StageSpec
from actors.core.version import __version__
from orchestrator.devices.placement import ResolvedDevice, parse_nodes
from orchestrator.errors import VersionMismatch
from orchestrator.jobs.job import Device
from orchestrator.sessions import stage_group
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from tests.support.in_process_ray import InProcessRay


def test_it_is_refused_with_the_remedy_and_nothing_of_it_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = mlp((4, 4, 2))
    cluster = InProcessRay(2)
    with cluster.installed():
        placements = [
            StagePlacement(
                StageSpec.of(network, i, 2, i, i + 1),
                Device(i + 1, node.ip, node.port),
                ResolvedDevice(node.ip, node.port, node),
            )
            for i, node in enumerate(parse_nodes(cluster.nodes()))
        ]
        monkeypatch.setattr(stage_group, "__version__", "0.0.1")
        said = rf"device 1 \(.*\) has Tandem {__version__}, the JobManager 0\.0\.1: .*`tandem stop`"
        said += r".*`tandem stop --ray-address"
        with pytest.raises(VersionMismatch, match=said):
            StageGroup.open("group", placements, 5.0, SnapshotCopies())
        assert len(cluster.actors) == 2
        assert not any(actor.is_alive for actor in cluster.actors)
