"""Makes the list of devices from live nodes, jobs and probes, with everything known about each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.devices.placement import ClusterView, Node
from orchestrator.errors import NodeNotFound

Address = tuple[str, int]
"""ip and port of a device."""


@dataclass(frozen=True)
class NodeFacts:
    """Facts that a node's host reported about itself; None if it could not.

    ``os`` is like "Linux 6.1 x86_64"; ``versions`` has python, ray, torch and tandem.
    """

    os: str
    memory_bytes: int | None
    available_memory_bytes: int | None
    versions: Mapping[str, str | None]


@dataclass(frozen=True)
class Probed:
    """The facts known about a node, and why they are missing or old."""

    facts: NodeFacts | None
    error: str | None = None


@dataclass(frozen=True)
class Registrations:
    """The jobs that have a device, oldest first, and the one of them that holds it, if any."""

    jobs: Mapping[Address, Sequence[str]]
    holders: Mapping[Address, str]

    def of(self, address: Address) -> dict[str, Any]:
        """A device's ``jobs`` and ``held_by``."""
        return {"jobs": list(self.jobs.get(address, ())), "held_by": self.holders.get(address)}


def list_devices(
    cluster: ClusterView, registrations: Registrations, probed: Mapping[str, Probed]
) -> list[dict[str, Any]]:
    """One entry for each device, by ip and port: the devices of live nodes, and registered ones
    whose node is gone. ``probed`` is by node id."""
    entries = [
        _entry(cluster, address, node, registrations.of(address), probed[node.node_id])
        for node in cluster.nodes
        for address in _addresses(node, registrations.jobs)
    ]
    entries += [
        _entry(cluster, address, None, registrations.of(address), Probed(None))
        for address in registrations.jobs
        if not cluster.has(*address)
    ]
    return sorted(entries, key=_order)


def _addresses(node: Node, registered: Mapping[Address, Any]) -> Iterator[Address]:
    """The devices that the node offers, or its own port; and its own port too if a job uses
    that."""
    ports = set(node.devices or {node.port})
    for port in ports | {port for ip, port in registered if node.is_device(ip, port)}:
        yield node.ip, port


def _entry(
    cluster: ClusterView,
    address: Address,
    node: Node | None,
    registration: dict[str, Any],
    probed: Probed,
) -> dict[str, Any]:
    ip, port = address
    busy = "free" if registration["held_by"] is None else "busy"
    return {
        "ip": ip,
        "port": port,
        **_node_details(node),
        **_host_details(probed.facts),
        **registration,
        "status": "gone" if node is None else busy,
        "probe_error": probed.error if node is not None else _why_gone(cluster, ip, port),
    }


def _node_details(node: Node | None) -> dict[str, Any]:
    """The facts in Ray's node table; ``cores`` are those that Ray counts on."""
    if node is None:
        return dict.fromkeys(("node_id", "host_name", "cores", "accelerators"))
    return {
        "node_id": node.node_id,
        "host_name": node.host_name,
        "cores": int(node.num_cpus),
        "accelerators": list(node.accelerators),
    }


def _host_details(facts: NodeFacts | None) -> dict[str, Any]:
    if facts is None:
        return dict.fromkeys(NodeFacts.__dataclass_fields__)
    return asdict(facts)


def _why_gone(cluster: ClusterView, ip: str, port: int) -> str:
    """The sentence that would answer who registered it now, with the command that starts it."""
    try:
        cluster.resolve(ip, port)
    except NodeNotFound as error:
        return error.message
    raise AssertionError(f"{ip}:{port} is not gone")


def _order(entry: Mapping[str, Any]) -> tuple[int, int, str, int]:
    """Orders by ip as a number, so that 10.0.0.9 is before 10.0.0.10; names come after
    addresses."""
    ip, port = entry["ip"], entry["port"]
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return 7, 0, ip, port
    return address.version, int(address), ip, port
