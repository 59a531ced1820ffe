from __future__ import annotations

import socket
import time

import pytest

from orchestrator.cluster.embedded_nodes import is_listening
from orchestrator.connection.ray_connection import connect
from orchestrator.errors import ClusterUnavailable
from tests.support.ports import free_ports


def test_listening_is_told_from_not_listening() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert is_listening("127.0.0.1", server.getsockname()[1])
    (port,) = free_ports(1)
    assert not is_listening("127.0.0.1", port)


@pytest.mark.parametrize("address", ["auto", "somewhere", "ray:", ":6379", "host:port"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ClusterUnavailable, match="host:port"):
        connect(address)


def test_an_address_where_nothing_listens_is_refused_at_once_with_the_remedy() -> None:
    (port,) = free_ports(1)
    began = time.monotonic()
    with pytest.raises(ClusterUnavailable, match="ray start --head"):
        connect(f"127.0.0.1:{port}")
    assert time.monotonic() - began < 5
