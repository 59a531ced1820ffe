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


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Each test leaves it serving again."""
    (port,) = free_ports(1)
    arguments = ["--local-devices", "1", "--local-device-port", str(port)]
    gateway = GatewayProcess.start(tmp_path_factory.mktemp("storage"), arguments)
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[RayCluster, GatewayProcess, GatewayProcess]]:
    """A head of the user's own, and two gateways there."""
    cluster = RayCluster()
    gateways: list[GatewayProcess] = []
    try:
        cluster.start_head()
        env = {**cluster.env, "RAY_ADDRESS": cluster.address}
        for name in ("one", "other"):
            gateways.append(GatewayProcess.start(tmp_path / name, [], env))
        yield cluster, gateways[0], gateways[1]
    finally:
        codes = [gateway.stop() for gateway in gateways]
        cluster.stop()
        assert all(code == 0 for code in codes)


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


def text_with(client: TandemClient, words: str) -> str | None:
    found = answer(client)
    return found if isinstance(found, str) and words in found else None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_job_manager_that_ends_or_freezes_is_started_again(
    embedded: GatewayProcess, number: signal.Signals
) -> None:
    client = TandemClient(embedded.url, timeout_s=60.0)
    (manager,) = actor_processes(embedded.info["pids"], "JobManagerActor")
    said_before = embedded.log_path.read_text()
    manager.send_signal(number)
    wait_until(lambda: ready(client), BACK_S, "it was not started again")
    (after,) = actor_processes(embedded.info["pids"], "JobManagerActor")
    assert after.pid != manager.pid and client.list_jobs() == []
    said = embedded.log_path.read_text().removeprefix(said_before)
    is_told = "The JobManager has not answered for 10 s" in said
    assert is_told == (number is signal.SIGSTOP)


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


def test_gateways_wait_for_the_users_own_head_and_end_at_once_when_told(
    waiting: tuple[RayCluster, GatewayProcess, GatewayProcess],
) -> None:
    cluster, gateway, ending = waiting
    address = cluster.address
    client = TandemClient(gateway.url, timeout_s=10.0)
    cluster.nodes[0].kill()
    wait_until(lambda: text_with(client, f"head at {address} is gone"), 20, "nothing was said")
    wait_until(lambda: has_begun_anew(client, gateway), 20, "it has not begun anew")
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        assert_served(client)
    assert requests.get(f"{gateway.url}/health", timeout=5).json() == {"status": "ok"}

    other = TandemClient(ending.url, timeout_s=10.0)
    wait_until(lambda: has_begun_anew(other, ending), 20, "it has not begun anew")
    wait_until(lambda: text_with(other, "is gone: the gateway waits"), 20, "nothing was said")
    begun = time.monotonic()
    assert ending.stop() == 0
    assert time.monotonic() - begun < 5.0

    cluster.start_head(f"--port={address.rsplit(':', 1)[1]}")
    assert wait_until(lambda: ready(client), BACK_S, "it did not come back")["nodes"] == 1
    assert gateway.process.poll() is None and client.list_jobs() == []
    assert gateway.log_path.read_text().count("is gone: the gateway waits") == 1


def assert_served(client: TandemClient) -> None:
    """Nobody is refused at the port. A connection that was open may be cut once, when the gateway
    begins anew."""
    found = answer(client)
    assert isinstance(found, str) or "refused" not in str(found), found


def has_begun_anew(client: TandemClient, gateway: GatewayProcess) -> bool:
    assert_served(client)
    return VARIABLE in psutil.Process(gateway.process.pid).environ()
