"""The Ray head is switched off, or the JobManager ends or freezes: the gateway serves again."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.coming_back import VARIABLE
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import actor_processes, wait_until
from tests.support.ports import free_ports
from tests.support.ray_nodes import RayCluster

BACK_S = 60.0


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    cluster = RayCluster()
    try:
        cluster.start_head()
        yield cluster
    finally:
        for node in cluster.nodes:
            node.kill()  # politely it takes long while a JobManager runs
        cluster.stop()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[GatewayProcess]:
    (port,) = free_ports(1)
    arguments = ["--local-devices", "1", "--local-device-port", str(port)]
    gateway = GatewayProcess.start(tmp_path / "storage", arguments)
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0


def answer(client: TandemClient) -> Any:
    """What the readiness check says, the text of its refusal, or the connection's error."""
    try:
        return client.ready()
    except ApiError as error:
        assert error.status == 503
        return error.message
    except requests.RequestException as error:
        return error


def ready(client: TandemClient) -> Any:
    found = answer(client)
    return found if isinstance(found, dict) else None


def info(gateway: GatewayProcess) -> dict[str, Any]:
    """What the port file says now."""
    read: dict[str, Any] = json.loads(gateway.log_path.with_name("gateway.json").read_text())
    return read


def kill_tree(pid: int) -> None:
    leader = psutil.Process(pid)
    for process in [*leader.children(recursive=True), leader]:
        process.kill()


def test_a_gateway_starts_its_embedded_cluster_again(embedded: GatewayProcess) -> None:
    client = TandemClient(embedded.url, timeout_s=10.0)
    (head,) = embedded.info["pids"]
    kill_tree(head)
    told = wait_until(lambda: text_with(client, "embedded Ray cluster"), 20, "nothing was said")
    assert "starts the cluster again" in told
    assert wait_until(lambda: ready(client), BACK_S, "it did not come back")["nodes"] == 1
    assert client.list_jobs() == []
    assert embedded.process.poll() is None and info(embedded)["url"] == embedded.url
    assert info(embedded)["devices"] == embedded.info["devices"]
    assert info(embedded)["pids"] != [head]
    embedded.info = info(embedded)


def text_with(client: TandemClient, words: str) -> str | None:
    found = answer(client)
    return found if isinstance(found, str) and words in found else None


def test_a_gateway_waits_for_the_users_own_head(cluster: RayCluster, tmp_path: Path) -> None:
    address = cluster.address
    env = {**cluster.env, "RAY_ADDRESS": address}
    gateway = GatewayProcess.start(tmp_path / "storage", [], env)
    try:
        client = TandemClient(gateway.url, timeout_s=10.0)
        cluster.nodes[0].kill()
        wait_until(lambda: text_with(client, f"head at {address} is gone"), 20, "nothing was said")
        end = time.monotonic() + 5.0
        while time.monotonic() < end:  # nobody is refused at the port
            found = answer(client)
            # A connection that was open may be cut once, when the gateway begins anew.
            assert isinstance(found, str) or "refused" not in str(found), found
        assert requests.get(f"{gateway.url}/health", timeout=5).json() == {"status": "ok"}
        cluster.start_head(f"--port={address.rsplit(':', 1)[1]}")
        assert wait_until(lambda: ready(client), BACK_S, "it did not come back")["nodes"] == 1
        assert gateway.process.poll() is None and client.list_jobs() == []
        assert gateway.log_path.read_text().count("is gone: the gateway waits") == 1
    finally:
        assert gateway.stop() == 0


def test_a_gateway_that_waits_ends_at_once_when_told(cluster: RayCluster, tmp_path: Path) -> None:
    env = {**cluster.env, "RAY_ADDRESS": cluster.address}
    gateway = GatewayProcess.start(tmp_path / "storage", [], env)
    try:
        cluster.nodes[0].kill()
        client = TandemClient(gateway.url, timeout_s=10.0)
        process = psutil.Process(gateway.process.pid)
        wait_until(lambda: VARIABLE in process.environ(), 20, "it has not begun anew")
        wait_until(lambda: text_with(client, "is gone: the gateway waits"), 20, "nothing was said")
    finally:
        begun = time.monotonic()
        code = gateway.stop()
    assert (code, time.monotonic() - begun < 5.0) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_job_manager_that_ends_or_freezes_is_started_again(
    embedded: GatewayProcess, number: signal.Signals
) -> None:
    client = TandemClient(embedded.url, timeout_s=60.0)
    (manager,) = actor_processes(embedded.info["pids"], "JobManagerActor")
    manager.send_signal(number)
    wait_until(lambda: ready(client), BACK_S, "it was not started again")
    (after,) = actor_processes(embedded.info["pids"], "JobManagerActor")
    assert after.pid != manager.pid and client.list_jobs() == []
    said = "The JobManager has not answered for 10 s" in embedded.log_path.read_text()
    assert said == (number is signal.SIGSTOP)
