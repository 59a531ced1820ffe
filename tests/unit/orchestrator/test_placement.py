from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import NodeNotFound
from orchestrator.placement import parse_nodes, resolve_device

GATEWAY = "10.0.0.1"


def ray_node(ip: str, port: int, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {
        "NodeID": f"{ip}-{port}-{alive}",
        "Alive": alive,
        "NodeManagerAddress": ip,
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


def test_a_device_is_the_node_with_that_node_manager_port() -> None:
    device = resolve_device(NODES, "10.0.0.2", 5001, GATEWAY)
    assert device.node.ip == "10.0.0.2" and device.resource is None


def test_a_device_is_the_node_that_offers_its_resource() -> None:
    device = resolve_device(NODES, GATEWAY, 6002, GATEWAY)
    assert device.resource == "device:6002"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_means_the_gateways_host(name: str) -> None:
    assert resolve_device(NODES, name, 5001, GATEWAY).node.ip == GATEWAY


@pytest.mark.parametrize("address", [("10.0.0.2", 5002), ("10.0.0.3", 5001), (GATEWAY, 6003)])
def test_what_no_live_node_answers_to_is_refused_with_the_command(address: tuple[str, int]) -> None:
    ip, port = address
    with pytest.raises(NodeNotFound, match=f"{ip}:{port}.*ray start .*--node-manager-port={port}"):
        resolve_device(NODES, ip, port, GATEWAY)


def test_cores_are_shared_by_the_devices_a_node_offers() -> None:
    assert [node.default_threads for node in NODES] == [4, 8]
