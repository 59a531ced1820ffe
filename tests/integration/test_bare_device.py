"""Devices that have Python, Ray and torch, and nothing of Tandem's, or another version of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from typing import Any

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, train
from tests.support.ray_nodes import BareEnvironment, RayCluster

OLD_CPU = {"ATEN_CPU_CAPABILITY": "default"}  # torch there uses no instruction beyond the oldest


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> BareEnvironment:
    environment = BareEnvironment.make(tmp_path_factory.mktemp("environment") / "bare")
    assert environment.can_import("ray, torch")
    assert not environment.can_import("actors")
    return environment


@pytest.fixture(scope="module")
def other_version(
    bare: BareEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> BareEnvironment:
    folder = tmp_path_factory.mktemp("packages")
    for package in ("actors", "actors/core", "orchestrator"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("")
    (folder / "actors" / "core" / "version.py").write_text('__version__ = "0.0.1"\n')
    environment = bare.with_packages(folder)
    shown = environment.run("from actors.core.version import __version__; print(__version__)")
    assert shown.stdout == "0.0.1\n", shown.stderr
    return environment


@pytest.fixture(scope="module")
def torchless(bare: BareEnvironment, tmp_path_factory: pytest.TempPathFactory) -> BareEnvironment:
    environment = bare.without("torch", tmp_path_factory.mktemp("torchless") / "packages")
    assert environment.can_import("ray") and not environment.can_import("torch")
    return environment


@pytest.fixture(scope="module")
def cluster(
    bare: BareEnvironment, other_version: BareEnvironment, torchless: BareEnvironment
) -> Iterator[RayCluster]:
    cluster = RayCluster()
    try:
        cluster.start_head()
        cluster.start_node(environment=replace(bare, env={**bare.env, **OLD_CPU}))
        cluster.start_node(environment=other_version)
        cluster.start_node(environment=torchless)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def client(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TandemClient]:
    arguments = ["--ray-address", cluster.address]
    storage = tmp_path_factory.mktemp("storage")
    gateway = GatewayProcess.start(storage, arguments, cluster.env)
    try:
        yield TandemClient(gateway.url, timeout_s=60.0)
    finally:
        gateway.stop()


def devices_of(cluster: RayCluster) -> list[dict[str, Any]]:
    ip = cluster.address.split(":")[0]
    return [{"ip": ip, "port": node.port} for node in cluster.nodes]


@pytest.fixture(scope="module")
def job(cluster: RayCluster, client: TandemClient) -> dict[str, Any]:
    """A job that was trained on all of them that have torch."""
    job_id = create_job(client, devices_of(cluster)[:3])
    client.initialize(job_id)
    return train(client, job_id, epochs=2)


def test_the_gateways_code_travels_to_them_with_the_job(job: dict[str, Any]) -> None:
    assert job["status"] == "completed", job.get("error")
    assert len(job["layers"]) == 3


def test_a_device_whose_cpu_has_other_instructions_is_told(job: dict[str, Any]) -> None:
    told = next(text for text in job["plan"]["differences"] if "differ in CPU" in text)
    devices = dict(re.findall(r"device (\d) has ([^;]+)", told))
    assert set(devices) == {"1", "2", "3"}, told
    assert devices["2"].endswith(", DEFAULT") and devices["1"] == devices["3"] != devices["2"]


def test_a_device_without_torch_is_told_with_the_command_that_installs_it(
    cluster: RayCluster, client: TandemClient
) -> None:
    job_id = create_job(client, devices_of(cluster)[3:])
    own = metadata.version("torch").partition("+")[0]
    remedy = rf"device 1 \(.*\) has no torch: run there `pip install torch=={re.escape(own)}`"
    with pytest.raises(ApiError, match=remedy):
        client.initialize(job_id)
