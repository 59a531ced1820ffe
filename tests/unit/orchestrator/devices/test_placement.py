from __future__ import annotations

from typing import Any

import pytest

from orchestrator.cluster.ray_start import MAX_DEVICE_PORT
from orchestrator.devices.placement import ClusterView, parse_nodes
from orchestrator.errors import AmbiguousDevice, NodeNotFound

GATEWAY = "10.0.0.1"


def ray_node(ip: str, port: int, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {
        "NodeID": f"{ip}-{port}-{alive}",
        "Alive": alive,
        "NodeManagerAddress": ip,
        "NodeManagerHostname": f"host-{ip}",
        "NodeManagerPort": port,
        "Resources": {"CPU": 8.0, **resources},
    }


NODES = parse_nodes(
    [
        ray_node(GATEWAY, 5001, **{"device:6001": 1, "device:6002": 1, "device:cam": 1}),
        ray_node("10.0.0.2", 5001),
        ray_node("10.0.0.2", 5002, alive=False),
    ]
)
CLUSTER = ClusterView(tuple(NODES), GATEWAY, f"{GATEWAY}:6380")


def test_a_device_is_the_node_with_that_node_manager_port() -> None:
    device = CLUSTER.resolve("10.0.0.2", 5001)
    assert device.node.ip == "10.0.0.2" and device.resource is None


def test_a_device_is_the_node_that_offers_its_resource() -> None:
    device = CLUSTER.resolve(GATEWAY, 6002)
    assert device.resource == "device:6002"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_means_the_gateways_host(name: str) -> None:
    assert CLUSTER.resolve(name, 5001).node.ip == GATEWAY


@pytest.mark.parametrize("address", [("10.0.0.2", 5002), ("10.0.0.3", 5001), (GATEWAY, 6003)])
def test_what_no_live_node_answers_to_is_refused_with_the_command(address: tuple[str, int]) -> None:
    ip, port = address
    command = f"ray start --address={GATEWAY}:6380 --node-manager-port={port}"
    with pytest.raises(NodeNotFound, match=f"{ip}:{port}.*{command}"):
        CLUSTER.resolve(ip, port)


@pytest.mark.parametrize(
    ("ip", "there"),
    [
        (GATEWAY, "the devices 6001, 6002 do"),
        ("10.0.0.2", "the devices 5001 do"),
        ("10.0.0.9", "no node is there"),
    ],
)
def test_the_devices_at_that_ip_are_told(ip: str, there: str) -> None:
    with pytest.raises(NodeNotFound, match=there):
        CLUSTER.resolve(ip, 4999)


def test_two_nodes_that_claim_one_device_are_refused() -> None:
    twins = [ray_node("10.0.0.2", 5001), ray_node("10.0.0.2", 5002, **{"device:5001": 1})]
    cluster = ClusterView(tuple(parse_nodes(twins)), GATEWAY, f"{GATEWAY}:6379")
    with pytest.raises(AmbiguousDevice) as caught:
        cluster.resolve("10.0.0.2", 5001)
    assert "2 Ray nodes at 10.0.0.2 claim to be device 5001" in caught.value.message
    assert "(their node-manager ports: 5001, 5002)" in caught.value.message
    # 5002 is the other one's.
    assert f"`tandem join {GATEWAY}:6379 --port 5003`" in caught.value.message
    assert "`ray stop` ends all Ray nodes" in caught.value.message
    assert cluster.resolve("10.0.0.2", 5002).resource is None


@pytest.mark.parametrize("port", [MAX_DEVICE_PORT, 43_211])
def test_a_namesake_gets_a_port_that_a_device_may_have(port: int) -> None:
    twins = [ray_node("10.0.0.2", port), ray_node("10.0.0.2", 5001, **{f"device:{port}": 1})]
    cluster = ClusterView(tuple(parse_nodes(twins)), GATEWAY, f"{GATEWAY}:6379")
    with pytest.raises(AmbiguousDevice, match=f"`tandem join {GATEWAY}:6379 --port 5002`"):
        cluster.resolve("10.0.0.2", port)


def test_a_node_whose_end_ray_has_not_noticed_is_no_namesake() -> None:
    twins = [ray_node("10.0.0.2", 5001), {**ray_node("10.0.0.2", 5001), "NodeID": "back again"}]
    cluster = ClusterView(tuple(parse_nodes(twins)), GATEWAY, f"{GATEWAY}:6379")
    with pytest.raises(AmbiguousDevice) as caught:
        cluster.resolve("10.0.0.2", 5001)
    assert "one of them has ended" in caught.value.message
    assert "try again" in caught.value.message and "tandem join" not in caught.value.message


def test_cores_are_shared_by_the_devices_a_node_offers() -> None:
    assert [node.default_threads for node in NODES] == [4, 8]


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        ({}, ()),
        ({"GPU": 2.0}, ("GPU", "GPU")),
        ({"GPU": 2.0, "accelerator_type:H100": 1.0}, ("H100", "H100")),
        ({"TPU": 4.0, "accelerator_type:TPU-V4": 1.0}, ("TPU-V4",)),
        ({"GPU": 2.0, "accelerator_type:L4": 1.0, "accelerator_type:A10G": 1.0}, ("A10G", "L4")),
    ],
)
def test_accelerators_are_named_as_ray_knows_them(
    resources: dict[str, float], names: tuple[str, ...]
) -> None:
    (node,) = parse_nodes([ray_node("10.0.0.2", 5001, **resources)])
    assert (node.host_name, node.accelerators) == ("host-10.0.0.2", names)
    assert node.num_gpus == resources.get("GPU", 0.0)
