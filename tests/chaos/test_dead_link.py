"""Two devices are well and reach the head, but not each other: network namespaces, so root."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from http_gateway.client import TandemClient
from tests.support.hosts import why_not
from tests.support.jobs import ENDED, create_job, wait_for_step, wait_until
from tests.support.joined_hosts import JoinedHosts
from tests.support.mnist import write_mnist
from tests.support.undisturbed import assert_undisturbed

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

NOTICED_WITHIN_S = 5.5  # 5 s, and the time until a poll from here sees it
OPTIONS: dict[str, Any] = {"epochs": 100_000, "threads": 1, "num_microbatches": 2, "momentum": 0.5}
# So many labels, and images, that Ray does not send them along with a call: devices fetch them,
# and not from one that they don't reach.
NUM_TRAIN = 20_000
DATASET = {"name": "MNIST", "batch_size": 512, "val_batch_size": 1000}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder, NUM_TRAIN, 1000)
    return folder


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[JoinedHosts]:
    joined = JoinedHosts.start(tmp_path_factory.mktemp("net"), data_dir, num_devices=3)
    try:
        yield joined
    finally:
        joined.stop()


@pytest.fixture
def client(hosts: JoinedHosts) -> Iterator[TandemClient]:
    """Every job is gone afterwards."""
    client = hosts.client
    yield client
    for job in client.list_jobs():
        client.delete_job(job["job_id"], force=True)


def start(client: TandemClient, hosts: JoinedHosts, *numbers: int, **policy: Any) -> str:
    job_id = create_job(client, hosts.addresses(*numbers), DATASET, failure_policy=policy)
    client.initialize(job_id)
    client.train(job_id, **OPTIONS)
    wait_for_step(client, job_id, 10)
    return job_id


@contextmanager
def cut(hosts: JoinedHosts, one: int, other: int) -> Iterator[None]:
    """During the block, the link between two devices, counted from 1, is dead."""
    ends = hosts.devices[one - 1], hosts.devices[other - 1]
    hosts.network.cut(*ends)
    try:
        yield
    finally:
        hosts.network.mend(*ends)


def noticed(client: TandemClient, job_id: str, num_failures: int) -> str:
    """What is reported lost; fails if that does not come in time."""

    def recovery() -> Any:
        found = client.get_job(job_id)["recovery"]
        return found if found and found["num_failures"] == num_failures else None

    since = time.monotonic()
    cause = wait_until(recovery, 20, "the dead link was not noticed")["last_cause"]
    assert time.monotonic() - since < NOTICED_WITHIN_S
    return str(cause)


def trains_on(client: TandemClient, job_id: str, *device_ids: int) -> None:
    """Waits until the job trains on these devices, and steps are done there."""

    def steps_of_these() -> Any:
        job = client.get_job(job_id)
        assert job["status"] in ("training", "recovering"), job
        these = job["status"] == "training" and list(job["layers"]) == [str(d) for d in device_ids]
        return (job["progress"]["epoch"], job["progress"]["step"]) if these else None

    first = wait_until(steps_of_these, 40, f"it does not train on {device_ids}")
    wait_until(lambda: steps_of_these() not in (None, first), 20, "no step is done there")


def stop(client: TandemClient, job_id: str) -> None:
    client.stop_job(job_id)
    assert client.wait_for(job_id, ENDED, 30)["status"] == "stopped"


@pytest.mark.extended
def test_a_job_does_without_one_end_of_each_dead_link(
    hosts: JoinedHosts, client: TandemClient, data_dir: Path
) -> None:
    job_id = start(client, hosts, 1, 2, 3)
    with cut(hosts, 1, 3):  # copies of snapshots alone take this one
        cause = noticed(client, job_id, 1)
        assert "device 1 (" in cause and "device 3 (" in cause and "not reached each other" in cause
        assert "Going on without device 3 (" in cause
        trains_on(client, job_id, 1, 2)
        assert client.get_job(job_id)["spares"] == [3]
        with cut(hosts, 1, 2):
            assert "Going on without device 2 (" in noticed(client, job_id, 2)
            trains_on(client, job_id, 1)
    stop(client, job_id)
    kinds = [event["kind"] for event in client.list_events(job_id)["events"]]
    assert kinds == [*["lost", "rolled_back", "going_on"] * 2, "stopped"]
    assert_undisturbed(client, job_id, OPTIONS, data_dir)


@pytest.mark.extended
def test_a_job_that_needs_both_ends_waits_for_the_link(
    hosts: JoinedHosts, client: TandemClient, data_dir: Path
) -> None:
    job_id = start(client, hosts, 2, 3, min_devices=2)
    here, there = (f"{address['ip']}:{address['port']}" for address in hosts.addresses(2, 3))
    with cut(hosts, 2, 3):
        noticed(client, job_id, 1)
        waits = [f"{there} (no link to {here})"]
        wait_until(
            lambda: client.get_job(job_id)["recovery"]["waiting_for"] == waits, 20, "it says so"
        )
        assert client.get_job(job_id)["status"] == "recovering"
    trains_on(client, job_id, 1, 2)
    assert client.get_job(job_id)["recovery"]["num_failures"] == 1
    stop(client, job_id)
    assert_undisturbed(client, job_id, OPTIONS, data_dir)
