"""Devices -> Ray nodes: which live node a registered (ip, port) means."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.addresses import is_loopback, join_host_port, parse_ip
from orchestrator.cluster.ray_start import (
    DEFAULT_DEVICE_PORT,
    DEVICE_RESOURCE_PREFIX,
    MAX_DEVICE_PORT,
    device_resource,
)
from orchestrator.errors import AmbiguousDevice, NodeNotFound

ACCELERATOR_PREFIX = "accelerator_type:"
END_ONE = (
    "end one of them, a `tandem join` by Ctrl-C, a plain `ray start` by its process (`ray stop` "
    "ends all Ray nodes of the host)"
)


@dataclass(frozen=True)
class Node:
    """A live Ray node. ``ip`` is the address Ray shows, ``port`` its node manager's."""

    node_id: str
    ip: str
    port: int
    num_cpus: float
    devices: frozenset[int]
    """Ports of the ``device:<port>`` resources it offers."""
    host_name: str = ""
    accelerators: tuple[str, ...] = ()
    num_gpus: float = 0.0

    @property
    def default_threads(self) -> int:
        """The node's cores over the devices it offers, at least 1."""
        return max(1, int(self.num_cpus) // max(1, len(self.devices)))

    @property
    def claims(self) -> frozenset[int]:
        """Ports of the devices it answers to: its own, and those it offers."""
        return self.devices | {self.port}

    def is_device(self, ip: str, port: int) -> bool:
        """Whether the device at this canonical ip and port is this node, or offered by it."""
        return ip == self.ip and port in self.claims


@dataclass(frozen=True)
class ResolvedDevice:
    """A device and its node; ``resource`` is what an actor there has to take, if anything."""

    ip: str
    port: int
    node: Node

    @property
    def resource(self) -> str | None:
        return device_resource(self.port) if self.port in self.node.devices else None


def rename_command(nodes: Iterable[Node], port: int, address: str) -> str:
    """A command for one of several nodes of a host that claim to be device ``port``. It joins the
    cluster at ``address`` under the next port that none of ``nodes``, all nodes of that host,
    claims."""
    claimed = {claim for node in nodes for claim in node.claims}
    others = itertools.chain.from_iterable(
        range(first, MAX_DEVICE_PORT + 1) for first in (port + 1, DEFAULT_DEVICE_PORT)
    )
    free = next(other for other in others if other not in claimed)
    return f"tandem join {address} --port {free}"


def parse_nodes(ray_nodes: Iterable[Mapping[str, Any]]) -> list[Node]:
    """The live ones of ``ray.nodes()``; dead entries linger there."""
    return [
        Node(
            entry["NodeID"],
            entry["NodeManagerAddress"],
            entry["NodeManagerPort"],
            entry["Resources"].get("CPU", 1.0),
            _offered_devices(entry["Resources"]),
            entry["NodeManagerHostname"],
            _accelerators(entry["Resources"]),
            entry["Resources"].get("GPU", 0.0),
        )
        for entry in ray_nodes
        if entry["Alive"]
    ]


def _offered_devices(resources: Iterable[str]) -> frozenset[int]:
    return frozenset(
        int(name.removeprefix(DEVICE_RESOURCE_PREFIX))
        for name in resources
        if name.startswith(DEVICE_RESOURCE_PREFIX)
        and name.removeprefix(DEVICE_RESOURCE_PREFIX).isdigit()
    )


def _accelerators(resources: Mapping[str, float]) -> tuple[str, ...]:
    """A name for each GPU, ``GPU`` where Ray does not know its kind; of other kinds one name."""
    kinds = [name.partition(":")[2] for name in resources if name.startswith(ACCELERATOR_PREFIX)]
    num_gpus = int(resources.get("GPU", 0))
    if len(kinds) > 1:
        return tuple(sorted(kinds))
    return tuple(kinds * max(1, num_gpus)) if kinds else ("GPU",) * num_gpus


@dataclass(frozen=True)
class ClusterView:
    """The cluster at one moment: its live nodes, the ip by which Ray knows the gateway's host,
    Ray's address to join, and every ip that the gateway's host has."""

    nodes: tuple[Node, ...]
    gateway_ip: str
    address: str
    own_ips: frozenset[str] = frozenset()

    @property
    def is_on_this_host(self) -> bool:
        """No other host can be in this cluster."""
        return is_loopback(self.gateway_ip)

    def canonical_ip(self, ip: str) -> str:
        """``localhost``, the loopback range and each of its addresses mean the gateway's own host,
        unless Ray knows another node by that one."""
        if is_loopback(ip):
            return self.gateway_ip
        address = str(parse_ip(ip) or ip)
        by_ray = {node.ip for node in self.nodes}
        return self.gateway_ip if address in self.own_ips - by_ray else address

    def resolve(self, ip: str, port: int) -> ResolvedDevice:
        """The node at ``ip`` whose node-manager port is ``port``, or which offers
        ``device:<port>``.

        Raises ``NodeNotFound`` with the existing devices and the command that would start this one,
        ``AmbiguousDevice`` if several nodes claim to be this device.
        """
        address = self.canonical_ip(ip)
        there = [node for node in self.nodes if node.ip == address]
        matches = [node for node in there if node.is_device(address, port)]
        if len(matches) > 1:
            ports = ", ".join(str(node.port) for node in matches)
            raise AmbiguousDevice(
                f"{len(matches)} Ray nodes at {ip} claim to be device {port}, by their port or by "
                f"a resource device:{port} (their node-manager ports: {ports}): "
                + self._disambiguation(port, matches, there)
            )
        if matches:
            return ResolvedDevice(address, port, matches[0])
        known = sorted({p for node in there for p in (node.devices or {node.port})})
        there_are = f"the devices {', '.join(map(str, known))} do" if known else "no node is there"
        raise NodeNotFound(
            f"No live Ray node answers to {join_host_port(ip, port)} ({there_are}). "
            + self._how_to_start(port)
        )

    def has(self, ip: str, port: int) -> bool:
        """Whether a live node is, or offers, the device at this canonical ip and port."""
        return any(node.is_device(ip, port) for node in self.nodes)

    def lookalikes(self, ip: str, port: int, host_name: str | None) -> list[Node]:
        """Nodes elsewhere that may be the device that is no longer at ``ip``: those with its host's
        name or, if that is not known, those that claim its port."""
        elsewhere = [node for node in self.nodes if node.ip != self.canonical_ip(ip)]
        if host_name is not None:
            named = [node for node in elsewhere if node.host_name == host_name]
            return [node for node in named if port in node.claims] or named
        return [node for node in elsewhere if port in node.claims]

    def _how_to_start(self, port: int) -> str:
        if not self.is_on_this_host:
            start = f"ray start --address={self.address} --node-manager-port={port}"
            return f"On that device run: {start}"
        return (
            "The gateway's embedded cluster has the devices of its own host alone, as many as "
            "--local-devices says. For others run `tandem head`, start the gateway with the "
            "--ray-address that it prints, and on that device run: "
            f"ray start --address=<the same> --node-manager-port={port}"
        )

    def _disambiguation(self, port: int, matches: Sequence[Node], there: Sequence[Node]) -> str:
        """The command that leaves only one of ``matches``; ``there`` are all nodes of their
        host."""
        if len({node.port for node in matches}) == 1:  # which only one process can listen at
            return "one of them has ended; Ray notices that within a minute: try again then"
        return f"{END_ONE}, then there `{rename_command(there, port, self.address)}`"
