"""The observations of a checkup, before anything is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.devices.placement import Node, parse_nodes

NO_TIME = "there was no time left for it"


@dataclass(frozen=True)
class HostFacts:
    """Facts that a host reported about itself; None if it could not. ``versions`` has python, ray,
    torch, numpy and tandem, ``disk`` is the one with Ray's temporary folder, ``auth_mode`` is
    RAY_AUTH_MODE."""

    os: str
    memory_bytes: int | None
    available_memory_bytes: int | None
    versions: Mapping[str, str | None]
    shared_memory_bytes: int | None
    disk_bytes: int | None
    free_disk_bytes: int | None
    auth_mode: str | None


@dataclass(frozen=True)
class CheckedNode:
    """A live node as Ray's table has it; ``temp_dir`` is Ray's temporary folder there."""

    node: Node
    object_manager_port: int
    object_store_bytes: int
    temp_dir: str

    @property
    def name(self) -> str:
        """``ip:port``, the port being the node manager's."""
        return f"{self.node.ip}:{self.node.port}"

    @property
    def ports(self) -> dict[str, int]:
        """Ports that other nodes must be able to reach."""
        return {"node manager": self.node.port, "object manager": self.object_manager_port}


@dataclass(frozen=True)
class Clock:
    """How far a node's clock is ahead of the clock of the JobManager's host, give or take
    ``within_s``."""

    ahead_s: float
    within_s: float


@dataclass(frozen=True)
class Examined:
    """A node and its report; ``error`` says why there is none.

    ``refused`` has (ip, port) -> why no connection from here to there could be opened. ``kept_out``
    has the names of nodes whose free ports could not be reached from here. ``free_ports`` are this
    node's, a range such as 32768:60999. ``accelerators`` are those that torch sees, None if it was
    not asked or did not answer.
    """

    checked: CheckedNode
    host: HostFacts | None = None
    clock: Clock | None = None
    accelerators: tuple[str, ...] | None = None
    refused: Mapping[tuple[str, int], str] = field(default_factory=dict)
    kept_out: frozenset[str] = frozenset()
    free_ports: str | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """``ip:port``."""
        return self.checked.name


@dataclass(frozen=True)
class Link:
    """A link from one node to another, with Ray's own data transfer; ``error`` says why it was not
    measured."""

    source: str
    target: str
    round_trip_s: float | None = None
    bytes_per_s: float | None = None
    error: str | None = None

    def shown(self) -> dict[str, Any]:
        """For the answer."""
        return {
            "from": self.source,
            "to": self.target,
            "round_trip_s": self.round_trip_s,
            "bytes_per_s": self.bytes_per_s,
        }


@dataclass(frozen=True)
class FolderFacts:
    """A folder of the gateway's host; ``setting`` names what chooses it, ``network`` the network
    file system on which it lies."""

    setting: str
    path: str
    free_bytes: int | None = None
    error: str | None = None
    network: str | None = None


@dataclass(frozen=True)
class ClusterFacts:
    """Everything that a checkup saw. ``own`` is the name of the JobManager's node, ``host`` its
    host's report without Ray's help, ``address`` Ray's address to join, ``strangers`` folders with
    checkpoints of no job."""

    own: str
    gateway_ip: str
    address: str
    host: HostFacts
    nodes: Sequence[Examined]
    links: Sequence[Link]
    folders: Sequence[FolderFacts]
    training_jobs: Sequence[str] = ()
    strangers: Sequence[str] = ()

    def hosts(self) -> Iterator[tuple[str, HostFacts]]:
        """Name and host of the nodes that answered."""
        return ((node.name, node.host) for node in self.nodes if node.host is not None)


def parse_checked_nodes(ray_nodes: Iterable[Mapping[str, Any]]) -> list[CheckedNode]:
    """The live ones of ``ray.nodes()``."""
    live = [entry for entry in ray_nodes if entry["Alive"]]
    return [
        CheckedNode(
            node,
            entry["ObjectManagerPort"],
            int(entry["Resources"].get("object_store_memory", 0)),
            _temp_dir(entry["RayletSocketName"]),
        )
        for node, entry in zip(parse_nodes(live), live, strict=True)
    ]


def _temp_dir(raylet_socket: str) -> str:
    """The folder above session_…/sockets/raylet; none where the socket is no file."""
    above = Path(raylet_socket).parents
    return str(above[2]) if len(above) > 3 else ""


def shown_node(node: Examined, own: str) -> dict[str, Any]:
    """A node's facts for the answer; what is not known is null."""
    checked, clock = node.checked, node.clock
    unknown = dict.fromkeys(HostFacts.__dataclass_fields__)
    return {
        "node": node.name,
        "node_id": checked.node.node_id,
        "host_name": checked.node.host_name,
        "has_job_manager": node.name == own,
        **(asdict(node.host) if node.host else unknown),
        "object_store_bytes": checked.object_store_bytes,
        "temp_dir": checked.temp_dir,
        "clock_ahead_s": clock.ahead_s if clock else None,
        "accelerators": None if node.accelerators is None else list(node.accelerators),
        "error": node.error,
    }
