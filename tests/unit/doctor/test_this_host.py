"""The findings about a host alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.connection.own_address import OwnAddress
from orchestrator.doctor.facts import FolderFacts, HostFacts
from orchestrator.doctor.finding import GIB, MIB, Finding
from orchestrator.doctor.this_host import OwnFacts, check_this_host, judge
from orchestrator.settings import load_settings
from tests.support.ports import listening

HOST = HostFacts(
    os="Linux 6.1 x86_64",
    memory_bytes=16 * GIB,
    available_memory_bytes=8 * GIB,
    versions={"python": "3.11.7", "ray": "2.60.0", "torch": "2.13.0", "numpy": "2.4.6"},
    shared_memory_bytes=8 * GIB,
    disk_bytes=100 * GIB,
    free_disk_bytes=50 * GIB,
    auth_mode=None,
)
WELL = OwnFacts(
    HOST, "192.168.1.5", "/tmp", (FolderFacts("storage_path", "/home/me/.tandem", GIB),), 4000, ()
)
CHECKS = {"versions", "memory", "shared_memory", "disk", "storage", "network", "ports"}


def the_only(facts: OwnFacts) -> Finding:
    """The one thing that is wrong."""
    findings = judge(facts)
    (finding,) = [f for f in findings if f.level != "ok"]
    assert {f.check for f in findings} == CHECKS and len(findings) == len(CHECKS)
    assert finding.remedy
    return finding


def test_a_host_that_is_well() -> None:
    findings = judge(WELL)
    assert {f.check for f in findings} == CHECKS
    assert {f.level for f in findings} == {"ok"}


@pytest.mark.parametrize(
    ("host", "check", "level"),
    [
        (replace(HOST, versions={**HOST.versions, "torch": None}), "versions", "error"),
        (replace(HOST, available_memory_bytes=100 * MIB), "memory", "error"),
        (replace(HOST, available_memory_bytes=700 * MIB), "memory", "warning"),
        (replace(HOST, shared_memory_bytes=64 * MIB), "shared_memory", "warning"),
        (replace(HOST, free_disk_bytes=MIB), "disk", "error"),
    ],
)
def test_what_is_wrong_with_it(host: HostFacts, check: str, level: str) -> None:
    finding = the_only(replace(WELL, host=host))
    assert (finding.check, finding.level) == (check, level)


def test_a_storage_path_that_can_not_be_written() -> None:
    folder = FolderFacts("storage_path", "/root/x", error="Permission denied")
    finding = the_only(replace(WELL, folders=(folder,)))
    assert (finding.check, finding.level) == ("storage", "error")


@pytest.mark.parametrize(
    ("port", "said", "remedy"),
    [
        (4000, "the gateway's", "tandem serve --port 0"),
        (6379, "a head's", "tandem serve --ray-address 192.168.1.5:6379"),
        (5101, "a device's ports 5101 are taken", "tandem join <head> --port 5002"),
    ],
)
def test_a_port_that_is_taken_is_a_warning(port: int, said: str, remedy: str) -> None:
    finding = the_only(replace(WELL, taken_ports=(port,)))
    assert (finding.level, finding.remedy) == ("warning", remedy) and said in finding.text


def test_a_host_without_a_network_can_have_no_other_devices() -> None:
    finding = the_only(replace(WELL, ip="127.0.0.1"))
    assert (finding.check, finding.level) == ("network", "warning")


def test_a_host_in_two_networks_is_told_how_to_choose_the_other() -> None:
    finding = the_only(replace(WELL, other_networks=(OwnAddress("wlan0", "10.1.0.5"),)))
    assert (finding.check, finding.level) == ("network", "warning")
    assert "192.168.1.5" in finding.text and "10.1.0.5 (wlan0)" in finding.text
    assert (finding.remedy or "").startswith("tandem head --ip 10.1.0.5")


def test_this_very_host_is_looked_at(tmp_path: Path) -> None:
    with listening() as port:
        settings = load_settings(storage_path=tmp_path, port=port)
        report = check_this_host(settings, "No gateway answers")
    assert not report["ok"] and report["nodes"] == report["links"] == []
    first = report["findings"][0]
    assert (first["check"], first["text"]) == ("gateway", "No gateway answers")
    assert any(f"Port {port}, the gateway's" in f["text"] for f in report["findings"])
    assert {f["check"] for f in report["findings"]} == {"gateway", *CHECKS}
