"""A job that loses devices ends with the very bits of an undisturbed one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.chaos.arena import Arena, send_to
from tests.chaos.cases import Case
from tests.support.jobs import (
    actor_processes,
    create_job,
    layer_actors,
    wait_for_step,
    wait_until,
)
from tests.support.memory_groups import no_more_memory
from tests.support.ray_state import process_of_stage
from tests.support.undisturbed import assert_undisturbed

EPOCHS = 40
OPTIONS: dict[str, Any] = {"epochs": EPOCHS, "threads": 1, "num_microbatches": 2, "momentum": 0.5}
ENDED = {"completed", "failed", "stopped"}


def prepare(client: TandemClient, devices: list[dict[str, Any]], **policy: Any) -> str:
    """``auto`` decides again in ``train``, which may replace the processes that ``initialize`` has
    started."""
    job_id = create_job(client, devices, **policy)
    client.initialize(job_id, partition="even")
    return job_id


def start(client: TandemClient, devices: list[dict[str, Any]], **policy: Any) -> str:
    job_id = prepare(client, devices, **policy)
    client.train(job_id, **OPTIONS)
    return job_id


def start_with_victim(
    gateway: GatewayProcess, client: TandemClient, num_devices: int, stage: int
) -> tuple[str, psutil.Process]:
    """The process of a stage is looked up before the job trains: that takes longer than the job."""
    devices = gateway.info["devices"][:num_devices]
    job_id = prepare(client, devices, failure_policy={"max_lost_steps": 10})
    victim = process_of_stage(gateway, stage)
    client.train(job_id, **OPTIONS)
    return job_id, victim


def assert_ends_undisturbed(client: TandemClient, job_id: str, patience_s: float = 60) -> None:
    """With the bits of a plain loop, in every step, epoch and weight."""
    job = client.wait_for(job_id, ENDED, timeout_s=40 + patience_s, patience_s=patience_s)
    assert job["status"] == "completed", job
    assert [record["epoch"] for record in job["history"]] == list(range(1, EPOCHS + 1))
    assert_undisturbed(client, job_id, OPTIONS)


@pytest.mark.parametrize(
    ("stage", "how"),
    [
        (0, signal.SIGKILL),
        (1, signal.SIGKILL),
        pytest.param(0, signal.SIGSTOP, marks=pytest.mark.extended),
        (1, signal.SIGSTOP),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_the_loss_of_a_layer_actor_costs_few_steps_and_no_bit(
    gateway: GatewayProcess,
    client: TandemClient,
    stage: int,
    how: signal.Signals,
) -> None:
    job_id, victim = start_with_victim(gateway, client, 2, stage)
    wait_for_step(client, job_id, 100)
    victim.send_signal(how)
    wait_until(lambda: client.get_job(job_id)["recovery"], 10, "the loss was not noticed")
    assert_ends_undisturbed(client, job_id)
    recovery = client.get_job(job_id)["recovery"]
    assert recovery["num_failures"] == 1 and recovery["lost_steps"] <= 10
    assert "device " in recovery["last_cause"]
    kinds = [event["kind"] for event in client.list_events(job_id)["events"]]
    assert kinds == ["lost", "rolled_back", "going_on", "completed"]
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")


def test_a_process_that_the_kernel_ends_for_memory_is_told_as_such(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id, victim = start_with_victim(gateway, client, 2, 1)
    wait_for_step(client, job_id, 100)
    with no_more_memory(victim.pid):
        wait_until(lambda: client.get_job(job_id)["recovery"], 20, "the loss was not noticed")
    assert_ends_undisturbed(client, job_id)
    assert "by the kernel for want of memory" in client.get_job(job_id)["recovery"]["last_cause"]


def test_a_lone_device_is_brought_back_from_the_job_managers_copy(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id, victim = start_with_victim(gateway, client, 1, 0)
    wait_for_step(client, job_id, 100)
    victim.kill()
    assert_ends_undisturbed(client, job_id)
    assert client.get_job(job_id)["recovery"]["lost_steps"] <= 10


def test_a_killed_job_manager_takes_its_jobs_up_from_the_last_checkpoint(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = start(client, gateway.info["devices"][:2], checkpoints={"interval_s": 0.2})
    wait_for_step(client, job_id, 100)
    wait_until(lambda: client.list_checkpoints(job_id), 20, "there is no checkpoint")
    _job_manager(gateway).kill()
    assert_ends_undisturbed(client, job_id)
    kinds = [event["kind"] for event in client.list_events(job_id)["events"]]
    assert "taken_up" in kinds


def test_a_stopped_job_is_resumed_on_other_devices_with_the_same_bits(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    job_id = start(client, devices[:2])
    wait_for_step(client, job_id, 100)
    client.stop_job(job_id)
    assert client.wait_for(job_id, ENDED, 30)["status"] == "stopped"
    assert client.stop_job(job_id)["status"] == "stopped"
    client.unregister_device(devices[0]["port"])
    client.register_device(devices[2]["ip"], devices[2]["port"], job_id)
    client.resume_job(job_id)
    assert client.resume_job(job_id)["status"] in ("recovering", "training")
    assert_ends_undisturbed(client, job_id)


def test_a_device_is_drained_while_the_job_trains(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    job_id = start(client, devices[:2])
    wait_for_step(client, job_id, 100)
    client.unregister_device(devices[0]["port"])
    job = client.get_job(job_id)
    assert list(job["layers"]) == ["2"] and job["status"] in ("training", "completed")
    assert_ends_undisturbed(client, job_id)
    assert client.get_job(job_id)["recovery"] is None


def test_a_new_device_is_a_spare_until_it_pays(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    job_id = start(client, devices[:2])
    wait_for_step(client, job_id, 100)
    assert client.register_device(devices[2]["ip"], devices[2]["port"], job_id) == 3
    job = client.get_job(job_id)
    assert job["spares"] == [3] and list(job["layers"]) == ["1", "2"]
    assert_ends_undisturbed(client, job_id)


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Arena]:
    """Two Ray nodes, the head and another, that may be killed."""
    env = {**os.environ, "HOME": str(home)}
    arena = Arena(tmp_path_factory.mktemp("arena"), num_nodes=2, env=env)
    try:
        arena.start_gateway()
        yield arena
    finally:
        arena.stop()


@pytest.mark.timeout(300)
def test_a_lost_head_costs_what_was_trained_since_the_last_checkpoint(arena: Arena) -> None:
    client = arena.client
    job_id = start(client, arena.devices, checkpoints={"interval_s": 0.2})
    wait_until(lambda: client.list_checkpoints(job_id), 60, "there is no checkpoint")
    send_to(arena.targets(Case("head", signal.SIGKILL, "now", (0, 1), 0)), signal.SIGKILL)
    assert_ends_undisturbed(client, job_id, patience_s=120)
    assert "taken_up" in [event["kind"] for event in client.list_events(job_id)["events"]]
    wait_until(lambda: not arena.left_processes("LayerActor"), 10, "no actor is left")


def test_the_loss_of_a_ray_node_costs_few_steps_and_no_bit(arena: Arena) -> None:
    client = arena.client
    job_id = start(client, arena.devices, failure_policy={"max_lost_steps": 10})
    wait_for_step(client, job_id, 100)
    send_to(arena.targets(Case("ray_node", signal.SIGKILL, "now", (0, 1), 1)), signal.SIGKILL)
    assert_ends_undisturbed(client, job_id)
    recovery = client.get_job(job_id)["recovery"]
    assert recovery["lost_steps"] <= 10 * recovery["num_failures"]
    assert list(client.get_job(job_id)["layers"]) == ["1"]
    wait_until(lambda: not arena.left_processes("LayerActor"), 10, "no actor is left")


def test_a_training_job_is_deleted_by_force(gateway: GatewayProcess, client: TandemClient) -> None:
    job_id = start(client, gateway.info["devices"][:2])
    wait_for_step(client, job_id, 10)
    client.delete_job(job_id, force=True)
    assert job_id not in [job["job_id"] for job in client.list_jobs()]
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")


def _job_manager(gateway: GatewayProcess) -> psutil.Process:
    (process,) = actor_processes(gateway.info["pids"], "JobManager")
    return process
