"""Hosts without a default route, with another address than before, and with IPv6 alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from http_gateway.client import TandemClient
from tests.support.hosts import Host, Network, Service, clean_environment, why_not
from tests.support.joined_hosts import DEVICE_PORT, TANDEM, TOKEN

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
MODEL = {"layer_sizes": [64, 8, 10]}
DATA = {"name": "digits", "batch_size": 64}


@dataclass
class Hosts:
    """A network, and what was started on its hosts."""

    network: Network
    services: list[Service] = field(default_factory=list)

    def start(self, host: Host, name: str, *arguments: str, **env: str) -> Service:
        service = host.start([*TANDEM, *arguments], {**clean_environment(), **env}, name)
        self.services.append(service)
        return service


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    hosts = Hosts(Network(tmp_path))
    try:
        yield hosts
    finally:
        hosts.network.remove()  # all at once, by force: politely it takes long
        for service in hosts.services:
            service.process.wait(10)


def ip(host: Host, *arguments: str) -> None:
    subprocess.run(["ip", "-n", host.namespace, *arguments], check=True, capture_output=True)


@pytest.mark.extended
def test_a_head_without_a_default_route_follows_the_address_of_its_host(hosts: Hosts) -> None:
    host = hosts.network.add_host()
    ip(host, "route", "del", "default")
    head = hosts.start(host, "head", "head")
    assert f"tandem join {host.ip}:6379" in head.wait_for("Ctrl-C ends the cluster")
    tokens = host.home / ".tandem" / "tokens"
    token = (tokens / f"{host.ip}_6379").read_text()

    moved = f"{hosts.network.prefix}.77"
    ip(host, "addr", "del", f"{host.ip}/24", "dev", "eth0")
    ip(host, "addr", "add", f"{moved}/24", "dev", "eth0")
    assert "another address now" in head.wait_for(f"tandem join {moved}:6379")
    assert (tokens / f"{moved}_6379").read_text() == token
    # Who still looks for it at its old address is told the new one.
    done = host.run([*TANDEM, "stop", "--ray-address", f"{host.ip}:6379"], clean_environment())
    assert done.returncode == 1 and f"--ray-address {moved}:6379" in done.stderr, done.stderr
    assert head.stop() == 0


def test_devices_that_have_ipv6_alone_train_together(hosts: Hosts) -> None:
    first, second = hosts.network.add_host(), hosts.network.add_host()
    addresses = [f"fd77::{number}" for number in (1, 2)]
    for host, address in zip((first, second), addresses, strict=True):
        ip(host, "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
        ip(host, "addr", "del", f"{host.ip}/24", "dev", "eth0")
    hosts.start(first, "head", "head").wait_for("Ctrl-C ends the cluster")
    token = (first.home / ".tandem" / "tokens" / "fd77__1_6379").read_text()
    joining = hosts.start(second, "join", "join", "fd77::1", RAY_AUTH_TOKEN=token)
    serve = ["serve", "--ray-address", "[fd77::1]", "--host", "fd77::1"]
    env = {"TANDEM_API_TOKEN": TOKEN, "TANDEM_DATA_DIR": str(first.home)}
    said = hosts.start(first, "gateway", *serve, **env)
    joining.wait_for("Joined")
    assert "http://[fd77::1]:4000" in said.wait_for("Ctrl-C stops it")

    subprocess.run(
        ["ip", "addr", "add", "fd77::fe/64", "dev", hosts.network.name, "nodad"], check=True
    )
    with TandemClient("http://[fd77::1]:4000", timeout_s=60.0, token=TOKEN) as client:
        job = train(client, addresses)
    assert job["status"] == "completed", job.get("error")
    assert [device["ip"] for device in job["registered_devices"]] == addresses


def train(client: TandemClient, addresses: list[str]) -> dict[str, Any]:
    job_id = client.create_job(MODEL, DATA)
    for address in addresses:
        client.register_device(address, DEVICE_PORT, job_id)
    client.initialize(job_id)
    client.train(job_id, epochs=1, threads=1)
    return client.wait_for(job_id, {"completed", "failed"}, timeout_s=100)
