"""What a checkup makes of what it saw; each check with nothing wrong, and with each wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.doctor.facts import (
    NO_TIME,
    CheckedNode,
    Clock,
    ClusterFacts,
    Examined,
    Folder,
    HostFacts,
    Link,
)
from orchestrator.doctor.finding import GIB, MIB, Finding
from orchestrator.doctor.findings import find, report
from orchestrator.placement import Node

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
    """The node at 10.0.0.<number>, well but for what is told."""
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
        folders=[Folder("storage_path", "/home/me/.tandem", 50 * GIB)],
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


def test_a_cluster_that_is_well_is_told_so_by_every_check() -> None:
    findings = find(cluster())
    assert {f.check for f in findings} == CHECKS and len(findings) == len(CHECKS)
    assert {(f.level, f.node, f.remedy) for f in findings} == {("ok", None, None)}
    text = " ".join(f.text for f in findings)
    assert "python 3.11.7, ray 2.60.0, torch 2.13.0+cpu, numpy 2.4.6" in text
    assert "slowest takes 3.0 ms" in text and "narrowest carries 90 MB/s" in text


def test_one_node_alone_is_well_and_has_no_link() -> None:
    findings = find(cluster(node(1), links=[]))
    assert {f.level for f in findings} == {"ok"}
    assert "no link to measure" in next(f.text for f in findings if f.check == "links")


@pytest.mark.parametrize(
    ("versions", "level", "said", "remedy"),
    [
        (
            {"python": "3.12.1"},
            "error",
            "python 3.12, but the gateway's host 3.11",
            "python3.11 -m",
        ),
        ({"ray": "2.59.0"}, "error", "ray 2.59.0", "pip install 'ray[default]==2.60.0'"),
        ({"torch": "2.12.0"}, "warning", "torch 2.12.0", "pip install torch==2.13.0"),
        ({"ray": None}, "error", "has no ray", "pip install 'ray[default]==2.60.0'"),
        ({"torch": None}, "error", "has no torch", "pip install torch==2.13.0"),
        ({"numpy": None}, "error", "has no numpy", "pip install numpy==2.4.6"),
    ],
)
def test_versions_that_differ_or_are_missing(
    versions: dict[str, str | None], level: str, said: str, remedy: str
) -> None:
    finding = the_only(cluster(node(1), with_versions(2, **versions)), "versions")
    assert (finding.level, finding.node) == (level, DESK)
    assert said in finding.text and finding.remedy and finding.remedy.startswith(remedy)


@pytest.mark.parametrize(
    "versions",
    [{"python": "3.11.2"}, {"torch": "2.13.0+cu128"}, {"numpy": "2.1.0"}, {"tandem": None}],
)
def test_versions_that_may_differ(versions: dict[str, str | None]) -> None:
    assert wrong(cluster(node(1), with_versions(2, **versions))) == []


@pytest.mark.parametrize(("ahead_s", "side"), [(1.5, "1.5 s ahead of"), (-9e4, "90000.0 s behind")])
def test_a_clock_that_is_wrong_is_a_warning_however_wrong(ahead_s: float, side: str) -> None:
    finding = the_only(cluster(node(1), node(2, clock=Clock(ahead_s, 0.01))), "clock")
    assert (finding.level, finding.node) == ("warning", DESK)
    assert side in finding.text and "more than 1 s" in finding.text
    assert finding.remedy == "sudo timedatectl set-ntp true"


@pytest.mark.parametrize("clock", [Clock(1.0, 0.0), Clock(1.5, 0.6), Clock(-0.9, 0.0), None])
def test_a_clock_that_may_be_right_is_not_told(clock: Clock | None) -> None:
    assert wrong(cluster(node(1), node(2, clock=clock))) == []


def test_a_mac_sets_its_clock_by_its_own_command() -> None:
    mac = replace(with_host(2, os="macOS 14.4 arm64"), clock=Clock(5.0, 0.0))
    assert the_only(cluster(node(1), mac), "clock").remedy == "sudo sntp -sS time.apple.com"


@pytest.mark.parametrize(
    ("available", "level", "limit"),
    [(GIB - 1, "warning", "less than 1.0 GiB"), (512 * MIB - 1, "error", "less than 512 MiB")],
)
def test_little_memory(available: int, level: str, limit: str) -> None:
    finding = the_only(cluster(node(1), with_host(2, available_memory_bytes=available)), "memory")
    assert (finding.level, finding.node) == (level, DESK) and limit in finding.text


@pytest.mark.parametrize("available", [GIB, None])
def test_memory_that_suffices_or_is_not_known_is_not_told(available: int | None) -> None:
    assert wrong(cluster(node(1), with_host(2, available_memory_bytes=available))) == []


def test_shared_memory_smaller_than_the_object_store() -> None:
    small = with_host(2, shared_memory_bytes=64 * MIB)  # what containers get
    finding = the_only(cluster(node(1), small), "shared_memory")
    assert (finding.level, finding.node) == ("warning", DESK)
    assert "64 MiB" in finding.text and "2.0 GiB" in finding.text
    assert finding.remedy == "sudo mount -o remount,size=2G /dev/shm"


def test_a_host_without_dev_shm_is_not_blamed_for_it() -> None:
    assert wrong(cluster(node(1), with_host(2, shared_memory_bytes=None))) == []


def test_a_small_object_store() -> None:
    finding = the_only(cluster(node(1), with_store(2, 80 * MIB)), "shared_memory")
    assert finding.level == "warning"
    assert "80 MiB" in finding.text and "less than 128 MiB" in finding.text


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [(100 * GIB, 4 * GIB, "warning"), (GIB, 500 * MIB, "error"), (100 * GIB, 1, "error")],
)
def test_a_disk_that_is_nearly_full(total: int, free: int, level: str) -> None:
    full = with_host(2, disk_bytes=total, free_disk_bytes=free)
    finding = the_only(cluster(node(1), full), "disk")
    assert (finding.level, finding.node) == (level, DESK)
    assert "/tmp/ray" in finding.text and "95%" in finding.text and "512 MiB" in finding.text


@pytest.mark.parametrize("disk", [(100 * GIB, 6 * GIB), (None, None)])
def test_a_disk_with_room_or_unknown_is_not_told(disk: tuple[int | None, int | None]) -> None:
    total, free = disk
    assert wrong(cluster(node(1), with_host(2, disk_bytes=total, free_disk_bytes=free))) == []


def test_a_token_mode_that_differs() -> None:
    finding = the_only(cluster(node(1), with_host(2, auth_mode=None)), "token_mode")
    assert (finding.level, finding.node) == ("warning", DESK)
    assert "is disabled on" in finding.text and "token on the gateway's host" in finding.text
    assert finding.remedy and finding.remedy.startswith("export RAY_AUTH_MODE=token")


def test_a_token_mode_that_is_unset_is_disabled() -> None:
    off = replace(HOST, auth_mode="disabled")
    nodes = (with_host(1, auth_mode="disabled"), with_host(2, auth_mode=None))
    assert wrong(cluster(*nodes, host=off)) == []


def test_a_node_that_does_not_answer_is_a_finding_and_the_rest_goes_on() -> None:
    silent = node(2, host=None, clock=None, error="has not answered within 11 s")
    facts = cluster(node(1), silent, links=[])
    finding = the_only(facts, "answers")
    assert (finding.level, finding.node) == ("error", DESK)
    assert "(host2) has not answered within 11 s" in finding.text
    assert finding.remedy == "ray stop --force && tandem join 10.0.0.1:6379 --port 5001"
    told = report(facts)
    assert not told["ok"] and told["checked_nodes"] == 1 and len(told["nodes"]) == 2


def test_two_nodes_that_claim_one_device_are_told_with_the_command_that_renames_one() -> None:
    first, second = with_devices(2, 5001, 5001, 5002), with_devices(2, 5002)
    finding = the_only(cluster(node(1), first, second), "names")
    assert (finding.level, finding.node) == ("error", "10.0.0.2:5002")
    assert finding.text == (
        "10.0.0.2:5001 and 10.0.0.2:5002 claim to be the same device, 10.0.0.2:5002, by their port "
        "or by a resource device:5002: it can't be registered"
    )
    assert finding.remedy == "tandem join 10.0.0.1:6379 --port 5003  # after Ctrl-C there"


def test_of_two_that_claim_one_device_the_job_managers_node_keeps_it() -> None:
    second = with_devices(1, 5000, 5001)
    finding = the_only(cluster(node(1), second, links=[]), "names")
    assert finding.node == "10.0.0.1:5000"


def test_devices_of_one_name_on_two_hosts_are_two() -> None:
    nodes = (with_devices(1, 5001, 5001, 5002), with_devices(2, 5001, 5001, 5002))
    assert wrong(cluster(*nodes)) == []


def test_a_firewall_that_lets_one_direction_through_is_named_with_both_ends() -> None:
    refused = {("10.0.0.2", 5101): "timed out"}
    finding = the_only(cluster(node(1, refused=refused), node(2)), "ports")
    assert (finding.level, finding.node) == ("error", DESK)
    assert "10.0.0.1:5001 can't connect to port 5101 of 10.0.0.2:5001" in finding.text
    assert "object manager (timed out); the other way is open" in finding.text
    assert finding.remedy == (
        "sudo ufw allow proto tcp from 10.0.0.1 to any "
        "port 5001,5101,5201,5301,5401,5501,10002:10201"
    )


def test_two_firewalls_are_two_findings() -> None:
    first = node(1, refused={("10.0.0.2", 5001): "timed out"})
    second = node(2, refused={("10.0.0.1", 5001): "Connection refused"})
    found = wrong(cluster(first, second))
    assert [(f.node, f.level) for f in found] == [(DESK, "error"), (HEAD, "error")]
    assert all("nor the other way" in f.text for f in found)


def test_of_a_node_that_is_silent_the_way_back_is_not_known() -> None:
    silent = node(2, host=None, clock=None, error="has not answered")
    first = node(1, refused={("10.0.0.2", 5001): "timed out"})
    texts = [f.text for f in wrong(cluster(first, silent)) if f.check == "ports"]
    assert len(texts) == 1 and "the other way is not known" in texts[0]


def test_ports_that_ray_chose_are_let_through_as_they_are() -> None:
    second = node(2)
    second = replace(second, checked=replace(second.checked, object_manager_port=40123))
    first = node(1, refused={("10.0.0.2", 40123): "timed out"})
    finding = the_only(cluster(first, second), "ports")
    assert finding.remedy and finding.remedy.endswith("port 5001,40123,10002:19999")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (Link(HEAD, DESK, 0.045, 50e6), "takes 45 ms there and back, more than 30 ms"),
        (Link(HEAD, DESK, 0.002, 2.5e6), "2.5 MB/s go from 10.0.0.1:5001 to 10.0.0.2:5001"),
        (Link(HEAD, DESK, error=NO_TIME), "was not measured: there was no time left"),
    ],
)
def test_a_link_that_is_slow_or_was_not_measured_is_a_warning(link: Link, said: str) -> None:
    finding = the_only(cluster(links=[link]), "links")
    assert finding.level == "warning" and said in finding.text


def test_a_link_that_does_not_work_is_an_error() -> None:
    finding = the_only(cluster(links=[Link(HEAD, DESK, error="no luck")]), "links")
    assert (finding.level, finding.node) == ("error", HEAD)
    assert finding.remedy and "from 10.0.0.2 to any port 5001,5101" in finding.remedy


def test_links_measured_while_a_job_trained_say_so() -> None:
    facts = cluster(training_jobs=["2", "5"])
    assert any("beside jobs that train (2, 5)" in f.text for f in find(facts))
    assert report(facts)["training_jobs"] == ["2", "5"]
    assert wrong(facts) == []


@pytest.mark.parametrize(
    ("folder", "level", "remedy"),
    [
        (Folder("storage_path", "/a b", error="Permission denied"), "error", "chown"),
        (Folder("data_dir", "/data", error="Read-only file system"), "warning", "chown"),
        (Folder("storage_path", "/full", free_bytes=MIB), "warning", "du -xh"),
    ],
)
def test_folders_of_the_gateway(folder: Folder, level: str, remedy: str) -> None:
    finding = the_only(cluster(folders=[folder]), "storage")
    assert (finding.level, finding.node) == (level, None)
    assert folder.path in finding.text and finding.remedy and remedy in finding.remedy


def test_several_at_once_come_worst_first_and_each_has_its_remedy() -> None:
    sick = replace(
        with_host(2, available_memory_bytes=MIB, free_disk_bytes=4 * GIB),
        clock=Clock(7.0, 0.0),
        refused={("10.0.0.1", 5001): "timed out"},
    )
    findings = find(cluster(node(1), sick))
    levels = [f.level for f in findings]
    assert levels == sorted(levels, key=["error", "warning", "ok"].index)
    assert [f.check for f in findings if f.level == "error"] == ["ports", "memory"]
    assert [f.check for f in findings if f.level == "warning"] == ["disk", "clock"]
    assert all((f.remedy is None) == (f.level == "ok") for f in findings)


def test_the_report_tells_each_node_and_link() -> None:
    told = report(cluster(node(1, accelerators=("cuda: A",)), with_store(2, GIB)))
    assert told["ok"] and told["checked_nodes"] == 2
    first, second = told["nodes"]
    assert (first["node"], first["has_job_manager"], first["accelerators"]) == (
        HEAD,
        True,
        ["cuda: A"],
    )
    assert (second["object_store_bytes"], second["accelerators"]) == (GIB, None)
    assert first["versions"] == VERSIONS and second["clock_ahead_s"] == 0.001
    assert told["links"][0] == {
        "from": HEAD,
        "to": DESK,
        "round_trip_s": 0.002,
        "bytes_per_s": 100e6,
    }
