from __future__ import annotations

from typing import Any

from actors.core.model.model_spec import mlp
from actors.core.stages.specs import StageSpec
from orchestrator.devices.placement import Node, ResolvedDevice
from orchestrator.jobs.job import Device
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from tests.support.in_process_ray import InProcessRay


class Frozen:
    """An actor that answers nothing; to ask it is to wait in vain."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_ended = False

    def __getattr__(self, method: str) -> Any:
        self.asked.append(method)
        raise AssertionError(f"{method} was asked of an actor that was given up")

    def end(self) -> None:
        self.is_ended = True


def test_an_actor_that_was_given_up_is_not_asked_but_ended() -> None:
    with InProcessRay(1).installed():
        frozen = Frozen()
        spec = StageSpec.of(mlp((4, 2)), 0, 1, 0, 1)
        node = Node("a" * 56, "10.0.0.1", 5001, 1.0, frozenset())
        device = ResolvedDevice(node.ip, node.port, node)
        placement = StagePlacement(spec, Device(1, node.ip, node.port), device)
        group = StageGroup("job-1-generation-1", [placement], [frozen], SnapshotCopies())
        group.give_up(0)
        assert group.rescue() is None
        group.kill()
        assert frozen.is_ended and frozen.asked == []
