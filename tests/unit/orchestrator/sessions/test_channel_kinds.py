from __future__ import annotations

import pytest

from actors.channels.edge_ends import ChannelKind
from actors.core.stages.compute_device import CPU
from actors.host.host_kind import HostKind
from orchestrator.devices.placement import ClusterView, Node
from orchestrator.jobs.job import Device
from orchestrator.sessions.edges import channel_kinds, kinds_of_edge
from orchestrator.sessions.members.device_choice import place
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup
from tests.support.job_records import make_job

IP, PORTS = "10.0.0.1", range(6001, 6004)
CLUSTER = ClusterView((Node("a", IP, 5001, 4.0, frozenset(PORTS)),), IP, f"{IP}:6379")
JOB = make_job("1", *(Device(port, IP, port) for port in PORTS), num_layers=3)

NCCL, SHARED, GLOO, CALLS = ChannelKind


def test_devices_of_one_node_share_memory_and_fall_back() -> None:
    assert channel_kinds("auto", same_node=True, accelerated=False) == [SHARED, GLOO, CALLS]


def test_devices_of_two_nodes_connect_or_call_each_other() -> None:
    assert channel_kinds("auto", same_node=False, accelerated=False) == [GLOO, CALLS]


def test_two_accelerators_try_nccl_first() -> None:
    assert channel_kinds("auto", same_node=True, accelerated=True) == [NCCL, SHARED, GLOO, CALLS]
    assert channel_kinds("auto", same_node=False, accelerated=True) == [NCCL, GLOO, CALLS]


def test_nccl_is_for_edges_with_an_accelerator_at_both_ends() -> None:
    group = StageGroup("group", place(JOB, CLUSTER), [], SnapshotCopies())
    devices = (CPU.name, "NVIDIA A", "NVIDIA A")
    group.hosts = {
        p.device.device_id: HostKind("0", "2", "cpu", device)
        for p, device in zip(group.placements, devices, strict=True)
    }
    assert NCCL not in kinds_of_edge(group, 0, "auto")
    assert kinds_of_edge(group, 1, "auto")[0] is NCCL
    assert kinds_of_edge(group, 1, "auto", GLOO.value)[0] is GLOO


@pytest.mark.parametrize(("same_node", "kind"), [(True, SHARED), (False, CALLS)])
def test_the_object_store_alone_is_one_kind_of_rays(same_node: bool, kind: ChannelKind) -> None:
    assert channel_kinds("object_store", same_node, accelerated=True) == [kind]


@pytest.mark.parametrize("same_node", [True, False])
@pytest.mark.parametrize("kind", list(ChannelKind))
def test_a_forced_kind_is_the_only_one(kind: ChannelKind, same_node: bool) -> None:
    assert channel_kinds(kind.value, same_node, accelerated=False) == [kind]
