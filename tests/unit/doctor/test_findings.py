"""The findings of a checkup: each check with nothing wrong, and with each problem."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.doctor.facts import Clock, Examined, FolderFacts
from orchestrator.doctor.finding import GIB, MIB
from orchestrator.doctor.findings import find, report
from tests.support.checkups import (
    CHECKS,
    DESK,
    HEAD,
    HOST,
    VERSIONS,
    cluster,
    node,
    the_only,
    with_host,
    with_store,
    with_versions,
    wrong,
)


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


def with_gpu(number: int, torch: str | None, seen: tuple[str, ...] | None) -> Examined:
    """Ray counts a GPU there; torch is of this version and sees these accelerators."""
    host = with_versions(number, torch=torch)
    there = replace(host.checked.node, num_gpus=1.0)
    return replace(host, checked=replace(host.checked, node=there), accelerators=seen)


@pytest.mark.parametrize(
    ("torch", "remedy"),
    [
        ("2.13.0+cpu", "pip uninstall -y torch && pip install torch==2.13.0"),
        ("2.13.0+cu130", "nvidia-smi"),
        ("2.13.0", "nvidia-smi"),
    ],
)
def test_a_gpu_that_torch_does_not_see_is_a_warning(torch: str, remedy: str) -> None:
    finding = the_only(cluster(node(1), with_gpu(2, torch, ())), "accelerators")
    assert (finding.level, finding.node) == ("warning", DESK)
    assert f"Ray counts 1 GPU on 10.0.0.2:5001, but torch {torch} there sees none" in finding.text
    assert finding.remedy and finding.remedy.startswith(remedy)


@pytest.mark.parametrize("seen", [("cuda: A",), None])
def test_a_gpu_that_torch_sees_or_that_is_not_known_is_not_told(
    seen: tuple[str, ...] | None,
) -> None:
    assert wrong(cluster(node(1), with_gpu(2, "2.13.0", seen))) == []


def test_where_torch_is_missing_it_is_not_blamed_for_the_gpu() -> None:
    the_only(cluster(node(1), with_gpu(2, None, ())), "versions")


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


@pytest.mark.parametrize(
    ("folder", "level", "remedy"),
    [
        (FolderFacts("storage_path", "/a b", error="Permission denied"), "error", "chown"),
        (FolderFacts("data_dir", "/data", error="Read-only file system"), "warning", "chown"),
        (FolderFacts("storage_path", "/full", free_bytes=MIB), "warning", "du -xh"),
    ],
)
def test_folders_of_the_gateway(folder: FolderFacts, level: str, remedy: str) -> None:
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


def test_checkpoints_of_no_job_are_named_and_nothing_is_wrong_with_the_rest() -> None:
    folders = [f"/tandem/checkpoints/jobs/{n}" for n in range(1, 6)]
    finding = the_only(replace(cluster(), strangers=folders[:1]), "storage")
    assert finding.level == "warning" and finding.remedy == f"du -sh {folders[0]}"
    finding = the_only(replace(cluster(), strangers=folders), "storage")
    assert folders[0] in finding.text and "2 more" in finding.text
    assert report(replace(cluster(), strangers=folders))["ok"]
