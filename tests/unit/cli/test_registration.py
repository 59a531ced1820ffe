"""The messages of ``tandem join --register`` for devices of which the job already has some."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from http_gateway.cli.cluster import registration
from http_gateway.cli.cluster.registration import Registration
from orchestrator.devices import device_registry
from orchestrator.devices.placement import ClusterView, Node
from orchestrator.jobs.job import Job
from tests.support.job_records import make_job
from tests.support.scripted_job_client import ScriptedJobClient

IP = "10.0.0.2"
Register = Callable[..., str]


@pytest.fixture
def job(fake: ScriptedJobClient, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Behind the gateway, whose cluster has devices 5001 to 5003 of this host."""
    node = Node("node", IP, 5001, 4.0, frozenset({5001, 5002, 5003}))
    job, cluster = make_job(), ClusterView((node,), "10.0.0.1", "10.0.0.1:6379")

    def register(ip: str, port: int, job_id: str) -> int:
        device = device_registry.new_device(job, cluster, ip, port)
        device_registry.add(job, device)
        return device.device_id

    monkeypatch.setitem(fake.answers, "register_device", register)
    monkeypatch.setattr(registration, "own_ip", lambda *_: IP)
    monkeypatch.delenv("TANDEM_API_TOKEN", raising=False)
    return job


@pytest.fixture
def register(job: Job, url: str) -> Register:
    return lambda *ports: Registration.at(url, "10.0.0.1:6379", "1", ports).register()


def ports_of(job: Job) -> list[int]:
    return [device.port for device in job.devices]


def test_a_host_that_was_started_again_is_registered_still(job: Job, register: Register) -> None:
    for _ in range(2):
        assert register(5001, 5002) == "Registered with job 1."
    assert ports_of(job) == [5001, 5002]


def test_those_that_the_job_has_keep_no_later_one_out(job: Job, register: Register) -> None:
    register(5001)
    assert register(5001, 5002) == "Registered with job 1."
    assert ports_of(job) == [5001, 5002]


def test_only_those_that_are_not_registered_are_told(job: Job, register: Register) -> None:
    register(5001)
    said = register(5001, 5002, 5009)
    assert "not registered with job 1:" in said and "10.0.0.2:5009" in said
    assert '"port": 5009' in said and '"port": 5001' not in said and '"port": 5002' not in said
    assert ports_of(job) == [5001, 5002]


@pytest.mark.parametrize(
    ("head", "url"),
    [
        ("10.0.0.1:6379", "http://10.0.0.1:4000"),
        ("[fd00::1]:6379", "http://[fd00::1]:4000"),
        ("desk.local:6379", "http://desk.local:4000"),
    ],
)
def test_the_gateway_is_looked_for_on_the_heads_host(
    head: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TANDEM_URL", raising=False)
    assert Registration.at(None, head, "1", [5001]).url == url
