"""The kind of channel that is chosen, by the results of trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from actors.channels.edge_ends import ChannelKind
from actors.core.model.model_spec import TensorSpec
from actors.core.stages.profiles import LinkProfile
from orchestrator.devices.placement import ClusterView, Node
from orchestrator.jobs.job import Device
from orchestrator.sessions.measuring import link_trials
from orchestrator.sessions.measuring.link_trials import LinkQuestion, try_links
from orchestrator.sessions.members.device_choice import place
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup
from tests.support.job_records import make_job

QUESTION = LinkQuestion(100, TensorSpec((20,)))
IP, PORTS = "10.0.0.1", range(6001, 6005)
NODE = Node("a", IP, 5001, 4.0, frozenset(PORTS))
CLUSTER = ClusterView((NODE,), IP, f"{IP}:6379")
JOB = make_job("1", *(Device(port, IP, port) for port in PORTS), num_layers=4)
KINDS = (ChannelKind.SHARED_MEMORY, ChannelKind.GLOO, ChannelKind.ACTOR_CALLS)
SHARED, GLOO, CALLS = KINDS


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, list[ChannelKind]]]:
    """The kind chosen for an edge, and the kinds tried, if they take this many seconds; None for a
    kind that does not work."""

    def kind_of(setting: str, *seconds: float | None, num_nodes: int = 1) -> Any:
        order: list[ChannelKind] = []

        def trial(group: Any, edges: list[tuple[int, ChannelKind]], spec: Any) -> dict[int, Any]:
            order.extend(kind for edge, kind in edges if edge == 0)
            times = dict(zip(KINDS, seconds, strict=True))
            return {
                edge: LinkProfile(kind.value, took_s, 1e15)
                for edge, kind in edges
                if (took_s := times[kind]) is not None
            }

        monkeypatch.setattr(link_trials, "_try", trial)
        nodes = [replace(NODE, node_id=f"node {i % num_nodes}") for i in range(len(PORTS))]
        placements = [
            replace(placement, resolved=replace(placement.resolved, node=node))
            for placement, node in zip(place(JOB, CLUSTER), nodes, strict=True)
        ]
        group = StageGroup("group", placements, [], SnapshotCopies())
        found = try_links(group, [0, 1, 2], QUESTION, setting)
        (kind,) = {link.kind for link in found.values()}
        return ChannelKind(kind), order

    return kind_of


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [
        ((1e-3, 2e-3, 1e-4), SHARED),
        ((1e-3, 0.95e-3, 1e-4), SHARED),
        ((1e-3, 0.85e-3, 1e-4), GLOO),
        ((1e-3, None, 1e-4), SHARED),
        ((2e-2, 3e-2, 1e-2), SHARED),
        ((2e-2, 3e-2, 5e-3), CALLS),
        ((2e-2, 1e-2, 9e-3), CALLS),
        ((None, 2e-3, 1e-3), GLOO),
        ((None, None, 5e-3), CALLS),
        ((2e-2, None, None), SHARED),
    ],
)
def test_within_a_node_the_object_store_stays_where_it_is_not_clearly_slower(
    tried: Any, seconds: tuple[float | None, ...], taken: ChannelKind
) -> None:
    assert tried("auto", *seconds)[0] is taken


@pytest.mark.parametrize(
    ("gloo_s", "calls_s", "taken"),
    [(2e-4, 1e-3, GLOO), (2e-3, 1e-3, CALLS), (None, 1e-3, CALLS), (1e-3, None, GLOO)],
)
def test_between_nodes_the_quicker_one_is_taken(
    tried: Any, gloo_s: float | None, calls_s: float | None, taken: ChannelKind
) -> None:
    kind, order = tried("auto", None, gloo_s, calls_s, num_nodes=2)
    assert kind is taken and order == [GLOO, CALLS]


def test_actor_calls_are_not_tried_beside_something_quick_within_a_node(tried: Any) -> None:
    assert tried("auto", 1e-3, 2e-3, 1e-9)[1] == [SHARED, GLOO]


def test_nothing_but_the_object_store_is_tried_where_that_was_asked_for(tried: Any) -> None:
    assert tried("object_store", 1e-3, 1e-9, 1e-9) == (SHARED, [SHARED])
    assert tried("object_store", 1e-9, 1e-9, 1e-3, num_nodes=2) == (CALLS, [CALLS])
