"""Snapshots over a slow link keep no step waiting, and a device can still be lost: network
namespaces, so root."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from http_gateway.client import TandemClient
from tests.support.hosts import Host, why_not
from tests.support.jobs import ENDED, create_job, wait_until
from tests.support.joined_hosts import JoinedHosts
from tests.support.links import Link, LinkUnavailable
from tests.support.mnist import write_mnist
from tests.support.undisturbed import assert_undisturbed

REASON = why_not()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(300),
]

OPTIONS: dict[str, Any] = {"epochs": 100_000, "threads": 1, "num_microbatches": 2, "momentum": 0.5}
DATASET = {"name": "MNIST", "batch_size": 128, "val_batch_size": 1000}
SIZES = [784, 512, 32, 10]
LINK = Link(mbit_per_s=50)
COPY_S = 2 * 4 * 784 * 512 * 8e-6 / 50
"""The least time of the first block's weights and momentum on the link."""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder, 2000, 1000)
    return folder


@pytest.fixture
def hosts(tmp_path: Path, data_dir: Path) -> Iterator[JoinedHosts]:
    joined = JoinedHosts.start(tmp_path, data_dir, num_devices=2)
    try:
        yield joined
    finally:
        joined.stop()


def end_all(host: Host) -> None:
    """As if it were switched off."""
    listed = subprocess.run(
        ["ip", "netns", "pids", host.namespace], capture_output=True, text=True, check=True
    )
    for pid in map(int, listed.stdout.split()):
        os.kill(pid, signal.SIGKILL)


def second_snapshot(client: TandemClient, job_id: str) -> Any:
    """The first stage's report of its time, once it has taken two."""

    def stats() -> Any:
        job = client.get_job(job_id)
        assert job["status"] == "training", job
        found = job["device_stats"].get("1")
        return found if found and found["snapshot_interval_s"] else None

    return wait_until(stats, 90, "there is no second snapshot")


@pytest.mark.extended
def test_copies_over_a_slow_link_are_not_waited_for_and_bring_a_lost_device_back(
    hosts: JoinedHosts, data_dir: Path
) -> None:
    client = hosts.client
    job_id = create_job(client, hosts.addresses(1, 2), DATASET, layer_sizes=SIZES)
    try:
        with hosts.network.shaped(LINK):
            client.initialize(job_id)
            client.train(job_id, **OPTIONS)
            stats = second_snapshot(client, job_id)
            assert stats["snapshot_interval_s"] > 5 * COPY_S
            assert stats["snapshots_s"] < COPY_S
            end_all(hosts.devices[1])
            wait_until(lambda: client.get_job(job_id)["recovery"], 20, "the loss was not noticed")
            wait_until(lambda: client.get_job(job_id)["status"] == "training", 60, "it goes on")
            client.stop_job(job_id)
            assert client.wait_for(job_id, ENDED, 60)["status"] == "stopped"
    except LinkUnavailable as error:
        pytest.skip(str(error))
    kinds = [event["kind"] for event in client.list_events(job_id)["events"]]
    assert kinds[:3] == ["lost", "rolled_back", "going_on"]
    assert_undisturbed(client, job_id, OPTIONS, data_dir)
