"""Problems between the nodes."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.doctor import remedies
from orchestrator.doctor.facts import NO_TIME, CheckedNode, ClusterFacts, Examined, Link
from orchestrator.doctor.finding import Finding

# Ray's call takes some 3 ms on one host, and Wi-Fi adds some 10. A pipeline with m microbatches
# waits for about m messages a step at each neighbour.
LONG_ROUND_TRIP_S = 0.03
# Ethernet of 100 Mbit/s carries a little more.
LITTLE_BYTES_PER_S = 10e6


def answers(facts: ClusterFacts) -> Iterator[Finding]:
    """Nodes that did not report."""
    for node in facts.nodes:
        if node.error is not None:
            text = f"The node {node.name} ({node.checked.node.host_name}) {node.error}"
            remedy = remedies.restart(node.checked, facts.address, facts.gateway_ip)
            yield Finding("error", "answers", node.name, text, remedy)


def names(facts: ClusterFacts) -> Iterator[Finding]:
    """Devices that several nodes of a host claim to be; the JobManager's keeps the name."""
    nodes = sorted((n.checked for n in facts.nodes), key=lambda n: (n.name != facts.own, n.name))
    claimants: dict[tuple[str, int], list[CheckedNode]] = {}
    for node in nodes:
        for port in node.node.claims:
            claimants.setdefault((node.node.ip, port), []).append(node)
    for (ip, port), several in sorted(claimants.items()):
        if len({node.name for node in several}) > 1:  # otherwise one has ended: Ray will notice
            there = [node.node for node in nodes if node.node.ip == ip]
            text = (
                f"{' and '.join(node.name for node in several)} claim to be the same device, "
                f"{ip}:{port}, by their port or by a resource device:{port}: it can't be registered"
            )
            remedy = remedies.rename(there, port, facts.address)
            yield Finding("error", "names", several[-1].name, text, remedy)


def ports(facts: ClusterFacts) -> Iterator[Finding]:
    """Ports that a node can't reach, each with both ends."""
    for source in facts.nodes:
        for target in facts.nodes:
            if target.name != source.name:
                yield from _refused(source, target) or _kept_out(source, target)


def _kept_out(source: Examined, target: Examined) -> list[Finding]:
    """Training goes on without, only slower."""
    if target.name not in source.kept_out or target.free_ports is None:
        return []
    text = (
        f"{source.name} can't connect to a free port of {target.name}: activations and gradients "
        "can't go by gloo between them, but by Ray's calls, which take longer"
    )
    remedy = remedies.open_ports(source.checked, target.free_ports)
    return [Finding("warning", "ports", target.name, text, remedy)]


def _refused(source: Examined, target: Examined) -> list[Finding]:
    found = []
    for what, port in target.checked.ports.items():
        cause = source.refused.get((target.checked.node.ip, port))
        if cause is not None:
            text = (
                f"{source.name} can't connect to port {port} of {target.name}, its {what} "
                f"({cause}); {_way_back(source, target)}"
            )
            remedy = remedies.open_firewall(source.checked, target.checked)
            found.append(Finding("error", "ports", target.name, text, remedy))
    return found


def _way_back(source: Examined, target: Examined) -> str:
    """What is known about connections from ``target`` to ``source``."""
    if target.error is not None:
        return "the other way is not known"
    there = {(source.checked.node.ip, port) for port in source.checked.ports.values()}
    return "nor the other way" if there & set(target.refused) else "the other way is open"


def links(facts: ClusterFacts) -> Iterator[Finding]:
    """Links that are slow, don't work, or were not measured."""
    nodes = {node.name: node.checked for node in facts.nodes}
    for link in facts.links:
        if link.error is not None:
            yield _unmeasured(link, nodes[link.source], nodes[link.target])
        else:
            yield from _slow(link)


def _unmeasured(link: Link, source: CheckedNode, target: CheckedNode) -> Finding:
    where = f"The link from {link.source} to {link.target}"
    if link.error == NO_TIME:
        text = f"{where} was not measured: {NO_TIME}"
        return Finding("warning", "links", None, text, "tandem doctor")
    remedy = remedies.open_firewall(target, source)
    return Finding("error", "links", link.source, f"{where} does not work: {link.error}", remedy)


def _slow(link: Link) -> Iterator[Finding]:
    if link.round_trip_s is not None and link.round_trip_s > LONG_ROUND_TRIP_S:
        text = (
            f"A call from {link.target} to {link.source} takes {link.round_trip_s * 1e3:.0f} ms "
            f"there and back, more than {LONG_ROUND_TRIP_S * 1e3:.0f} ms"
        )
        yield Finding("warning", "links", link.target, text, remedies.NO_POWER_SAVING)
    if link.bytes_per_s is not None and link.bytes_per_s < LITTLE_BYTES_PER_S:
        text = (
            f"{link.bytes_per_s / 1e6:.1f} MB/s go from {link.source} to {link.target}, less than "
            f"{LITTLE_BYTES_PER_S / 1e6:.0f} MB/s, which Ethernet of 100 Mbit/s carries"
        )
        yield Finding("warning", "links", link.target, text, remedies.SHOW_BIT_RATE)
