from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.devices import device_registry
from orchestrator.devices.placement import ClusterView, Node
from orchestrator.errors import (
    AmbiguousDevice,
    Conflict,
    DeviceAlreadyRegistered,
    DeviceNotFound,
    InvalidRequest,
    NodeNotFound,
)
from orchestrator.jobs.job import Device, Job, PlannedStage
from orchestrator.jobs.job_lifecycle import Status
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


def test_an_address_of_the_gateways_host_that_ray_does_not_know_is_that_host() -> None:
    cluster = replace(CLUSTER, own_ips=frozenset({GATEWAY, "192.168.7.7", "10.0.0.2"}))
    assert cluster.canonical_ip("192.168.7.7") == GATEWAY
    assert cluster.canonical_ip("10.0.0.2") == "10.0.0.2"  # where a node is


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


def moved(address: str) -> ClusterView:
    """A cluster whose gateway's host has this address, and offers what it did."""
    own = replace(NODES[0], ip=address)
    return ClusterView((own, *NODES[1:]), address, f"{address}:6379")


def test_a_device_of_the_gateways_host_stays_itself_wherever_that_is() -> None:
    job = make_job("1")
    for ip in ("localhost", "10.0.0.2"):
        register(job, ip, 5001)
    found = device_registry.settled(job.devices, moved("10.9.9.9"))
    assert [d.address for d in found] == ["10.9.9.9:5001", "10.0.0.2:5001"]
    assert found == device_registry.settled(found, moved("10.9.9.9"))


def test_of_an_earlier_version_a_device_at_the_hosts_address_is_its_own() -> None:
    found = device_registry.settled([LOCAL, FAR], CLUSTER)
    assert [d.is_local for d in found] == [True, None]


@pytest.mark.parametrize(
    ("ips", "expected"),
    [
        (["10.3.3.3", "10.3.3.3"], ["127.0.0.1", "127.0.0.1"]),
        # One of them was not this host, and it is not known which.
        (["10.3.3.3", "10.3.3.4"], ["10.3.3.3", "10.3.3.4"]),
    ],
)
def test_of_an_earlier_version_an_embedded_clusters_devices_are_this_hosts(
    ips: list[str], expected: list[str]
) -> None:
    devices = [Device(n, ip, 5000 + n) for n, ip in enumerate(ips, start=1)]
    found = device_registry.settled(devices, moved("127.0.0.1"))
    assert [d.ip for d in found] == expected


def test_a_device_that_is_known_to_be_elsewhere_is_never_taken_for_this_host() -> None:
    far = Device(1, "10.3.3.3", 5001, is_local=False)
    assert device_registry.settled([far], moved("127.0.0.1")) == [far]


def test_a_device_that_came_to_another_address_keeps_its_id_and_its_layers() -> None:
    job = make_job("1", LOCAL, Device(2, "10.7.7.7", 5001))
    job.status, job.stages = Status.RECOVERING, PLAN
    device_registry.move(job, device_registry.moved_device(job, CLUSTER, 2, "10.0.0.2", 5001))
    assert job.devices == [LOCAL, FAR] and (job.status, job.stages) == (Status.RECOVERING, PLAN)


def test_a_job_that_is_initialized_only_has_to_be_so_again_when_a_device_came_elsewhere() -> None:
    job = make_job("1", Device(1, "10.7.7.7", 5001))
    job.status, job.stages = Status.INITIALIZED, PLAN
    device_registry.move(job, device_registry.moved_device(job, CLUSTER, 1, "10.0.0.2", 5001))
    assert (job.status, job.stages) == (Status.CREATED, ())


@pytest.mark.parametrize(
    ("device_id", "ip", "error", "words"),
    [
        (9, "10.0.0.2", DeviceNotFound, "no device 9"),
        (3, "10.0.0.8", NodeNotFound, "10.0.0.8:5001"),
        (3, "localhost", DeviceAlreadyRegistered, "already registered"),
        (1, "10.0.0.2", Conflict, "answers at 10.0.0.1:5001"),
    ],
)
def test_what_can_not_be_the_device_is_refused(
    device_id: int, ip: str, error: type[Exception], words: str
) -> None:
    job = make_job("1", LOCAL, Device(3, "10.7.7.7", 5001))
    with pytest.raises(error, match=words):
        device_registry.moved_device(job, CLUSTER, device_id, ip, 5001)


@pytest.mark.parametrize(
    ("device", "elsewhere"),
    [
        (Device(2, "10.7.7.7", 5001), "10.0.0.2"),
        (Device(2, "10.7.7.7", 5001, host_name="laptop"), "10.0.0.4"),
        (Device(2, "10.7.7.7", 5009, host_name="laptop"), "10.0.0.4"),
        (Device(2, "10.7.7.7", 5001, host_name="gone"), None),
        (Device(2, "10.7.7.7", 5009), None),
        (FAR, None),
    ],
)
def test_one_that_may_have_come_elsewhere_is_told_with_what_to_send(
    device: Device, elsewhere: str | None
) -> None:
    nodes = (*NODES[:2], Node("d", "10.0.0.4", 5001, 8.0, frozenset(), "laptop"))
    cluster = ClusterView(nodes, GATEWAY, f"{GATEWAY}:6379")
    text = device_registry.moved_text(make_job("1", LOCAL, device), cluster)
    if elsewhere is None:
        assert text is None
    else:
        assert text is not None and device.address in text
        body = {"ip": elsewhere, "port": 5001, "job_id": "1", "replaces": 2}
        assert json.loads(text[text.index("{") :]) == body


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
