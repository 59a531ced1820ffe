"""The embedded cluster with real Ray: started, joined, left behind, cleaned up, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.cluster.local_cluster import (
    LocalCluster,
    cluster_auth,
    ensure_local_cluster,
    running_address,
    stop_local_cluster,
)
from orchestrator.errors import InvalidRequest
from orchestrator.settings import Settings, load_settings
from tests.support.jobs import wait_until
from tests.support.ports import consecutive_free_ports
from tests.support.printed import printed_json

ENSURE = """
import sys
from pathlib import Path
from orchestrator.cluster.local_cluster import ensure_local_cluster
from orchestrator.settings import load_settings
ensure_local_cluster(load_settings(storage_path=Path(sys.argv[1])))
"""
NODES = """
import json, sys
from orchestrator.connection.ray_connection import connect
connect(sys.argv[1])
import ray
print(json.dumps([[n["NodeManagerPort"], sorted(n["Resources"])] for n in ray.nodes()]))
"""
TANDEM = "import sys; from http_gateway.cli.main import app; app()"

# Python warns of a child that is left running; here that is the point.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Path]:
    """A storage path; whatever cluster a failed test left there is ended."""
    yield tmp_path
    stop_local_cluster(tmp_path)


def settings(storage: Path, **changes: Any) -> Settings:
    return load_settings(storage_path=storage, dashboard=False, **changes)


def processes_of(pids: Iterable[int]) -> list[psutil.Process]:
    """Everything in the process sessions that these started, workers included."""
    sessions = set(pids)
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def pids_of(cluster: LocalCluster) -> list[int]:
    return [record.pid for record in cluster.state.processes]


def assert_nothing_left(pids: Iterable[int], storage: Path, temp_dir: str, home: Path) -> None:
    wait_until(lambda: not processes_of(pids), 5.0, "processes were left")
    assert not (storage / "cluster.json").exists()
    assert not Path(temp_dir).exists()
    assert not (home / ".ray").exists()


def run(script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=90, check=False
    )


def tandem_stop(storage: Path, cluster: LocalCluster) -> subprocess.CompletedProcess[str]:
    """The command, for a cluster that this process has started. It waits for zombies, too, and the
    nodes are some until their parent has looked after them."""
    nodes = [psutil.Process(pid) for pid in pids_of(cluster)]
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(run, TANDEM, "stop", "--storage-path", str(storage))
        psutil.wait_procs(nodes, timeout=60)
        return stopping.result()


def test_the_cluster_outlives_a_killed_gateway_and_the_next_one_joins_and_ends_it(
    storage: Path, home: Path
) -> None:
    # A token of another cluster of this user's is no hindrance.
    first = GatewayProcess.start(storage, [], {**os.environ, "RAY_AUTH_TOKEN": "0" * 64})
    first.process.kill()
    first.process.wait()
    assert running_address(storage) == first.info["ray_address"]

    second = GatewayProcess.start(storage)
    temp_dir = json.loads((storage / "cluster.json").read_text())["temp_dir"]
    assert second.info["ray_address"] == first.info["ray_address"]
    assert second.info["pids"] == first.info["pids"]
    assert second.stop() == 0, second.log_path.read_text()
    assert_nothing_left(first.info["pids"], storage, temp_dir, home)


def test_two_clusters_run_side_by_side_and_each_is_joined_by_its_storage_path(
    storage: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    one = ensure_local_cluster(settings(storage))
    two = ensure_local_cluster(settings(elsewhere))
    try:
        assert not one.joined and not two.joined
        assert one.state.address != two.state.address
        again = ensure_local_cluster(settings(storage))
        assert again.joined and again.state == one.state
        one.stop()
        assert_nothing_left(pids_of(one), storage, one.state.temp_dir, home)
        assert running_address(elsewhere) == two.state.address
    finally:
        two.stop()
    assert_nothing_left(pids_of(two), elsewhere, two.state.temp_dir, home)


def test_local_nodes_are_ray_nodes_of_their_own_and_what_a_dead_head_left_is_replaced(
    storage: Path, home: Path
) -> None:
    port, _ = consecutive_free_ports(2)
    asked = settings(storage, local_nodes=True, local_device_port=port)
    old = ensure_local_cluster(asked)
    asked_of_ray = run(NODES, old.state.address, **cluster_auth(storage))
    ports = [node[0] for node in printed_json(asked_of_ray.stdout)]
    assert sorted(ports) == [port, port + 1]

    os.kill(pids_of(old)[0], signal.SIGKILL)
    wait_until(lambda: running_address(storage) is None, 5.0, "the dead head was taken for alive")
    new = ensure_local_cluster(asked)
    assert not new.joined
    wait_until(lambda: not processes_of(pids_of(old)), 30.0, "the old nodes were left")
    done = tandem_stop(storage, new)
    assert done.returncode == 0 and "Ended" in done.stdout, done.stderr
    assert_nothing_left(pids_of(new), storage, new.state.temp_dir, home)


def test_whatever_its_state_file_says_a_cluster_is_never_disowned(
    storage: Path, home: Path
) -> None:
    """As after the clock was set: the state of an earlier Tandem, whose times of day tell nothing
    any more, and one that can't be read."""
    cluster = ensure_local_cluster(settings(storage))
    file = storage / "cluster.json"
    state = json.loads(file.read_text())
    for record in state["processes"]:
        record["created"] = psutil.Process(record["pid"]).create_time() + 1
        del record["place"], record["started"]
    file.write_text(json.dumps(state))
    again = ensure_local_cluster(settings(storage))
    assert again.joined and pids_of(again) == pids_of(cluster)

    file.write_text("{}")
    done = tandem_stop(storage, cluster)
    assert done.returncode == 0 and "Ended" in done.stdout, done.stderr
    assert_nothing_left(pids_of(cluster), storage, cluster.state.temp_dir, home)


def test_one_node_offers_every_device_and_another_number_of_them_is_refused(storage: Path) -> None:
    cluster = ensure_local_cluster(settings(storage, local_devices=3, local_device_port=6001))
    asked_of_ray = run(NODES, cluster.state.address, **cluster_auth(storage))
    ((_, resources),) = printed_json(asked_of_ray.stdout)
    assert {"device:6001", "device:6002", "device:6003"} <= set(resources)
    with pytest.raises(InvalidRequest, match="tandem stop --storage-path"):
        ensure_local_cluster(settings(storage, local_devices=2, local_device_port=6001))


def test_a_gateway_killed_while_its_cluster_starts_leaves_nothing_that_can_not_be_ended(
    storage: Path, home: Path
) -> None:
    record = storage / "cluster.json"
    process = subprocess.Popen([sys.executable, "-c", ENSURE, str(storage)])
    wait_until(record.exists, 30.0, "no state file")
    process.kill()
    process.wait()
    state = json.loads(record.read_text())
    assert not state["ready"]
    assert running_address(storage) is None
    assert stop_local_cluster(storage)
    assert_nothing_left([p["pid"] for p in state["processes"]], storage, state["temp_dir"], home)


def test_ctrl_c_while_it_starts_ends_it_and_leaves_nothing(storage: Path, home: Path) -> None:
    record = storage / "cluster.json"
    command = [sys.executable, "-c", TANDEM, "serve", "--port", "0", "--storage-path", str(storage)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(record.exists, 30.0, "no state file")
    state = json.loads(record.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert_nothing_left([p["pid"] for p in state["processes"]], storage, state["temp_dir"], home)


def test_a_taken_port_is_told_before_anything_is_started(storage: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        began = time.monotonic()
        done = run(TANDEM, "serve", "--port", str(port), "--storage-path", str(storage / "new"))
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr and "--port 0" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (storage / "new").exists()
    assert time.monotonic() - began < 5


def test_stop_without_a_cluster_says_so(storage: Path) -> None:
    done = run(TANDEM, "stop", "--storage-path", str(storage))
    assert done.returncode == 0
    assert "No embedded cluster" in done.stdout
