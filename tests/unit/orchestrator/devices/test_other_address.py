"""Hosts that get another address: the gateway's own, and a device's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import in_process_ray
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
TIMEOUT_S = 20.0


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def start_training(world: JobManagerWorld, *nodes: int) -> str:
    manager = world.manager
    policy = {"failure_policy": {"min_devices": len(nodes)}}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, DATA, **policy)
    for node in nodes:
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 100_000, "threads": 1})
    wait_for(lambda: world.trains(job_id))
    return job_id


def test_a_job_on_the_gateways_own_devices_goes_on_at_the_hosts_new_address(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = start_training(world, 1, 2)
    monkeypatch.setattr(in_process_ray, "GATEWAY_IP", "10.9.9.9")
    world.restart()
    wait_for(lambda: world.trains(job_id))
    job = world.manager.get_job(job_id)
    assert [device["ip"] for device in job["registered_devices"]] == ["10.9.9.9"] * 2
    assert "device_moved" in [
        event["kind"] for event in world.manager.list_events(job_id)["events"]
    ]


def test_a_job_that_waits_for_a_device_goes_on_with_the_one_that_it_is_now(
    world: JobManagerWorld,
) -> None:
    job_id = start_training(world, 1)
    lost = f"10.0.0.1:{FIRST_PORT + 1}"
    world.ray.lose(1)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "recovering")
    wait_for(lambda: world.manager.get_job(job_id)["recovery"]["waiting_for"] == [lost])
    moved = world.manager.register_device("10.0.0.1", FIRST_PORT + 2, job_id, replaces=1)
    assert moved == 1
    wait_for(lambda: world.trains(job_id))
    job = world.manager.get_job(job_id)
    assert [(d["device_id"], d["port"]) for d in job["registered_devices"]] == [(1, FIRST_PORT + 2)]
    assert job["recovery"]["waiting_for"] == []
