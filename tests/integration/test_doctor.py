"""The doctor in real clusters: one that is well, and hosts with a firewall between."""

from __future__ import annotations

import glob
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
import torch

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from http_gateway.schemas.doctor import DoctorReport
from tests.support.documents import cluster_block, paste
from tests.support.hosts import (
    START_TIMEOUT_S,
    Host,
    Network,
    Service,
    clean_environment,
    why_no_firewall,
    why_not,
)
from tests.support.jobs import create_job, wait_for_step, wait_until
from tests.support.ray_nodes import BareEnvironment, RayCluster

TANDEM = [sys.executable, "-m", "http_gateway.cli"]
LIMIT_S = 30.0
TOKEN = "0123456789abcdef" * 4
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
AN_HOUR_AHEAD = (
    BareEnvironment(sys.executable, {"LD_PRELOAD": FAKETIME[0], "FAKETIME": "+1h"})
    if FAKETIME
    else None
)
REASON = why_not()
in_namespaces = pytest.mark.skipif(REASON is not None, reason=str(REASON))
NO_FIREWALL = why_no_firewall()
with_firewall = pytest.mark.skipif(NO_FIREWALL is not None, reason=str(NO_FIREWALL))


def errors(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["level"] == "error"]


def examiners() -> int:
    """Processes of checkups on this machine."""
    titles = (process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"]))
    return sum("ray::Examiner" in title[0] for title in titles if title)


def report_of(cluster: RayCluster, folder: Path) -> dict[str, Any]:
    """By a gateway that joins the cluster for it, in time."""
    arguments = ["--ray-address", cluster.address]
    gateway = GatewayProcess.start(folder / "storage", arguments, cluster.env)
    try:
        began = time.monotonic()
        report = TandemClient(gateway.url).doctor()
        assert time.monotonic() - began < LIMIT_S
        return report
    finally:
        gateway.stop()


@dataclass(frozen=True)
class UnlikeNodes:
    """What was found in a cluster of unlike nodes; ``bare`` and ``ahead`` are ports of nodes."""

    report: dict[str, Any]
    bare: int
    ahead: int | None


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> UnlikeNodes:
    """A head, a node without Tandem that is said to have a GPU, and one whose clock is an hour
    ahead, where Debian's faketime is installed. A gateway joins them for one checkup, in time."""
    folder = tmp_path_factory.mktemp("unlike")
    environment = BareEnvironment.make(folder / "bare")
    assert not environment.can_import("actors") and not environment.can_import("orchestrator")
    cluster = RayCluster()
    try:
        cluster.start_head()
        bare = cluster.start_node("--num-gpus=1", environment=environment).port
        ahead = cluster.start_node(environment=AN_HOUR_AHEAD).port if AN_HOUR_AHEAD else None
        return UnlikeNodes(report_of(cluster, folder), bare, ahead)
    finally:
        cluster.stop()


def test_an_embedded_cluster_is_fit_to_train(gateway: GatewayProcess, client: TandemClient) -> None:
    began = time.monotonic()
    report = client.doctor()
    assert time.monotonic() - began < LIMIT_S
    jsonschema.validate(report, DoctorReport.model_json_schema())
    assert report["ok"] and errors(report) == []
    assert report["checked_nodes"] == 1 and report["links"] == report["training_jobs"] == []
    (node,) = report["nodes"]
    assert node["has_job_manager"] and node["auth_mode"] == "token" and node["versions"]["torch"]
    assert abs(node["clock_ahead_s"]) < 1 and node["temp_dir"].startswith("/tmp/tandem-")


def test_a_training_goes_on_beside_one_checkup_and_is_told(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    client.train(job_id, epochs=100_000)
    wait_for_step(client, job_id, 5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(TandemClient(gateway.url, timeout_s=60.0).doctor)
        wait_until(examiners, 20.0, "the first checkup did not begin")
        with pytest.raises(ApiError, match="Another checkup") as caught:
            client.doctor()
        assert caught.value.status == 409
        assert client.get_job(job_id)["status"] == "training"  # which needs the same lock
        assert first.result(60)["training_jobs"] == [job_id]
    assert client.get_job(job_id)["status"] == "training"


def test_a_device_without_tandem_is_examined_like_any_other(unlike: UnlikeNodes) -> None:
    num_nodes = 2 if unlike.ahead is None else 3
    report = unlike.report
    assert report["ok"] and errors(report) == []
    assert report["checked_nodes"] == num_nodes
    bare = next(node for node in report["nodes"] if node["node"].endswith(f":{unlike.bare}"))
    assert not bare["has_job_manager"]
    assert bare["versions"]["numpy"] and bare["clock_ahead_s"] is not None
    assert len(report["links"]) == num_nodes * (num_nodes - 1)
    gpus = [finding for finding in report["findings"] if finding["check"] == "accelerators"]
    sees_one = torch.accelerator.is_available()
    assert [gpu["level"] for gpu in gpus] == ["ok" if sees_one else "warning"]
    assert sees_one or "Ray counts 1 GPU on" in gpus[0]["text"]


@pytest.mark.skipif(AN_HOUR_AHEAD is None, reason="Debian's faketime is not installed")
def test_a_clock_an_hour_off_is_told_with_the_command_that_sets_it(unlike: UnlikeNodes) -> None:
    report = unlike.report
    (finding,) = [finding for finding in report["findings"] if finding["check"] == "clock"]
    assert finding["node"].endswith(f":{unlike.ahead}")
    node = next(node for node in report["nodes"] if node["node"] == finding["node"])
    assert abs(node["clock_ahead_s"] - 3600) < 5
    assert f"The clock of {node['node']} is {node['clock_ahead_s']:.1f} s ahead" in finding["text"]
    assert finding["remedy"] == "sudo timedatectl set-ntp true"


@dataclass
class TwoHosts:
    """A head by a plain `ray start` with a gateway, and a laptop that has joined it."""

    network: Network
    head: Host
    laptop: Host
    services: list[Service] = field(default_factory=list)

    def doctor(self) -> tuple[int, dict[str, Any]]:
        """Exit code and report, which comes in time."""
        began = time.monotonic()
        done = self.head.run([*TANDEM, "doctor", "--json"], clean_environment())
        assert time.monotonic() - began < LIMIT_S
        assert done.stderr == "", done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    network = Network(tmp_path_factory.mktemp("net"))
    hosts = TwoHosts(network, network.add_host(), network.add_host())
    head, laptop = hosts.head, hosts.laptop
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    try:
        start = cluster_block("ray start --head")
        started = paste(head, start, "head", head.ip, env=token)
        hosts.services.append(started)
        assert started.process.wait(START_TIMEOUT_S) == 0, started.log.read_text()
        _, serve = cluster_block("tandem head").splitlines()
        gateway = paste(head, serve, "gateway", head.ip, env=token)
        joined = paste(laptop, cluster_block("tandem join"), "join", head.ip, env=token)
        hosts.services += [joined, gateway]
        joined.wait_for("Joined")
        gateway.wait_for("Ctrl-C stops it")
        yield hosts
    finally:
        network.remove()  # politely it takes long
        for service in hosts.services:
            service.process.wait(10)


@with_firewall
def test_two_hosts_are_fit_until_a_firewall_lets_one_direction_through(two_hosts: TwoHosts) -> None:
    head, laptop = (f"{host.ip}:5001" for host in (two_hosts.head, two_hosts.laptop))
    exit_code, report = two_hosts.doctor()
    assert (exit_code, errors(report), report["checked_nodes"]) == (0, [], 2)
    links = {(link["from"], link["to"]): link for link in report["links"]}
    assert set(links) == {(head, laptop), (laptop, head)}
    assert all(link["round_trip_s"] > 0 and link["bytes_per_s"] > 1e6 for link in links.values())
    assert {node["auth_mode"] for node in report["nodes"]} == {"token"}

    with two_hosts.laptop.closed(5101):
        exit_code, report = two_hosts.doctor()
    assert exit_code == 1 and report["checked_nodes"] == 2
    (finding,) = closed_ports(report, two_hosts.head, two_hosts.laptop)
    assert f"{head} can't connect to port 5101 of {laptop}" in finding
    assert "object manager (timed out); the other way is open" in finding
    wait_until(lambda: examiners() == 0, 10.0, "a checkup has left a process")


def closed_ports(report: dict[str, Any], source: Host, target: Host) -> list[str]:
    """What is said of ports that ``source`` can't reach; nobody else has such trouble, and the
    remedy lets ``source`` in at ``target``."""
    findings = [f for f in errors(report) if f["check"] == "ports"]
    line = f"sudo ufw allow proto tcp from {source.ip} to any port 5001,5101,5201,"
    assert findings and all(f["node"] == f"{target.ip}:5001" for f in findings), findings
    assert all(f["remedy"].startswith(line) for f in findings), findings
    return [f["text"] for f in findings]


@with_firewall
def test_a_device_whose_firewall_lets_nothing_in_is_told_with_the_line_that_opens_it(
    two_hosts: TwoHosts,
) -> None:
    with two_hosts.laptop.closed():
        exit_code, report = two_hosts.doctor()
    assert exit_code == 1
    texts = closed_ports(report, two_hosts.head, two_hosts.laptop)
    assert all("(timed out)" in text for text in texts)
    assert all(any(f"port {port} of" in text for text in texts) for port in (5001, 5101))


@with_firewall
@pytest.mark.extended
def test_a_head_that_lets_devices_join_and_nothing_more_is_told_with_the_line_that_opens_it(
    two_hosts: TwoHosts,
) -> None:
    with two_hosts.head.closed(5001, 5101):
        exit_code, report = two_hosts.doctor()
    assert exit_code == 1
    texts = closed_ports(report, two_hosts.laptop, two_hosts.head)
    assert len(texts) == 2 and all("the other way is open" in text for text in texts)


@in_namespaces
def test_a_frozen_host_is_a_finding_in_time(two_hosts: TwoHosts) -> None:
    tree = psutil.Process(two_hosts.services[1].process.pid).children(recursive=True)
    raylet = next(process for process in tree if process.name() == "raylet")
    raylet.suspend()
    try:
        exit_code, report = two_hosts.doctor()
    finally:
        raylet.resume()
    assert (exit_code, report["checked_nodes"]) == (1, 1)
    (finding,) = [f for f in errors(report) if f["check"] == "answers"]
    assert finding["node"] == f"{two_hosts.laptop.ip}:5001"
    assert "has not answered within 11 s" in finding["text"]
    assert "tandem join" in finding["remedy"]
