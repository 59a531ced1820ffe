"""The same bits on real MNIST: any number of devices, any channel, one Ray node or several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import safetensors.torch
import torch

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import LAYER_SIZES, create_job, train
from tests.support.mnist import mnist_dir
from tests.support.mnist_oracle import (
    DATASET,
    NUM_MICROBATCHES,
    assert_same_bits,
    over_wire,
    plain,
)
from tests.support.ports import consecutive_free_ports

EPOCHS = 2
SCHEDULES = {1: "1f1b", 2: "gpipe", 3: "zb-h1"}
"""By number of devices; the bits do not depend on it. One setup has each number, the others the one
with the most neighbours."""
MOST = max(SCHEDULES)


@dataclass(frozen=True)
class Setup:
    """A cluster, and how its devices talk."""

    name: str
    arguments: tuple[str, ...]
    channels: frozenset[str]


SETUPS = [
    Setup("one node, by trial", (), frozenset({"shared_memory", "gloo"})),
    pytest.param(
        Setup("one node, actor calls", ("--channel", "actor_calls"), frozenset({"actor_calls"})),
        marks=pytest.mark.extended,  # no default there; the next but one has the same channels
    ),
    pytest.param(
        Setup(
            "several nodes, shared memory",
            ("--local-nodes", "--channel", "shared_memory"),
            frozenset({"shared_memory"}),
        ),
        marks=pytest.mark.extended,  # no default there, and slow on few cores
    ),
    Setup("several nodes, gloo", ("--local-nodes", "--channel", "gloo"), frozenset({"gloo"})),
    Setup(
        "several nodes, actor calls",
        ("--local-nodes", "--channel", "actor_calls"),
        frozenset({"actor_calls"}),
    ),
]


@pytest.fixture(scope="module", params=SETUPS, ids=lambda setup: setup.name)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, home: Path
) -> Iterator[tuple[GatewayProcess, Setup]]:
    mnist_dir()
    setup: Setup = request.param
    if not setup.arguments:
        yield request.getfixturevalue("gateway"), setup
        return
    first_port = consecutive_free_ports(3)[0]
    process = GatewayProcess.start(
        tmp_path_factory.mktemp("storage"),
        ["--local-devices", "3", "--local-device-port", str(first_port), *setup.arguments],
        {**os.environ, "HOME": str(home)},
    )
    yield process, setup
    assert process.stop() == 0, process.log_path.read_text()


@pytest.mark.timeout(300)
def test_losses_and_weights_are_those_of_a_plain_loop(
    cluster: tuple[GatewayProcess, Setup],
) -> None:
    gateway, setup = cluster
    client = TandemClient(gateway.url, timeout_s=60.0)
    options = {"epochs": EPOCHS, "num_microbatches": NUM_MICROBATCHES}
    for num_devices in (MOST,) if setup.arguments else SCHEDULES:
        schedule = SCHEDULES[num_devices]
        job_id = create_job(client, gateway.info["devices"][:num_devices], DATASET)
        client.initialize(job_id)
        job = train(client, job_id, schedule=schedule, **options)
        assert job["status"] == "completed", job.get("error")
        assert job["plan"]["schedule"] == schedule
        kinds = job["plan"]["channels"]
        assert len(kinds) == num_devices - 1 and setup.channels.issuperset(kinds)
        weights = safetensors.torch.load(client.get_model(job_id))
        assert_same_bits(job["history"], weights, EPOCHS)
        client.delete_job(job_id)


@pytest.mark.timeout(300)
def test_a_lossy_wire_has_the_bits_of_an_in_process_pipeline_with_the_same_split(
    cluster: tuple[GatewayProcess, Setup],
) -> None:
    gateway, setup = cluster
    client = TandemClient(gateway.url, timeout_s=60.0)
    job_id = create_job(client, gateway.info["devices"][:2], DATASET)
    client.initialize(job_id, partition="even")
    job = train(client, job_id, epochs=1, num_microbatches=NUM_MICROBATCHES, wire="int8")
    assert job["status"] == "completed", job.get("error")
    assert setup.channels.issuperset(job["plan"]["channels"]) and job["plan"]["wire"] == "int8"
    starts = (start for start, _ in sorted(job["layers"].values()))
    expected = over_wire("int8", 1, (*starts, len(LAYER_SIZES) - 1))
    (epoch,) = expected.loops[-1].board.epochs.all()
    assert job["history"][0]["train_loss"] == epoch.train_loss != plain(1).train_losses[0]
    weights = safetensors.torch.load(client.get_model(job_id))
    assert all(torch.equal(weights[name], t) for name, t in expected.weights().items())
    client.delete_job(job_id)


def test_five_epochs_reach_93_percent() -> None:
    accuracy = plain(5).metrics[-1]["accuracy"]
    assert accuracy is not None and accuracy >= 0.93
