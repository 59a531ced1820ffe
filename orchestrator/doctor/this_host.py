"""Checks this host alone, without Ray: could it be a head, or a device?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from actors.core.addresses import is_loopback, join_host_port
from orchestrator.cluster.node_keeper import why_taken
from orchestrator.cluster.ray_start import (
    DEFAULT_DEVICE_PORT,
    DEFAULT_HEAD_PORT,
    LITTLE_STORE_BYTES,
    NodePorts,
)
from orchestrator.connection.own_address import OwnAddress, other_networks, own_addresses, own_ip
from orchestrator.doctor import host_findings, remedies
from orchestrator.doctor.checkup import examine_host
from orchestrator.doctor.facts import FolderFacts, HostFacts
from orchestrator.doctor.finding import Finding, size_text, sort_findings
from orchestrator.doctor.folders import check_folder
from orchestrator.settings import Settings


@dataclass(frozen=True)
class OwnFacts:
    """Facts about this host: ``ip`` in its network, and ports on which something listens."""

    host: HostFacts
    ip: str
    temp_dir: str
    folders: tuple[FolderFacts, ...]
    gateway_port: int
    taken_ports: tuple[int, ...]
    other_networks: tuple[OwnAddress, ...] = ()


def check_this_host(settings: Settings, no_gateway: str) -> dict[str, Any]:
    """A report in the shape of ``GET /api/doctor`` with no node in it; ``no_gateway`` says why the
    cluster was not asked, which is its first error."""
    facts = _look(settings)
    gateway = Finding("error", "gateway", None, no_gateway, "tandem serve")
    findings = sort_findings([gateway, *judge(facts)])
    return {
        "ok": False,
        "checked_nodes": 0,
        "training_jobs": [],
        "findings": [asdict(finding) for finding in findings],
        "nodes": [],
        "links": [],
    }


def _look(settings: Settings) -> OwnFacts:
    temp_dir = tempfile.gettempdir()
    ip = own_ip(wanted=settings.ip)
    wanted = [settings.port, DEFAULT_HEAD_PORT, *NodePorts(DEFAULT_DEVICE_PORT).servers.values()]
    return OwnFacts(
        HostFacts(**examine_host(temp_dir)),
        ip,
        temp_dir,
        (
            check_folder("storage_path", settings.storage_path),
            check_folder("data_dir", settings.data_dir),
        ),
        settings.port,
        tuple(port for port in wanted if why_taken(port)),
        tuple(other_networks(ip, own_addresses())),
    )


def judge(facts: OwnFacts) -> list[Finding]:
    """The problems of this host; a check that finds none says so."""
    host, version = facts.host, facts.host.versions
    shown = ", ".join(f"{name} {version[name]}" for name in ("python", "ray", "torch", "numpy"))
    memory = size_text(host_findings.LITTLE_MEMORY_BYTES)
    checks = {
        f"versions: This host has {shown}": host_findings.packages(host, None, host),
        f"memory: {memory} or more are available": host_findings.memory(host, None),
        "shared_memory: /dev/shm is large enough": _shared_memory(host),
        f"disk: There is room in {facts.temp_dir}": host_findings.disk(host, None, facts.temp_dir),
        "storage: Tandem can write to its folders": (
            finding for folder in facts.folders for finding in host_findings.folder(folder)
        ),
        f"network: Other devices reach this host at {facts.ip}": _network(facts),
        "ports: The ports of a gateway, a head and a device are free": _ports(facts),
    }
    found: list[Finding] = []
    for fine, problems in checks.items():
        check, _, text = fine.partition(": ")
        found += list(problems) or [Finding("ok", check, None, text)]
    return found


def _shared_memory(host: HostFacts) -> Iterator[Finding]:
    limit = LITTLE_STORE_BYTES
    if host.shared_memory_bytes is not None and host.shared_memory_bytes < limit:
        text = f"/dev/shm has {size_text(host.shared_memory_bytes)}, less than {size_text(limit)}"
        remedy = remedies.enlarge_shared_memory(2**30)
        yield Finding("warning", "shared_memory", None, text, remedy)


def _network(facts: OwnFacts) -> Iterator[Finding]:
    """What keeps, or may keep, other devices from joining a head here."""
    if is_loopback(facts.ip):
        text = "This host has no address in a network: no other device can join it"
        yield Finding("warning", "network", None, text, "ip address  # which networks it is in")
    elif facts.other_networks:
        others = ", ".join(f"{a.ip} ({a.interface})" for a in facts.other_networks)
        text = f"This host is in several networks: a head here is at {facts.ip}, not at {others}"
        remedy = (
            f"tandem head --ip {facts.other_networks[0].ip}  # if the devices are in that network"
        )
        yield Finding("warning", "network", None, text, remedy)


def _ports(facts: OwnFacts) -> Iterator[Finding]:
    """A taken port is no error: it may be Tandem's own."""
    taken = list(facts.taken_ports)
    if facts.gateway_port in taken:
        taken.remove(facts.gateway_port)
        text = f"Port {facts.gateway_port}, the gateway's, is taken on this host"
        yield Finding("warning", "ports", None, text, "tandem serve --port 0")
    if DEFAULT_HEAD_PORT in taken:
        taken.remove(DEFAULT_HEAD_PORT)
        text = f"Port {DEFAULT_HEAD_PORT}, a head's, is taken on this host: one may run already"
        # Not localhost: its token is kept under the head's address.
        remedy = f"tandem serve --ray-address {join_host_port(facts.ip, DEFAULT_HEAD_PORT)}"
        yield Finding("warning", "ports", None, text, remedy)
    if taken:
        text = (
            f"Of a device's ports {', '.join(map(str, taken))} are taken on this host: has it "
            "joined a cluster already?"
        )
        remedy = f"tandem join <head> --port {DEFAULT_DEVICE_PORT + 1}"
        yield Finding("warning", "ports", None, text, remedy)
