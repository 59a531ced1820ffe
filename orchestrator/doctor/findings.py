"""Turns the observations of a checkup into findings, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from orchestrator.cluster.ray_start import LITTLE_STORE_BYTES
from orchestrator.doctor import host_findings, network_findings
from orchestrator.doctor.facts import ClusterFacts, shown_node
from orchestrator.doctor.finding import Finding, size_text, sort_findings


def report(facts: ClusterFacts) -> dict[str, Any]:
    """The answer of ``GET /api/doctor``; ``ok`` means that nothing found is an error."""
    findings = find(facts)
    return {
        "ok": all(finding.level != "error" for finding in findings),
        "checked_nodes": sum(node.error is None for node in facts.nodes),
        "training_jobs": list(facts.training_jobs),
        "findings": [asdict(finding) for finding in findings],
        "nodes": [shown_node(node, facts.own) for node in facts.nodes],
        "links": [link.shown() for link in facts.links],
    }


def find(facts: ClusterFacts) -> list[Finding]:
    """Errors, then warnings, then a line for each check that found nothing wrong."""
    found: list[Finding] = []
    for check, (judge, fine) in _CHECKS.items():
        found += list(judge(facts)) or [Finding("ok", check, None, fine(facts))]
    if facts.training_jobs and facts.links:
        jobs = ", ".join(facts.training_jobs)
        text = f"The links were measured while jobs trained ({jobs}); without them they are faster"
        found.append(Finding("ok", "links", None, text))
    return sort_findings(found)


def _answers_text(facts: ClusterFacts) -> str:
    num_nodes = len(facts.nodes)
    return f"{num_nodes} node{'s' if num_nodes > 1 else ''} answered, and no other is alive"


def _versions_text(facts: ClusterFacts) -> str:
    own = facts.host.versions
    shown = ", ".join(f"{name} {own.get(name)}" for name in ("python", "ray", "torch", "numpy"))
    return f"The nodes have the same versions as the gateway's host: {shown}"


def _clock_text(_: ClusterFacts) -> str:
    limit_s = host_findings.MAX_CLOCK_OFFSET_S
    return f"No clock is more than {limit_s:.0f} s off that of the gateway's host"


def _shared_memory_text(_: ClusterFacts) -> str:
    limit = size_text(LITTLE_STORE_BYTES)
    return f"Every object store has at least {limit} and fits into /dev/shm"


def _memory_text(_: ClusterFacts) -> str:
    return f"{size_text(host_findings.LITTLE_MEMORY_BYTES)} or more are available on each node"


def _disk_text(_: ClusterFacts) -> str:
    return f"No disk that Ray writes to is more than {host_findings.MAX_DISK_SHARE:.0%} full"


def _links_text(facts: ClusterFacts) -> str:
    if not facts.links:
        return "Fewer than two nodes answered, so there is no link to measure"
    slowest_s = max(link.round_trip_s or 0.0 for link in facts.links)
    narrowest = min(link.bytes_per_s or 0.0 for link in facts.links)
    return (
        f"Of {len(facts.links)} links the slowest takes {slowest_s * 1e3:.1f} ms there and back "
        f"(limit {network_findings.LONG_ROUND_TRIP_S * 1e3:.0f} ms), the narrowest carries "
        f"{narrowest / 1e6:.0f} MB/s (limit {network_findings.LITTLE_BYTES_PER_S / 1e6:.0f} MB/s)"
    )


_Judge = Callable[[ClusterFacts], Iterator[Finding]]
_CHECKS: dict[str, tuple[_Judge, Callable[[ClusterFacts], str]]] = {
    "answers": (network_findings.answers, _answers_text),
    "names": (network_findings.names, lambda _: "No two nodes claim to be the same device"),
    "versions": (host_findings.versions, _versions_text),
    "accelerators": (
        host_findings.accelerators,
        lambda _: "Where Ray counts a GPU, torch sees one",
    ),
    "ports": (network_findings.ports, lambda _: "Every node reaches the ports of every other"),
    "links": (network_findings.links, _links_text),
    "token_mode": (host_findings.token_modes, lambda _: "RAY_AUTH_MODE is the same on all nodes"),
    "memory": (host_findings.memories, _memory_text),
    "shared_memory": (host_findings.shared_memory, _shared_memory_text),
    "disk": (host_findings.disks, _disk_text),
    "clock": (host_findings.clocks, _clock_text),
    "storage": (host_findings.folders, lambda _: "The gateway can write to its folders"),
}
