"""Facts of a checkup: a healthy cluster, and the problems that a test adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.devices.placement import Node
from orchestrator.doctor.facts import (
    CheckedNode,
    Clock,
    ClusterFacts,
    Examined,
    FolderFacts,
    HostFacts,
    Link,
)
from orchestrator.doctor.finding import GIB, Finding
from orchestrator.doctor.findings import find

VERSIONS = {
    "python": "3.11.7",
    "ray": "2.60.0",
    "torch": "2.13.0+cpu",
    "numpy": "2.4.6",
    "tandem": "0.1.0",
}
HOST = HostFacts(
    os="Linux 6.1 x86_64",
    memory_bytes=16 * GIB,
    available_memory_bytes=8 * GIB,
    versions=VERSIONS,
    shared_memory_bytes=8 * GIB,
    disk_bytes=100 * GIB,
    free_disk_bytes=50 * GIB,
    auth_mode="token",
)
HEAD, DESK = "10.0.0.1:5001", "10.0.0.2:5001"
CHECKS = {
    "answers",
    "names",
    "versions",
    "accelerators",
    "ports",
    "links",
    "token_mode",
    "memory",
    "shared_memory",
    "disk",
    "clock",
    "storage",
}


def node(number: int, **told: Any) -> Examined:
    """The node at 10.0.0.<number>, healthy except for the given facts."""
    ray_node = Node(f"id{number}", f"10.0.0.{number}", 5001, 4.0, frozenset(), f"host{number}")
    checked = CheckedNode(ray_node, 5101, 2 * GIB, "/tmp/ray")
    return replace(Examined(checked, HOST, Clock(0.001, 0.002)), **told)


def with_host(number: int, **facts: Any) -> Examined:
    return node(number, host=replace(HOST, **facts))


def with_store(number: int, num_bytes: int) -> Examined:
    well = node(number)
    return replace(well, checked=replace(well.checked, object_store_bytes=num_bytes))


def with_versions(number: int, **versions: str | None) -> Examined:
    return with_host(number, versions={**VERSIONS, **versions})


def with_devices(number: int, port: int, *devices: int) -> Examined:
    """Its node-manager port, and the devices it offers by resources."""
    well = node(number)
    there = replace(well.checked.node, port=port, devices=frozenset(devices))
    return replace(well, checked=replace(well.checked, node=there, object_manager_port=port + 100))


def cluster(*nodes: Examined, **seen: Any) -> ClusterFacts:
    """The JobManager's node is 10.0.0.1."""
    links = [Link(HEAD, DESK, 0.002, 100e6), Link(DESK, HEAD, 0.003, 90e6)]
    facts = ClusterFacts(
        own=HEAD,
        gateway_ip="10.0.0.1",
        address="10.0.0.1:6379",
        host=HOST,
        nodes=nodes or (node(1), node(2)),
        links=links,
        folders=[FolderFacts("storage_path", "/home/me/.tandem", 50 * GIB)],
    )
    return replace(facts, **seen)


def wrong(facts: ClusterFacts) -> list[Finding]:
    """The findings that are not ok."""
    return [finding for finding in find(facts) if finding.level != "ok"]


def the_only(facts: ClusterFacts, check: str) -> Finding:
    """The one thing that is wrong; everything that is names value and remedy."""
    (finding,) = wrong(facts)
    assert finding.check == check and finding.remedy
    # Every other check goes on and has nothing to say.
    assert {f.check for f in find(facts) if f.level == "ok"} == CHECKS - {check}
    return finding
