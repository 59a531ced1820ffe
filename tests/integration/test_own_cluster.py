"""A cluster of the user's own, made by ``ray start``: joined, left training, found again, ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess, GatewayStartError
from tests.support.jobs import (
    actor_processes,
    create_job,
    layer_actors,
    train,
    wait_for_step,
    wait_until,
)
from tests.support.ports import free_ports
from tests.support.printed import printed_json
from tests.support.ray_nodes import RayCluster

MANY_EPOCHS = 100_000
TANDEM = "from http_gateway.cli.main import app; app()"
OTHER_MANAGER = """
import sys, ray
from orchestrator.job_manager_actor import ACTOR_NAME
from orchestrator.connection.ray_connection import NAMESPACE, connect
connect(sys.argv[1])
class Other:
    def call(self, method):
        return {"version": "0.0.1"}
actor = ray.remote(Other).options(
    name=ACTOR_NAME, namespace=NAMESPACE, lifetime="detached", num_cpus=0).remote()
ray.get(actor.__ray_ready__.remote(), timeout=30)
"""

ON_A_GPU = """
import json, sys
from orchestrator.connection.ray_connection import connect
connect(sys.argv[1])
import ray
from actors.core.model.model_spec import mlp
from actors.core.stages.specs import StageSpec
from orchestrator.jobs.job import Device
from orchestrator.devices.placement import ResolvedDevice, parse_nodes
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

node = next(n for n in parse_nodes(ray.nodes()) if n.num_gpus)
placement = StagePlacement(
    StageSpec.of(mlp((4, 2)), 0, 1, 0, 1), Device(1, "a", 1), ResolvedDevice(node.ip, 1, node)
)
group = StageGroup.open("group", [placement], 60.0, SnapshotCopies())
seen = ray.get(group.actors[0].__ray_call__.remote(lambda _: ray.get_gpu_ids()), timeout=30)
group.kill()
print(json.dumps([seen, group.hosts[1].device]))
"""

WITHOUT_SHARED_MEMORY = """
import json, sys
from orchestrator.connection.ray_connection import connect
connect(sys.argv[1])
import ray
from actors.core.model.model_spec import TensorSpec, mlp
from actors.core.sources.source_facts import CLASS
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.stages.specs import SessionSpec, StageSpec
from actors.channels.edge_ends import ChannelKind
from actors.layer_actor import CONCURRENCY_GROUPS, LayerActor
from orchestrator.errors import StageFailure
from orchestrator.jobs.job import Device
from orchestrator.devices.placement import ResolvedDevice, parse_nodes
from orchestrator.sessions import edges
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

class WithoutSharedMemory(LayerActor):
    def connect_out(self, edge, reader, reader_stage, reader_node_id):
        if edge.kind is ChannelKind.SHARED_MEMORY:
            raise OSError("no such memory here")
        return super().connect_out(edge, reader, reader_stage, reader_node_id)

session = SessionSpec(
    generation=1, epochs=1, batch_size=4, val_batch_size=4, num_train=8,
    num_val=4, num_microbatches=1,
    views=SampleViews(SampleView(TensorSpec((4,)), Scaling((0.0,), (1.0,), 255.0)), CLASS),
)
node = parse_nodes(ray.nodes())[0]
network = mlp((4, 4, 2))
placements = [
    StagePlacement(
        StageSpec.of(network, i, 2, i, i + 1),
        Device(i + 1, "a", i + 1),
        ResolvedDevice(node.ip, i + 1, node),
    )
    for i in range(2)
]
kind = ray.remote(concurrency_groups=CONCURRENCY_GROUPS)(WithoutSharedMemory)
actors = [kind.options(num_cpus=0).remote("group") for _ in placements]
group = StageGroup("group", placements, actors, SnapshotCopies())
kinds = edges.connect(group, session, "auto", 30.0)
try:
    edges.connect(group, session, "shared_memory", 30.0)
except StageFailure as error:
    print(json.dumps([kinds, error.message]))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head, which is a device too, and another device that offers two and is said to have a GPU,
    which PyTorch can't use."""
    cluster = RayCluster()
    try:
        cluster.start_head()
        cluster.start_node("--resources", '{"device:6001": 1, "device:6002": 1}', "--num-gpus=1")
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def joined(cluster: RayCluster, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway in that cluster; whatever a test leaves there is ended."""
    env = {**cluster.env, "RAY_ADDRESS": cluster.address}
    gateway = GatewayProcess.start(tmp_path / "storage", [], env)
    try:
        yield gateway
    finally:
        gateway.stop()
        tandem_stop(cluster)


def tandem_stop(cluster: RayCluster) -> subprocess.CompletedProcess[str]:
    return run(cluster, TANDEM, "stop", "--ray-address", cluster.address)


def run(cluster: RayCluster, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, env=cluster.env, capture_output=True, text=True, timeout=90, check=False
    )


def devices_of(cluster: RayCluster) -> list[dict[str, Any]]:
    ip = cluster.address.split(":")[0]
    ports = [*(node.port for node in cluster.nodes), 6001, 6002]
    return [{"ip": ip, "port": port} for port in ports]


def leaders(cluster: RayCluster) -> list[int]:
    return [node.process.pid for node in cluster.nodes]


def test_training_goes_on_without_a_gateway_and_the_next_one_finds_it(
    cluster: RayCluster, joined: GatewayProcess
) -> None:
    client = TandemClient(joined.url, timeout_s=60.0)
    job_id = create_job(client, devices_of(cluster)[:2])
    client.initialize(job_id)
    client.train(job_id, epochs=MANY_EPOCHS)
    epoch = wait_for_step(client, job_id, 5)["progress"]["epoch"]

    assert joined.stop() == 0
    told = joined.log_path.read_text()
    assert "training goes on" in told
    assert f"tandem serve --ray-address {cluster.address}" in told
    assert f"tandem stop --ray-address {cluster.address}" in told

    storage = joined.log_path.parent / "next"
    arguments = ["--ray-address", cluster.address, "--channel", "actor_calls"]
    again = GatewayProcess.start(storage, arguments, cluster.env)
    try:
        assert "already has channel 'auto'" in again.log_path.read_text()
        client = TandemClient(again.url, timeout_s=60.0)
        job = wait_for_step(client, job_id)
        assert job["progress"]["epoch"] > epoch

        ended = tandem_stop(cluster)
        assert ended.returncode == 0 and "Ended the JobManager" in ended.stdout, ended.stderr
        wait_until(lambda: not layer_actors(leaders(cluster)), 10, "no actor is left")
        assert all(node.process.poll() is None for node in cluster.nodes)
    finally:
        again.stop()


def test_a_device_is_a_node_or_a_resource_it_offers_and_a_dead_job_manager_is_started_again(
    cluster: RayCluster, joined: GatewayProcess
) -> None:
    client = TandemClient(joined.url, timeout_s=60.0)
    job_id = create_job(client, [devices_of(cluster)[i] for i in (0, 2, 3)])
    client.initialize(job_id)
    job = train(client, job_id, epochs=1)
    assert job["status"] == "completed", job.get("error")
    across, within = job["plan"]["channels"]
    assert across in ("gloo", "actor_calls") and within in ("shared_memory", "gloo")
    wait_until(lambda: not layer_actors(leaders(cluster)), 10, "no actor is left")

    (manager,) = actor_processes(leaders(cluster), "JobManagerActor")
    manager.kill()
    assert [job["job_id"] for job in client.list_jobs()] == [job_id]
    assert client.ready()["nodes"] == 2


def test_a_job_manager_of_another_version_is_refused_with_the_remedy(
    cluster: RayCluster, tmp_path: Path
) -> None:
    made = run(cluster, OTHER_MANAGER, cluster.address)
    assert made.returncode == 0, made.stderr
    try:
        with pytest.raises(GatewayStartError, match=r"Tandem 0\.0\.1.*`tandem stop"):
            GatewayProcess.start(tmp_path, ["--ray-address", cluster.address], cluster.env)
    finally:
        assert "Ended" in tandem_stop(cluster).stdout


def test_stopping_where_nothing_runs_says_so(cluster: RayCluster) -> None:
    done = tandem_stop(cluster)
    assert done.returncode == 0
    assert "No JobManager runs" in done.stdout


def test_an_address_without_ray_is_told_at_once(cluster: RayCluster, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(GatewayStartError, match=rf"Nothing answers .*127\.0\.0\.1:{port}.*head"):
        GatewayProcess.start(tmp_path, ["--ray-address", f"127.0.0.1:{port}"], cluster.env)


def test_an_embedded_cluster_beside_another_says_how_to_join_that_one(
    cluster: RayCluster, tmp_path: Path
) -> None:
    gateway = GatewayProcess.start(tmp_path, [], cluster.env)
    try:
        assert f"tandem serve --ray-address {cluster.address}" in gateway.log_path.read_text()
    finally:
        assert gateway.stop() == 0
    assert all(node.process.poll() is None for node in cluster.nodes)


def test_a_stage_takes_its_share_of_a_gpu_and_computes_by_what_pytorch_can_use(
    cluster: RayCluster,
) -> None:
    done = run(cluster, ON_A_GPU, cluster.address)
    assert done.returncode == 0, done.stderr
    gpu_ids, device = printed_json(done.stdout)
    assert gpu_ids == [0]
    assert (device == "CPU") is not torch.accelerator.is_available()


def test_where_shared_memory_fails_neighbours_connect_to_each_other(cluster: RayCluster) -> None:
    done = run(cluster, WITHOUT_SHARED_MEMORY, cluster.address)
    assert done.returncode == 0, done.stderr
    kinds, refused = printed_json(done.stdout)
    assert kinds == ["gloo"]
    assert "device 1 (a:1) and device 2 (a:2)" in refused and "no such memory here" in refused
