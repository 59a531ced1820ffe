"""The arguments of ``ray start``, and the meaning of its failures; it touches no process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# A node that the head can't reach is given up by its health checks, about a minute after it joined.
SOON_S = 120.0
FIRST_WORKER_PORT = 10_002
NUM_WORKER_PORTS = 200
NUM_WORKER_RANGES = 40
DEVICE_RESOURCE_PREFIX = "device:"
DEFAULT_DEVICE_PORT = 5001
DEFAULT_HEAD_PORT = 6379
MIN_PORT, MAX_PORT = 1024, 65535
LITTLE_STORE_BYTES = 128 * 2**20
"""MNIST takes 55 MB in its stored form; messages and collected weights come on top. A store this
small is better on the disk."""
MAX_DEVICE_PORT = 9400  # the node's other ports lie up to 500 above, below the workers'
MULTI_NODE_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Whether Ray makes a cluster of several hosts, or keeps to loopback. Its default is by system."""

CLUSTER_VARIABLES = {
    "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",  # devices need not have the same patch
    MULTI_NODE_VARIABLE: "1",
}
"""For every process of a cluster of several devices, before it imports Ray."""

JOINING_VARIABLES = {
    **CLUSTER_VARIABLES,
    # Tries, a second apart: with a wrong token, the user learns it within half a minute. A head
    # needs more of them, because it waits in the same way until it is up itself.
    "RAY_NUM_REDIS_GET_RETRIES": "10",
}
"""The same for nodes that join a head."""

COMMON_FLAGS = (
    "--disable-usage-stats",
    # It would copy workers' logs to drivers, which Tandem's do not show: a process saved.
    "--include-log-monitor=false",
    # Nor would a head's autoscaler, which has no machines to start, do more than take 50 MB.
    "--no-monitor",
)


@dataclass(frozen=True)
class NodePorts:
    """Every port of a Ray node on a device, so that a firewall can allow them; ``device`` is the
    node-manager port, which makes the node the device ``ip:device``."""

    device: int

    @property
    def servers(self) -> dict[str, int]:
        """``ray start``'s flag -> port, of those that a node takes as it starts."""
        names = ("node-manager", "object-manager", "runtime-env-agent", "dashboard-agent-grpc")
        ports = {f"{name}-port": self.device + 100 * i for i, name in enumerate(names)}
        return {
            **ports,
            "dashboard-agent-listen-port": self.device + 400,
            "metrics-export-port": self.device + 500,
        }

    @property
    def flags(self) -> dict[str, int]:
        """``ray start``'s flag -> port."""
        return {
            **self.servers,
            "min-worker-port": self._first_worker_port,
            "max-worker-port": self._first_worker_port + NUM_WORKER_PORTS - 1,
        }

    @property
    def _first_worker_port(self) -> int:
        """Several nodes on one host have separate ranges."""
        slot = (self.device - DEFAULT_DEVICE_PORT) % NUM_WORKER_RANGES
        return FIRST_WORKER_PORT + NUM_WORKER_PORTS * slot

    @property
    def firewall(self) -> str:
        """The ports that other devices must reach: single ones and the workers' range."""
        flags = self.flags
        low, high = flags.pop("min-worker-port"), flags.pop("max-worker-port")
        return ",".join([*map(str, flags.values()), f"{low}:{high}"])


@dataclass(frozen=True)
class NodePlace:
    """A node's temporary folder and address. ``temp_dir`` has its sockets and logs; by default Ray
    takes the head's path, which need not exist here. ``ip`` is its address, by default Ray's
    choice."""

    temp_dir: Path
    ip: str | None = None

    @property
    def arguments(self) -> list[str]:
        """Those of ``ray start``."""
        address = [] if self.ip is None else [f"--node-ip-address={self.ip}"]
        return [f"--temp-dir={self.temp_dir}", *address]


def head_arguments(
    port: int, ports: NodePorts, num_devices: int, place: NodePlace | None = None
) -> list[str]:
    """For the head, which is a device too."""
    own = ["--head", f"--port={port}", "--dashboard-host=127.0.0.1"]
    return [*own, *_device_arguments(ports, num_devices, place)]


def join_arguments(
    head: str, ports: NodePorts, num_devices: int, place: NodePlace | None = None
) -> list[str]:
    """For another device; ``head`` is host:port."""
    return [f"--address={head}", *_device_arguments(ports, num_devices, place)]


def _device_arguments(ports: NodePorts, num_devices: int, place: NodePlace | None) -> list[str]:
    arguments = [f"--{flag}={port}" for flag, port in ports.flags.items()]
    arguments += [] if place is None else place.arguments
    if num_devices > 1:
        arguments.append(resources_flag(range(ports.device, ports.device + num_devices)))
    return [*arguments, *COMMON_FLAGS]


def device_resource(port: int) -> str:
    """The name of the Ray resource that stands for a device."""
    return f"{DEVICE_RESOURCE_PREFIX}{port}"


def resources_flag(devices: Iterable[int]) -> str:
    """Has one Ray node offer several devices."""
    return f"--resources={json.dumps({device_resource(port): 1 for port in devices})}"


def firewall_line(source_ip: str, ports: str) -> str:
    """For a host with a firewall: lets ``source_ip`` in at ``ports``, written as ufw wants them."""
    return f"sudo ufw allow proto tcp from {source_ip} to any port {ports}"


def explain_end(lived_s: float, head_ip: str | None, ports: NodePorts) -> str:
    """Why Ray has ended, this long after it joined; ``head_ip`` is None on the head."""
    told = "Ray has ended on this device: it lost the head, or the device slept"
    if head_ip is None or lived_s > SOON_S:
        return f"{told}."
    return (
        f"{told}, or, since that was {lived_s:.0f} s after it joined, a firewall here keeps the "
        f"head out: {firewall_line(head_ip, ports.firewall)}"
    )


def explain(output: str, hint: str = "") -> str:
    """Why ``ray start`` failed and how to fix it, in one sentence if its message is known;
    otherwise ``hint`` follows the message."""
    text = " ".join(output.split())
    if mismatch := explain_mismatch(text):
        return mismatch
    if is_refused(text):
        return (
            "the head does not accept this device's token: give the one that `tandem head` named, "
            "by RAY_AUTH_TOKEN, by --token-file, or at the prompt"
        )
    if "port number" in text and "used by other components" in text:
        return "two of its ports are the same: choose another --port, away from 10002–19999"
    return f"ray start said: {text[-400:] or 'nothing'}{hint}"


def is_refused(text: str) -> bool:
    """Whether Ray's words are about a token that it wants, or does not accept."""
    return re.search(r"UNAUTHENTICATED|[Uu]nauthenticated|[Aa]uthentication", text) is not None


def explain_mismatch(text: str) -> str | None:
    """How to fix a Ray, or a minor version of Python, that differs from the head's; None if Ray's
    message, on one line, does not say so."""
    found = re.search(
        r"started with: Ray: (\S+) Python: (\S+).*?started with: Ray: (\S+) Python: (\S+)", text
    )
    if "ersion mismatch" not in text or not found:
        return None
    ray, python, own_ray, own_python = found.groups()
    install = f"pip install 'ray[default]=={ray}'"
    minor, own_minor = (version.rsplit(".", 1)[0] for version in (python, own_python))
    if minor != own_minor:
        install = f"python{minor} -m venv .venv && .venv/bin/{install}"
    return (
        f"the head has Ray {ray} and Python {python}, this device Ray {own_ray} and Python "
        f"{own_python}: Ray and Python's minor version must be the same; run here `{install}`"
    )
