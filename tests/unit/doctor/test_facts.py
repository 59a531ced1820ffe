"""Ray's table of nodes as a checkup reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.doctor.facts import parse_checked_nodes
from orchestrator.doctor.folders import check_folder

ENTRY = {
    "NodeID": "ab",
    "Alive": True,
    "NodeManagerAddress": "10.0.0.2",
    "NodeManagerHostname": "desk",
    "NodeManagerPort": 5001,
    "ObjectManagerPort": 5101,
    "RayletSocketName": "/tmp/ray/session_2026-01-01/sockets/raylet",
    "Resources": {"CPU": 4.0, "object_store_memory": 1e9},
}


def test_the_live_nodes_are_taken_with_ports_store_and_folder() -> None:
    (node,) = parse_checked_nodes([{**ENTRY, "NodeID": "dead", "Alive": False}, ENTRY])
    assert (node.name, node.node.node_id, node.node.host_name) == ("10.0.0.2:5001", "ab", "desk")
    assert node.ports == {"node manager": 5001, "object manager": 5101}
    assert (node.object_store_bytes, node.temp_dir) == (10**9, "/tmp/ray")


def test_a_node_without_socket_files_has_no_known_folder() -> None:
    (node,) = parse_checked_nodes([{**ENTRY, "RayletSocketName": "tcp://127.0.0.1:4711"}])
    assert node.temp_dir == ""


def test_a_folder_that_can_be_written_tells_its_room(tmp_path: Path) -> None:
    folder = check_folder("storage_path", tmp_path)
    assert (folder.setting, folder.path, folder.error) == ("storage_path", str(tmp_path), None)
    assert folder.free_bytes and list(tmp_path.iterdir()) == []


def test_a_folder_still_to_be_made_is_judged_by_the_one_above(tmp_path: Path) -> None:
    folder = check_folder("storage_path", tmp_path / "a" / "b")
    assert folder.error is None and folder.free_bytes
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "a"])
def test_a_folder_that_is_a_file_can_not_be_written(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    assert check_folder("storage_path", file / below).error == "Not a directory"


def test_a_folder_without_permission_can_not_be_written() -> None:
    assert check_folder("storage_path", Path("/proc/tandem")).error
