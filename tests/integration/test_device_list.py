"""The devices of a cluster of the user's own, as they come, freeze and go."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from actors.core.version import __version__
from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, wait_until
from tests.support.ray_nodes import BareEnvironment, RayCluster, RayNode

OTHER_VERSION = "0.0.1"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head, and a node that offers two devices."""
    cluster = RayCluster()
    try:
        cluster.start_head()
        cluster.start_node("--resources", '{"device:6001": 1, "device:6002": 1}')
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def client(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TandemClient]:
    """Of a gateway in that cluster."""
    storage, arguments = tmp_path_factory.mktemp("storage"), ["--ray-address", cluster.address]
    gateway = GatewayProcess.start(storage, arguments, cluster.env)
    try:
        yield TandemClient(gateway.url, timeout_s=60.0)
    finally:
        gateway.stop()


@pytest.fixture(scope="module")
def third(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNode]:
    """A further node, until the last test kills it; another version of Tandem seems to be installed
    there, and none can be imported."""
    folder = tmp_path_factory.mktemp("third")
    installed = folder / "packages" / f"tandem_train-{OTHER_VERSION}.dist-info"
    installed.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: tandem-train\nVersion: {OTHER_VERSION}\n"
    (installed / "METADATA").write_text(metadata)
    bare = BareEnvironment.make(folder / "bare")
    path = os.pathsep.join([str(installed.parent), bare.env["PYTHONPATH"]])
    node = cluster.start_node(environment=replace(bare, env={"PYTHONPATH": path}))
    try:
        yield node
    finally:
        node.kill()
        cluster.nodes.remove(node)


@pytest.fixture
def namesake(cluster: RayCluster) -> Iterator[RayNode]:
    """A further node for one test, which offers a device that the second one offers as well."""
    node = cluster.start_node("--resources", '{"device:6001": 1}')
    try:
        yield node
    finally:
        node.kill()
        cluster.nodes.remove(node)


def listed(client: TandemClient, port: int) -> dict[str, Any]:
    """A device's entry."""
    return next(d for d in client.list_devices() if d["port"] == port)


def ports(client: TandemClient) -> set[int]:
    return {device["port"] for device in client.list_devices()}


def test_a_frozen_node_is_told_and_slows_one_listing_only(
    client: TandemClient, third: RayNode
) -> None:
    """The first test here: nothing is known of the node yet."""
    third.raylet().suspend()
    try:
        took_s = []
        for _ in range(2):
            begin = time.monotonic()
            device = listed(client, third.port)
            took_s.append(time.monotonic() - begin)
            assert "has not answered" in device["probe_error"] and device["os"] is None
            assert (device["cores"], device["status"]) == (2, "free")
        assert took_s[0] < 10 and took_s[1] < 2, took_s
    finally:
        third.raylet().resume()
    wait_until(lambda: listed(client, third.port)["os"], 60, "the late answer was not taken")


def test_every_device_of_every_node_is_listed_with_what_is_installed_there(
    cluster: RayCluster, client: TandemClient, third: RayNode
) -> None:
    head = cluster.nodes[0]

    def all_answered() -> dict[int, dict[str, Any]] | None:
        devices = client.list_devices()
        answered = all(d["probe_error"] is None for d in devices)
        return {d["port"]: d for d in devices} if answered else None

    devices = wait_until(all_answered, 60, "a node gave no answer")
    assert sorted(devices) == sorted([head.port, 6001, 6002, third.port])
    assert devices[6001]["node_id"] == devices[6002]["node_id"] != devices[head.port]["node_id"]
    assert {d["cores"] for d in devices.values()} == {2}
    versions = {port: device["versions"] for port, device in devices.items()}
    assert versions.pop(third.port)["tandem"] == OTHER_VERSION
    assert {v["tandem"] for v in versions.values()} == {__version__}
    assert all(v["torch"] for v in versions.values())


def test_two_nodes_that_claim_one_device_are_told_by_everyone_who_meets_them(
    cluster: RayCluster, client: TandemClient, namesake: RayNode
) -> None:
    ip, claimants = cluster.address.split(":")[0], sorted([cluster.nodes[1].port, namesake.port])
    twins = [device for device in client.list_devices() if device["port"] == 6001]
    assert len({device["node_id"] for device in twins}) == 2
    job_id = create_job(client, [])
    with pytest.raises(ApiError) as caught:
        client.register_device(ip=ip, port=6001, job_id=job_id)
    client.delete_job(job_id)
    assert caught.value.status == 409
    command = f"tandem join {cluster.address} --port 6003"
    told = str(caught.value)
    assert all(str(port) in told for port in claimants) and command in told, told

    report = client.doctor()
    (finding,) = [f for f in report["findings"] if f["check"] == "names"]
    assert finding["level"] == "error"
    assert finding["remedy"].startswith(f"{command}  # after Ctrl-C there")
    assert finding["node"] in {f"{ip}:{port}" for port in claimants}
    assert (
        f"{ip}:{claimants[0]} and {ip}:{claimants[1]} claim to be the same device"
        in finding["text"]
    )


def test_a_registered_device_whose_node_died_is_gone(
    cluster: RayCluster, client: TandemClient, third: RayNode
) -> None:
    ip = cluster.address.split(":")[0]
    job_id = create_job(client, [{"ip": ip, "port": third.port}])
    assert listed(client, third.port)["status"] == "free"
    third.kill()

    def gone() -> dict[str, Any] | None:
        device = listed(client, third.port)
        return device if device["status"] == "gone" else None

    device = wait_until(gone, 60, "the node's death was not noticed")
    assert device["jobs"] == [job_id] and device["register"] is None
    assert device["host_name"] is device["os"] is device["memory_bytes"] is None
    assert f"--node-manager-port={third.port}" in device["probe_error"]
    client.unregister_device(third.port)
    assert third.port not in ports(client)
