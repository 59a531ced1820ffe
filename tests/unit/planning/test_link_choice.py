"""Which kind of channel is taken, from how trials went."""

from __future__ import annotations

from typing import Any

import pytest

from actors.core.model.model_spec import TensorSpec
from actors.core.profiles import LinkProfile
from actors.layer_actor import ChannelKind
from orchestrator.job import Device
from orchestrator.placement import ClusterView, Node
from orchestrator.sessions import link_trials
from orchestrator.sessions.device_choice import place
from orchestrator.sessions.link_trials import LinkQuestion, try_links
from orchestrator.sessions.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup
from tests.support.job_records import make_job

QUESTION = LinkQuestion(100, TensorSpec((20,)))
IP, PORTS = "10.0.0.1", range(6001, 6005)
NODE = Node("a", IP, 5001, 4.0, frozenset(PORTS))
CLUSTER = ClusterView((NODE,), IP, f"{IP}:6379")
JOB = make_job("1", *(Device(port, IP, port) for port in PORTS), num_layers=4)
SHARED, CALLS = ChannelKind.SHARED_MEMORY, ChannelKind.ACTOR_CALLS


@pytest.mark.parametrize(
    ("shared_s", "calls_s", "taken"),
    [
        (1e-3, 1e-4, SHARED),
        (2e-2, 1e-2, SHARED),
        (2e-2, 5e-3, CALLS),
        (None, 5e-3, CALLS),
        (2e-2, None, SHARED),
    ],
)
def test_the_first_choice_is_taken_unless_it_is_slow_and_another_clearly_quicker(
    monkeypatch: pytest.MonkeyPatch,
    shared_s: float | None,
    calls_s: float | None,
    taken: ChannelKind,
) -> None:
    seconds = {SHARED: shared_s, CALLS: calls_s}

    def tried(group: Any, edges: list[tuple[int, ChannelKind]], spec: Any) -> dict[int, Any]:
        return {
            edge: LinkProfile(kind.value, latency_s, 1e15)
            for edge, kind in edges
            if (latency_s := seconds[kind]) is not None
        }

    monkeypatch.setattr(link_trials, "_try", tried)
    group = StageGroup("group", place(JOB, CLUSTER), [], SnapshotCopies())
    found = try_links(group, [0, 1, 2], QUESTION, "auto")
    assert {edge: link.kind for edge, link in found.items()} == dict.fromkeys(
        (0, 1, 2), taken.value
    )
