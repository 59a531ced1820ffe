from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from orchestrator.devices.device_list import Address, NodeFacts, Probed, Registrations, list_devices
from orchestrator.devices.placement import ClusterView, Node

HEAD = Node("h", "10.0.0.10", 40_000, 8.0, frozenset({5002, 5001}), "head", ("H100",))
DESK = Node("d", "10.0.0.9", 5001, 4.0, frozenset(), "desk")
FACTS = NodeFacts("Linux 6.1 x86_64", 2**34, 2**33, {"python": "3.11.7", "tandem": None})
PROBED = {"h": Probed(FACTS), "d": Probed(None, "frozen")}


def listed(
    jobs: Mapping[Address, Sequence[str]] | None = None,
    holders: Mapping[Address, str] | None = None,
    nodes: tuple[Node, ...] = (HEAD, DESK),
) -> list[dict[str, Any]]:
    cluster = ClusterView(nodes, HEAD.ip, f"{HEAD.ip}:6379")
    return list_devices(cluster, Registrations(jobs or {}, holders or {}), PROBED)


def addresses(entries: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(entry["ip"], entry["port"]) for entry in entries]


def test_a_node_is_one_device_or_those_it_offers_by_ip_and_port() -> None:
    assert addresses(listed()) == [("10.0.0.9", 5001), ("10.0.0.10", 5001), ("10.0.0.10", 5002)]


def test_an_entry_has_what_ray_and_the_probe_know() -> None:
    assert listed()[1] == {
        "ip": "10.0.0.10",
        "port": 5001,
        "node_id": "h",
        "host_name": "head",
        "cores": 8,
        "accelerators": ["H100"],
        "os": "Linux 6.1 x86_64",
        "memory_bytes": 2**34,
        "available_memory_bytes": 2**33,
        "versions": {"python": "3.11.7", "tandem": None},
        "jobs": [],
        "held_by": None,
        "status": "free",
        "probe_error": None,
    }


def test_a_node_that_does_not_answer_is_listed_with_what_ray_knows() -> None:
    desk = listed()[0]
    assert (desk["host_name"], desk["cores"], desk["status"]) == ("desk", 4, "free")
    assert (desk["os"], desk["memory_bytes"], desk["versions"]) == (None, None, None)
    assert desk["probe_error"] == "frozen"


def test_a_device_is_busy_while_a_job_holds_it() -> None:
    jobs = {("10.0.0.10", 5002): ["1", "2"], ("10.0.0.9", 5001): ["2"]}
    desk, first, second = listed(jobs, {("10.0.0.10", 5002): "2"})
    assert (second["jobs"], second["held_by"], second["status"]) == (["1", "2"], "2", "busy")
    assert (desk["jobs"], desk["held_by"], desk["status"]) == (["2"], None, "free")
    assert (first["jobs"], first["status"]) == ([], "free")


def test_a_registered_device_without_a_live_node_is_gone_and_says_how_to_bring_it_back() -> None:
    entries = listed({("10.0.0.11", 5001): ["1"], ("10.0.0.9", 5002): ["2"]})
    gone = [entry for entry in entries if entry["status"] == "gone"]
    assert addresses(gone) == [("10.0.0.9", 5002), ("10.0.0.11", 5001)]
    assert [entry["jobs"] for entry in gone] == [["2"], ["1"]]
    assert "the devices 5001 do" in gone[0]["probe_error"]
    command = "ray start --address=10.0.0.10:6379 --node-manager-port=5001"
    assert command in gone[1]["probe_error"]
    assert list(gone[0]) == list(entries[0])
    known = {"ip", "port", "jobs", "held_by", "status", "probe_error"}
    assert all(gone[0][name] is None for name in set(gone[0]) - known)


def test_a_device_that_is_held_when_its_node_goes_is_gone() -> None:
    (entry,) = listed({("10.0.0.11", 5001): ["1"]}, {("10.0.0.11", 5001): "1"}, nodes=())
    assert (entry["status"], entry["held_by"]) == ("gone", "1")


def test_a_node_registered_by_its_own_port_is_listed_beside_the_devices_it_offers() -> None:
    entries = listed({("10.0.0.10", 40_000): ["1"]}, nodes=(HEAD,))
    assert [(e["port"], e["status"], e["jobs"]) for e in entries] == [
        (5001, "free", []),
        (5002, "free", []),
        (40_000, "free", ["1"]),
    ]


def test_two_nodes_that_claim_one_device_are_both_listed() -> None:
    twin = Node("d", HEAD.ip, 5001, 2.0, frozenset())
    entries = listed({(HEAD.ip, 5001): ["1"]}, nodes=(HEAD, twin))
    assert [(e["port"], e["node_id"]) for e in entries] == [(5001, "h"), (5001, "d"), (5002, "h")]


@pytest.mark.parametrize("name", ["desk.home", "fe80::1%eth0"])
def test_what_is_no_plain_ipv4_address_comes_later(name: str) -> None:
    odd = Node("d", name, 5001, 1.0, frozenset())
    assert [entry["ip"] for entry in listed(nodes=(odd, HEAD))][-1] == name
