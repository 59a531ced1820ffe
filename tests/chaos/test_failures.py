"""A job that may not fail over ends as ``failed`` within 20 s, with its cause and no actor left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, layer_actors, wait_for_step, wait_until
from tests.support.mnist import mnist_files, write_mnist
from tests.support.ray_state import frozen_while_starting, process_of_stage

NOTICED_WITHIN_S = 20.0
MANY_EPOCHS = 100_000


def start_with_victim(
    gateway: GatewayProcess, client: TandemClient, num_devices: int, stage: int
) -> tuple[str, psutil.Process]:
    """Looks the process of a stage up before the job trains, while that is quick. ``auto`` would
    decide again in ``train``, and could replace the processes that ``initialize`` has started."""
    devices = gateway.info["devices"][:num_devices]
    job_id = create_job(client, devices, failure_policy={"max_failures": 0})
    client.initialize(job_id, partition="even")
    victim = process_of_stage(gateway, stage)
    client.train(job_id, epochs=MANY_EPOCHS, threads=1)
    wait_for_step(client, job_id, 5)
    return job_id, victim


def assert_fails_in_time(client: TandemClient, job_id: str, since: float) -> str:
    """The job's error, which came in time."""
    job = client.wait_for(job_id, {"failed"}, timeout_s=NOTICED_WITHIN_S + 10)
    assert time.monotonic() - since < NOTICED_WITHIN_S
    return str(job["error"])


def test_a_loss_that_is_no_number_fails_with_step_and_remedy(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    client.train(job_id, epochs=50, learning_rate=1000.0)
    error = assert_fails_in_time(client, job_id, time.monotonic())
    assert "loss became" in error and "epoch 1, step" in error and "lower learning_rate" in error
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_killed_layer_actor_fails_the_job_by_name(
    gateway: GatewayProcess, client: TandemClient, stage: int
) -> None:
    job_id, victim = start_with_victim(gateway, client, 3, stage)
    since = time.monotonic()
    victim.kill()
    error = assert_fails_in_time(client, job_id, since)
    assert f"device {stage + 1} (" in error and "is gone" in error
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")


def test_a_frozen_layer_actor_fails_the_job_by_name_and_initialize_begins_anew(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id, victim = start_with_victim(gateway, client, 2, 1)
    since = time.monotonic()
    victim.send_signal(signal.SIGSTOP)
    error = assert_fails_in_time(client, job_id, since)
    assert "device 2 (" in error and "has not answered" in error
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")
    client.initialize(job_id)
    assert "error" not in client.get_job(job_id)
    client.train(job_id, epochs=1)
    assert client.wait_for(job_id, {"completed", "failed"}, 30)["status"] == "completed"


def test_a_layer_actor_that_is_frozen_while_it_starts_is_named_and_killed(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    with frozen_while_starting(gateway, 1) as frozen_pid:
        with pytest.raises(ApiError, match=r"device 2 \(.*has a frozen LayerActor") as refused:
            client.initialize(job_id)
        pid = frozen_pid()
    assert refused.value.status == 503
    wait_until(lambda: not psutil.pid_exists(pid), 20, "the frozen process is left")
    client.initialize(job_id)
    client.train(job_id, epochs=1)
    assert client.wait_for(job_id, {"completed", "failed"}, 30)["status"] == "completed"


@pytest.mark.extended
def test_data_files_that_are_not_what_they_claim_are_refused_in_words(
    tmp_path: Path, home: Path
) -> None:
    folder = tmp_path / "data"
    write_mnist(folder, 600, 100, max_label=11)
    env = {**os.environ, "HOME": str(home), "TANDEM_DATA_DIR": str(folder)}
    gateway = GatewayProcess.start(tmp_path / "storage", ["--local-device-port", "17001"], env)
    try:
        client = TandemClient(gateway.url, timeout_s=60.0)
        data = {"name": "MNIST", "batch_size": 100}
        job_id = create_job(client, gateway.info["devices"], data)
        images, labels, *_ = mnist_files(folder)
        with pytest.raises(ApiError, match="label 11 for sample 599") as refused:
            client.initialize(job_id)
        assert refused.value.status == 409 and str(labels) in refused.value.message
        images.write_bytes(b"<html>Log in first</html>")
        with pytest.raises(ApiError, match="HTML") as refused:
            client.initialize(job_id)
        assert refused.value.status == 409 and str(images) in refused.value.message
        with pytest.raises(ApiError, match="HTML") as refused:
            create_job(client, [], data)
        assert refused.value.status == 409
        write_mnist(folder, 600, 100)
        client.initialize(job_id)
        client.train(job_id, epochs=1)
        assert client.wait_for(job_id, {"completed", "failed"}, 30)["status"] == "completed"
        write_mnist(folder, 500, 100, seed=1)
        with pytest.raises(ApiError, match=r"600 training .* 500 training") as refused:
            client.train(job_id, epochs=1)
        assert refused.value.status == 409
    finally:
        assert gateway.stop() == 0
