"""State files whose cluster can't be seen from here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from orchestrator.cluster.local_cluster import (
    ClusterState,
    ensure_local_cluster,
    running_address,
    stop_local_cluster,
)
from orchestrator.cluster.own_processes import ProcessRecord
from orchestrator.errors import ClusterUnavailable, InvalidRequest
from orchestrator.settings import load_settings
from tests.support.ports import free_ports, listening


def write_state(storage: Path, port: int) -> Path:
    """The state of a cluster of another host that shares the folder; its head listens at
    ``port``."""
    state = ClusterState(
        address=f"127.0.0.1:{port}",
        dashboard_url=None,
        device_ports=(5001, 5002),
        local_nodes=False,
        temp_dir="/tmp/tandem-of-another-host",
        ray="2.60.0",
        processes=(ProcessRecord(1, "another host", "1"),),
        ready=True,
    )
    file = storage / "cluster.json"
    file.write_text(json.dumps(asdict(state)))
    return file


def test_a_cluster_that_answers_and_is_not_here_is_not_said_to_be_ended(tmp_path: Path) -> None:
    with listening() as port:
        file = write_state(tmp_path, port)
        assert running_address(tmp_path) is None
        with pytest.raises(ClusterUnavailable, match=f"127.0.0.1:{port}"):
            stop_local_cluster(tmp_path)
        with pytest.raises(ClusterUnavailable, match=f"127.0.0.1:{port}"):
            ensure_local_cluster(load_settings(storage_path=tmp_path))
        assert file.exists()


def test_the_state_of_a_cluster_that_a_restart_of_the_host_ended_is_cleared_away(
    tmp_path: Path,
) -> None:
    (port,) = free_ports(1)
    file = write_state(tmp_path, port)
    assert stop_local_cluster(tmp_path)
    assert not file.exists()
    assert not stop_local_cluster(tmp_path)


def test_a_taken_port_of_a_device_that_would_be_a_node_is_told_before_anything_is_started(
    tmp_path: Path,
) -> None:
    with listening() as port:
        settings = load_settings(
            storage_path=tmp_path, local_nodes=True, local_devices=1, local_device_port=port
        )
        with pytest.raises(InvalidRequest, match=f"Port {port}.*--local-device-port"):
            ensure_local_cluster(settings)
    assert not (tmp_path / "cluster.json").exists()
