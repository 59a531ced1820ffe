"""Devices -> Ray nodes: which live node a registered (ip, port) means."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import NodeNotFound

DEVICE_RESOURCE_PREFIX = "device:"


@dataclass(frozen=True)
class Node:
    """A live Ray node. ``ip`` is the address Ray shows, ``port`` its node manager's."""

    node_id: str
    ip: str
    port: int
    num_cpus: float
    devices: frozenset[int]
    """Ports of the ``device:<port>`` resources it offers."""

    @property
    def default_threads(self) -> int:
        """The node's cores over the devices it offers, at least 1."""
        return max(1, int(self.num_cpus) // max(1, len(self.devices)))


@dataclass(frozen=True)
class ResolvedDevice:
    """A device and the node it means; ``resource`` is what an actor there has to take, if any."""

    ip: str
    port: int
    node: Node

    @property
    def resource(self) -> str | None:
        return device_resource(self.port) if self.port in self.node.devices else None


def device_resource(port: int) -> str:
    """The name of the Ray resource that stands for a device."""
    return f"{DEVICE_RESOURCE_PREFIX}{port}"


def parse_nodes(ray_nodes: Iterable[Mapping[str, Any]]) -> list[Node]:
    """The live ones of ``ray.nodes()``; dead entries linger there."""
    nodes = []
    for entry in ray_nodes:
        if not entry["Alive"]:
            continue
        resources = entry["Resources"]
        offered = frozenset(
            int(name.removeprefix(DEVICE_RESOURCE_PREFIX))
            for name in resources
            if name.startswith(DEVICE_RESOURCE_PREFIX)
            and name.removeprefix(DEVICE_RESOURCE_PREFIX).isdigit()
        )
        nodes.append(
            Node(
                entry["NodeID"],
                entry["NodeManagerAddress"],
                entry["NodeManagerPort"],
                resources.get("CPU", 1.0),
                offered,
            )
        )
    return nodes


def canonical_ip(ip: str, gateway_ip: str) -> str:
    """``localhost`` and the loopback range mean the gateway's own host."""
    if ip == "localhost" or ipaddress.ip_address(ip).is_loopback:
        return gateway_ip
    return str(ipaddress.ip_address(ip))


def resolve_device(nodes: Iterable[Node], ip: str, port: int, gateway_ip: str) -> ResolvedDevice:
    """The node at ``ip`` whose node-manager port is ``port``, or which offers ``device:<port>``.

    Raises ``NodeNotFound`` with the command that would start one.
    """
    address = canonical_ip(ip, gateway_ip)
    there = [node for node in nodes if node.ip == address]
    matches = [node for node in there if node.port == port]
    matches = matches or [node for node in there if port in node.devices]
    if matches:
        return ResolvedDevice(address, port, matches[0])
    raise NodeNotFound(
        f"No live Ray node answers to {ip}:{port}. On that device run: "
        f"ray start --address={gateway_ip}:6379 --node-manager-port={port}"
    )
