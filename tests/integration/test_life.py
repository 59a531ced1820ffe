"""A job's life: stop, delete, devices that come and go, jobs beside each other."""

from __future__ import annotations

import platform
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from actors.core.version import __version__
from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import (
    DIGITS,
    LAYER_SIZES,
    create_job,
    initialize_together,
    layer_actors,
    train,
    wait_for_step,
    wait_until,
)

MANY_EPOCHS = 100_000


def refused(call: Any, *arguments: Any, **named: Any) -> tuple[int, str]:
    """The status and text with which a call was refused."""
    with pytest.raises(ApiError) as caught:
        call(*arguments, **named)
    return caught.value.status, caught.value.message


def test_a_job_is_read_while_it_is_initialized_stops_at_a_step_and_goes_on_later(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"])
    initialize_and_read(gateway, client, job_id)
    client.train(job_id, epochs=MANY_EPOCHS)
    wait_for_step(client, job_id)
    client.stop_job(job_id)
    job = client.wait_for(job_id, {"stopped", "failed"}, timeout_s=10)
    assert job["status"] == "stopped", job
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")
    epochs_before = len(job["history"])
    job = train(client, job_id, epochs=1)
    assert job["status"] == "completed"
    assert len(job["history"]) == epochs_before + 1


def initialize_and_read(gateway: GatewayProcess, client: TandemClient, job_id: str) -> None:
    """Each read is quick meanwhile."""
    starter = TandemClient(gateway.url, timeout_s=60.0)
    reads = 0
    with ThreadPoolExecutor(1) as pool:
        initializing = pool.submit(starter.initialize, job_id)
        while not initializing.done():
            begin = time.monotonic()
            client.get_job(job_id)
            assert time.monotonic() - begin < 2.0
            reads += 1
        initializing.result()
    assert reads > 5


def test_stopping_before_the_first_step_stops(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    client.train(job_id, epochs=MANY_EPOCHS)
    client.stop_job(job_id)
    assert client.wait_for(job_id, {"stopped", "failed"}, 30)["status"] == "stopped"


def test_a_job_refuses_what_it_can_not_do_and_what_would_cross_its_training(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    device = gateway.info["devices"][0]
    job_id = create_job(client, [device])
    assert refused(client.train, job_id) == (400, "Network must be initialized before training")
    client.initialize(job_id)
    status, text = refused(client.train, job_id, num_microbatches=65)
    assert status == 400 and "num_microbatches is 65" in text
    assert client.get_job(job_id)["status"] == "initialized"
    client.train(job_id, epochs=MANY_EPOCHS)
    for call, arguments in (
        (client.train, (job_id,)),
        (client.initialize, (job_id,)),
        (client.delete_job, (job_id,)),
        (client.unregister_device, (device["port"],)),
    ):
        status, text = refused(call, *arguments)
        assert status == 409 and f"Job {job_id} is training" in text and "stop" in text


def test_initialize_without_devices_is_refused(client: TandemClient) -> None:
    assert refused(client.initialize, create_job(client, [])) == (400, "No devices registered")


def test_two_jobs_on_different_devices_train_at_the_same_time(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    jobs = [create_job(client, [device]) for device in devices[:2]]
    initialize_together(client, *jobs)
    for job_id in jobs:
        client.train(job_id, epochs=MANY_EPOCHS)
    for job_id in jobs:
        wait_for_step(client, job_id)
    assert [client.get_job(job_id)["status"] for job_id in jobs] == ["training", "training"]


def test_a_device_is_held_by_one_job_at_a_time(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    device = gateway.info["devices"][0]
    first, second = create_job(client, [device]), create_job(client, [device])
    client.initialize(first)
    status, text = refused(client.initialize, second)
    assert status == 409
    assert f"held by job {first}" in text and f"DELETE /api/jobs/{first}" in text
    train(client, first, epochs=1)
    client.initialize(second)
    status, text = refused(client.train, first)
    assert status == 409 and f"held by job {second}" in text
    client.delete_job(second)
    assert train(client, first, epochs=1)["status"] == "completed"


def test_a_change_of_devices_takes_the_job_back_and_keeps_its_weights(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    job_id = create_job(client, devices[:1])
    client.initialize(job_id)
    train(client, job_id, epochs=1)
    weights = client.get_model(job_id)
    assert client.register_device(devices[1]["ip"], devices[1]["port"], job_id) == 2
    assert client.get_job(job_id)["status"] == "created"
    assert client.get_model(job_id) == weights
    client.unregister_device(devices[1]["port"])
    assert client.register_device(devices[1]["ip"], devices[1]["port"], job_id) == 3
    client.initialize(job_id)
    status, text = refused(client.get_model, job_id)
    assert status == 409 and "no trained weights" in text


def test_devices_that_can_not_be_registered_are_refused(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    job_id = create_job(client, devices[:1], None, layer_sizes=[784, 10])
    duplicate = refused(client.register_device, "127.0.0.1", devices[0]["port"], job_id)
    assert duplicate == (409, "Device already registered to this job")
    status, text = refused(client.register_device, "localhost", 4999, job_id)
    assert status == 404 and "localhost:4999" in text and "ray start" in text
    status, text = refused(client.register_device, "localhost", devices[1]["port"], job_id)
    assert status == 400 and "1 layers" in text
    unknown = refused(client.register_device, "localhost", devices[0]["port"], "99")
    assert unknown == (404, "Invalid job ID")
    assert refused(client.unregister_device, 4999) == (404, "Device not found")
    assert refused(client.unregister_device, 4999, job_id="99") == (404, "Job not found")


def test_devices_are_listed_with_the_command_that_registers_them(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    ports = [device["port"] for device in gateway.info["devices"]]
    free = [(port, [], None, "free") for port in ports]
    assert _uses(client) == free
    job_id = create_job(client, [])
    command = client.list_devices()[1]["register"].replace("<job_id>", job_id)
    subprocess.run(f"{command} -s --fail", shell=True, check=True, timeout=30)
    assert _uses(client) == [free[0], (ports[1], [job_id], None, "free"), free[2]]
    client.initialize(job_id)
    assert _uses(client) == [free[0], (ports[1], [job_id], job_id, "busy"), free[2]]
    client.delete_job(job_id)
    assert _uses(client) == free


def _uses(client: TandemClient) -> list[tuple[Any, ...]]:
    """Who uses each listed device."""
    names = ("port", "jobs", "held_by", "status")
    return [tuple(device[name] for name in names) for device in client.list_devices()]


def test_a_listed_device_tells_what_its_host_has(client: TandemClient) -> None:
    device = wait_until(lambda: _probed(client)[0], 30, "the node did not answer its probe")
    assert device["os"].startswith(platform.system())
    assert device["cores"] >= 1 and isinstance(device["accelerators"], list)
    assert 0 < device["available_memory_bytes"] < device["memory_bytes"]
    assert device["versions"]["python"] == platform.python_version()
    assert device["versions"]["tandem"] == __version__
    assert set(device["versions"]) == {"python", "ray", "torch", "tandem"}


def _probed(client: TandemClient) -> list[Any]:
    """The listed devices, None for one that did not answer in time on a busy host."""
    return [d if d["probe_error"] is None else None for d in client.list_devices()]


def test_a_job_that_can_not_be_is_refused_at_once(client: TandemClient) -> None:
    model = {"layer_sizes": LAYER_SIZES}
    for dataset, words in (
        ({**DIGITS, "name": "CIFAR"}, ("dataset_config.name", "CIFAR", "digits")),
        ({**DIGITS, "batch_size": 1439}, ("dataset_config.batch_size", "1439", "1438")),
        ({"name": "digits"}, ("layer_sizes[0]", "784", "64", "resize")),
    ):
        status, text = refused(client.create_job, model, dataset)
        assert status == 400 and all(word in text for word in words), text
    status, text = refused(client.create_job, {"layer_sizes": [784, 11]}, DIGITS)
    assert status == 400 and "layer_sizes[1] is 11" in text and "10 classes" in text


def test_predictions_that_can_not_be_made_are_refused(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:1])
    status, text = refused(client.predict, job_id, [[0.0] * 784])
    assert status == 409 and "train it first" in text
    client.initialize(job_id)
    train(client, job_id, epochs=1)
    status, text = refused(client.predict, job_id, [[0.0] * 784, [0.0] * 783])
    assert status == 400 and "inputs[1] has 783 values" in text and "784" in text
