from __future__ import annotations

import pytest

from orchestrator import device_registry
from orchestrator.errors import (
    AmbiguousDevice,
    DeviceAlreadyRegistered,
    DeviceNotFound,
    InvalidRequest,
    NodeNotFound,
)
from orchestrator.job import Device, Job, PlannedStage
from orchestrator.job_lifecycle import Status
from orchestrator.placement import ClusterView, Node
from tests.support.job_records import make_job

GATEWAY = "10.0.0.1"
NODES = (
    Node("a", GATEWAY, 40_000, 8.0, frozenset({5001, 5002, 5003})),
    Node("b", "10.0.0.2", 5001, 8.0, frozenset()),
    Node("c", "fe80::1", 5001, 8.0, frozenset()),
)
CLUSTER = ClusterView(NODES, GATEWAY, f"{GATEWAY}:6379")
ACTIVE = {Status.TRAINING, Status.RECOVERING}
PLAN = (PlannedStage(1, 0, 1),)
LOCAL, FAR = Device(1, GATEWAY, 5001), Device(2, "10.0.0.2", 5001)


def register(job: Job, ip: str, port: int) -> Device:
    device = device_registry.new_device(job, CLUSTER, ip, port)
    device_registry.add(job, device)
    return device


def find(jobs: list[Job], port: int, ip: str | None = None, job_id: str | None = None) -> list[str]:
    """The addresses found, each with its job."""
    found = device_registry.find(jobs, CLUSTER, port, ip, job_id)
    return [f"{job.job_id}: {device.address}" for job, device in found.items()]


def test_device_ids_count_from_one_in_each_job() -> None:
    for job in (make_job("1"), make_job("2")):
        ids = [register(job, ip, 5001).device_id for ip in ("localhost", "10.0.0.2")]
        assert ids == [1, 2]


def test_a_device_has_the_jobs_that_registered_it() -> None:
    jobs = [make_job("1", LOCAL), make_job("2"), make_job("3", FAR, LOCAL)]
    assert device_registry.jobs_by_device(jobs) == {
        (GATEWAY, 5001): ["1", "3"],
        ("10.0.0.2", 5001): ["3"],
    }


def test_a_device_id_is_never_used_again() -> None:
    job = make_job("1")
    for expected in (1, 2, 3):
        device = register(job, "localhost", 5001)
        assert device.device_id == expected
        device_registry.remove(job, device)


@pytest.mark.parametrize("ip", ["localhost", "127.0.0.1", "127.9.9.9", "::1", GATEWAY])
def test_a_device_is_kept_by_its_nodes_address(ip: str) -> None:
    assert register(make_job(), ip, 5001) == LOCAL


@pytest.mark.parametrize("ip", ["localhost", "127.0.0.1", GATEWAY])
def test_a_device_by_any_of_its_names_is_registered_once(ip: str) -> None:
    with pytest.raises(DeviceAlreadyRegistered, match=r"^Device already registered to this job$"):
        register(make_job("1", LOCAL), ip, 5001)


def test_two_spellings_of_an_ip_are_one_device() -> None:
    job = make_job()
    register(job, "fe80::1", 5001)
    with pytest.raises(DeviceAlreadyRegistered):
        register(job, "FE80:0:0::0001", 5001)


def test_a_device_may_be_registered_with_several_jobs() -> None:
    jobs = [make_job("1"), make_job("2")]
    assert register(jobs[0], "localhost", 5001) == register(jobs[1], "localhost", 5001)


def test_what_no_node_answers_to_is_not_registered() -> None:
    job = make_job()
    with pytest.raises(NodeNotFound, match=r"10\.0\.0\.2:5002"):
        register(job, "10.0.0.2", 5002)
    assert (job.devices, job.next_device_id) == ([], 1)


def test_one_device_more_than_layers_is_refused_by_both_numbers() -> None:
    job = make_job("4", LOCAL, FAR, num_layers=2)
    with pytest.raises(InvalidRequest, match=r"Job 4 has 2 layers and 2 devices already"):
        register(job, "localhost", 5002)


@pytest.mark.parametrize("change", ["add", "remove"])
@pytest.mark.parametrize("status", sorted(set(Status) - ACTIVE))
def test_a_change_of_devices_takes_the_job_back_to_created(status: Status, change: str) -> None:
    job = make_job("1", LOCAL)
    job.status, job.stages = status, PLAN
    if change == "add":
        register(job, "localhost", 5002)
    else:
        device_registry.remove(job, LOCAL)
    assert (job.status, job.stages) == (Status.CREATED, ())


@pytest.mark.parametrize("status", sorted(ACTIVE))
def test_a_device_that_comes_while_a_job_trains_is_a_spare_beyond_the_layers(
    status: Status,
) -> None:
    job = make_job("1", LOCAL, num_layers=1)
    job.status, job.stages = status, PLAN
    spare = register(job, "localhost", 5002)
    assert (job.status, job.stages) == (status, PLAN)
    assert job.details()["spares"] == [spare.device_id]


def test_a_port_finds_its_device_in_every_job_that_has_it() -> None:
    jobs = [make_job("1", LOCAL), make_job("2"), make_job("3", FAR, LOCAL)]
    jobs[2].devices.remove(FAR)
    assert find(jobs, 5001) == ["1: 10.0.0.1:5001", "3: 10.0.0.1:5001"]


def test_a_job_id_narrows_the_search_to_that_job() -> None:
    jobs = [make_job("1", LOCAL), make_job("2", FAR)]
    assert find(jobs, 5001, job_id="2") == ["2: 10.0.0.2:5001"]
    with pytest.raises(DeviceNotFound):
        find(jobs, 5001, ip=GATEWAY, job_id="2")


@pytest.mark.parametrize("ip", [GATEWAY, "localhost", "127.0.0.1"])
def test_an_ip_chooses_among_devices_with_one_port(ip: str) -> None:
    assert find([make_job("1", LOCAL, FAR)], 5001, ip) == ["1: 10.0.0.1:5001"]


def test_a_port_of_several_ips_is_ambiguous_and_lists_them() -> None:
    jobs = [make_job("1", FAR), make_job("2", LOCAL), make_job("3", LOCAL)]
    with pytest.raises(AmbiguousDevice) as caught:
        find(jobs, 5001)
    assert "have port 5001: 10.0.0.1, 10.0.0.2." in str(caught.value)
    assert "DELETE /api/devices/5001?ip=10.0.0.1" in str(caught.value)


@pytest.mark.parametrize("port", [1, 5002])
def test_a_port_that_no_job_has_is_not_found(port: int) -> None:
    with pytest.raises(DeviceNotFound, match=r"^Device not found$"):
        find([make_job("1", LOCAL)], port)
