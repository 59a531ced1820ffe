"""Devices go, come back and are added while jobs train. They get layers if that pays; the job waits
for a device that it needs, and gives up if it was told so; the bits stay."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import (
    ENDED,
    create_job,
    initialize_together,
    layer_actors,
    wait_for_step,
    wait_until,
)
from tests.support.ray_nodes import RayCluster
from tests.support.ray_state import process_of_stage
from tests.support.undisturbed import assert_undisturbed

OPTIONS: dict[str, Any] = {"epochs": 100_000, "threads": 1, "num_microbatches": 4, "momentum": 0.5}
PAYS = [784, 2048, 2048, 2048, 10]  # two devices save a third of a step, whatever messages take
STAYS, GOES = (7001, 7002), (7003, 7004)
"""The devices of the head, and those of the other node, by their ports."""


def offering(ports: tuple[int, int]) -> tuple[str, str]:
    return "--resources", json.dumps({f"device:{port}": 1 for port in ports})


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head, and another node that tests kill and start again; each offers two devices."""
    cluster = RayCluster()
    try:
        cluster.start_head(*offering(STAYS))
        cluster.start_node(*offering(GOES))
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def joined(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TandemClient]:
    """The client of a gateway there."""
    storage = tmp_path_factory.mktemp("storage")
    gateway = GatewayProcess.start(storage, ["--ray-address", cluster.address], cluster.env)
    yield TandemClient(gateway.url, timeout_s=60.0)
    gateway.stop()


@pytest.fixture
def ip(cluster: RayCluster) -> str:
    return cluster.address.split(":")[0]


def start(client: TandemClient, *job_ids: str) -> None:
    """Returns once all of them train."""
    initialize_together(client, *job_ids)
    for job_id in job_ids:
        client.train(job_id, **OPTIONS)
    for job_id in job_ids:
        wait_for_step(client, job_id, 5)


def trains_on(client: TandemClient, job_id: str, *device_ids: int) -> dict[str, Any]:
    """The job's details once it trains on these devices, and has done steps there."""

    def of_these() -> Any:
        job = client.get_job(job_id)
        assert job["status"] in ("training", "recovering"), job
        these = list(job["layers"]) == [str(device_id) for device_id in device_ids]
        return job if these and job["status"] == "training" else None

    def has_moved() -> Any:
        job = of_these()
        return job if job and job["progress"]["step"] != first["progress"]["step"] else None

    first = wait_until(of_these, 60, f"it does not train on {device_ids}")
    job: dict[str, Any] = wait_until(has_moved, 30, "no step is done there")
    return job


def stop_with_same_bits(client: TandemClient, job_id: str) -> None:
    client.stop_job(job_id)
    assert client.wait_for(job_id, ENDED, 30)["status"] == "stopped"
    assert_undisturbed(client, job_id, OPTIONS)
    client.delete_job(job_id)


def kinds(client: TandemClient, job_id: str) -> list[str]:
    return [event["kind"] for event in client.list_events(job_id)["events"]]


@pytest.mark.extended
def test_a_new_device_and_one_that_comes_back_are_taken_in_where_that_pays(
    cluster: RayCluster, joined: TandemClient, ip: str
) -> None:
    job_id = create_job(joined, [{"ip": ip, "port": STAYS[0]}], layer_sizes=PAYS)
    start(joined, job_id)
    assert joined.register_device(ip, GOES[0], job_id) == 2
    assert trains_on(joined, job_id, 1, 2)["recovery"] is None
    assert kinds(joined, job_id) == ["replanning"]
    cluster.nodes[1].kill()
    assert trains_on(joined, job_id, 1)["spares"] == [2]
    cluster.restart(1, *offering(GOES))
    job = trains_on(joined, job_id, 1, 2)
    assert job["spares"] == [] and job["recovery"]["num_failures"] == 1
    assert kinds(joined, job_id)[1:] == ["lost", "rolled_back", "going_on", "replanning"]
    replanned = joined.list_events(job_id)["events"][-1]["text"]
    assert "2 devices should be 1." in replanned and "from the next epoch on" in replanned
    stop_with_same_bits(joined, job_id)


def test_jobs_wait_for_the_devices_that_they_need_and_no_longer_than_they_were_told(
    cluster: RayCluster, joined: TandemClient, ip: str
) -> None:
    pairs = zip(STAYS, GOES, strict=True)
    patient, hasty = ([{"ip": ip, "port": port} for port in pair] for pair in pairs)
    waits = create_job(joined, patient, failure_policy={"min_devices": 2})
    policy = {"min_devices": 2, "wait_for_device_s": 3}
    gives_up = create_job(joined, hasty, failure_policy=policy)
    start(joined, waits, gives_up)
    with pytest.raises(ApiError, match=r"needs 2 \(failure_policy.min_devices\)") as refused:
        joined.unregister_device(GOES[0])
    assert refused.value.status == 409

    cluster.nodes[1].kill()
    wait_until(lambda: waits_for(joined, waits, f"{ip}:{GOES[0]}"), 30, "it does not say so")
    wait_until(lambda: waits_for(joined, gives_up, f"{ip}:{GOES[1]}"), 30, "it does not say so")
    failed = joined.wait_for(gives_up, ENDED, 30)
    assert failed["status"] == "failed"
    assert f"{ip}:{GOES[1]} did not come back within 3 s" in failed["error"]
    assert f"POST /api/jobs/{gives_up}/resume" in failed["error"]
    assert joined.get_job(waits)["status"] == "recovering"

    cluster.restart(1, *offering(GOES))
    assert trains_on(joined, waits, 1, 2)["recovery"]["waiting_for"] == []
    assert kinds(joined, waits) == ["lost", "rolled_back", "waiting", "going_on"]
    stop_with_same_bits(joined, waits)
    joined.resume_job(gives_up)
    trains_on(joined, gives_up, 1, 2)
    stop_with_same_bits(joined, gives_up)


def waits_for(client: TandemClient, job_id: str, address: str) -> bool:
    job = client.get_job(job_id)
    return job["status"] == "recovering" and job["recovery"]["waiting_for"] == [address]


def test_a_dead_node_fails_a_job_that_may_not_fail_over(
    cluster: RayCluster, joined: TandemClient, ip: str
) -> None:
    """The last test of this cluster: the node stays dead."""
    devices = [{"ip": ip, "port": ports[0]} for ports in (STAYS, GOES)]
    job_id = create_job(joined, devices, failure_policy={"max_failures": 0})
    start(joined, job_id)
    since = time.monotonic()
    cluster.nodes[1].kill()
    failed = joined.wait_for(job_id, {"failed"}, timeout_s=30)
    assert time.monotonic() - since < 20
    assert f"device 2 ({ip}:{GOES[0]})" in failed["error"]
    head = [cluster.nodes[0].process.pid]
    wait_until(lambda: not layer_actors(head), 10, "no actor is left")


def test_a_job_bears_so_many_failures_and_no_more(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2], failure_policy={"max_failures": 1})
    start(client, job_id)
    process_of_stage(gateway, 1).kill()
    wait_until(lambda: client.get_job(job_id)["recovery"], 20, "the loss was not noticed")
    trains_on(client, job_id, 1, 2)
    process_of_stage(gateway, 0).kill()
    failed = client.wait_for(job_id, ENDED, 30)
    assert failed["status"] == "failed" and "device 1 (" in failed["error"]
    assert "It was failure 2, and max_failures is 1" in failed["error"]
