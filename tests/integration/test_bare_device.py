"""A device that has Python, Ray and torch, and nothing of Tandem's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from http_gateway.client import TandemClient
from http_gateway.gateway_process import GatewayProcess
from tests.support.jobs import create_job, train
from tests.support.ray_nodes import BareEnvironment, RayCluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayCluster]:
    environment = BareEnvironment.make(tmp_path / "bare")
    assert environment.can_import("ray") and environment.can_import("torch")
    assert not environment.can_import("actors")
    cluster = RayCluster()
    try:
        cluster.start_head()
        cluster.start_node(environment=environment)
        yield cluster
    finally:
        cluster.stop()


def test_the_code_travels_to_it_with_the_job(cluster: RayCluster, tmp_path: Path) -> None:
    arguments = ["--ray-address", cluster.address]
    gateway = GatewayProcess.start(tmp_path / "storage", arguments, cluster.env)
    try:
        client = TandemClient(gateway.url, timeout_s=60.0)
        ip = cluster.address.split(":")[0]
        devices = [{"ip": ip, "port": node.port} for node in cluster.nodes]
        job_id = create_job(client, devices)
        client.initialize(job_id)
        job = train(client, job_id, epochs=2)
        assert job["status"] == "completed", job.get("error")
    finally:
        gateway.stop()
