"""`tandem head` and `tandem join`: a device that joins, is registered, comes back and leaves."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orchestrator.cluster.embedded_nodes import ProcessRecord
from orchestrator.devices.node_probe import describe_host
from tests.support.hosts import Host, Service, clean_environment, why_no_firewall, why_not
from tests.support.jobs import wait_until
from tests.support.newcomers import TANDEM, TOLD_WITHIN_S, refusal, token_of
from tests.support.printed import printed_json
from tests.support.ray_nodes import BareEnvironment
from tests.support.terminal import CTRL_C

NODES = """
import json, os, sys
from orchestrator.connection.ray_connection import connect
connect(sys.argv[1])
import ray
print(json.dumps([[n["NodeManagerAddress"], n["NodeManagerPort"], sorted(n["Resources"])]
                  for n in ray.nodes() if n["Alive"]]))
"""
JOB = {"model_config": {"layer_sizes": [64, 10]}, "dataset_config": {"name": "digits"}}
GIVEN_UP_WITHIN_S = 180.0
OTHER_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}.99"
# Ray reads the one, whoever describes a host the other.
OTHER_PATCH = """
import collections, platform, sys
kind = collections.namedtuple("version_info", "major minor micro releaselevel serial")
sys.version_info = kind(*sys.version_info[:2], 99, *sys.version_info[3:])
platform.python_version = lambda: ".".join(map(str, sys.version_info[:3]))
"""
REASON = why_not()

NO_FIREWALL = why_no_firewall()

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def alive(head: Host) -> list[tuple[str, int, list[str]]]:
    """Ray's live nodes: ip, port, resources."""
    env = {**clean_environment(), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_of(head)}
    done = head.run([sys.executable, "-c", NODES, f"{head.ip}:6379"], env)
    assert done.returncode == 0, done.stderr
    return [tuple(node) for node in printed_json(done.stdout)]


def devices(head: Host) -> list[tuple[str, int]]:
    """ip and port of Ray's live nodes."""
    return [(ip, port) for ip, port, _ in alive(head)]


@pytest.fixture
def joined(hosts: tuple[Host, Host]) -> Iterator[Service]:
    head, laptop = hosts
    env = {**clean_environment(), "RAY_AUTH_TOKEN": token_of(head)}
    service = laptop.start([*TANDEM, "join", head.ip, "--devices", "2"], env, "join")
    service.wait_for("Joined")
    yield service
    assert service.stop() == 0
    assert "Ray has ended on this device" in service.log.read_text()


def test_a_host_joins_once_with_its_devices_and_leaves_with_ctrl_c(
    hosts: tuple[Host, Host], joined: Service
) -> None:
    head, laptop = hosts
    assert "devices 5001 to 5002" in joined.log.read_text()
    (node,) = [node for node in alive(head) if node[0] == laptop.ip]
    assert node[1] == 5001 and {"device:5001", "device:5002"} <= set(node[2])
    text = refusal(laptop, head.ip, RAY_AUTH_TOKEN=token_of(head))
    assert "joined already" in text and f"`tandem join {head.ip}:6379 --port 5002`" in text


def test_a_device_whose_ray_died_comes_back_under_its_port(
    hosts: tuple[Host, Host], joined: Service
) -> None:
    head, laptop = hosts
    tree = psutil.Process(joined.process.pid).children(recursive=True)
    next(process for process in tree if process.name() == "raylet").kill()
    said = joined.wait_for("This device is back.")
    assert "Ray has ended on this device" in said
    wait_until(lambda: (laptop.ip, 5001) in devices(head), 30.0, "it is not back")


@pytest.mark.extended
@pytest.mark.timeout(400)
def test_a_laptop_whose_lid_was_closed_comes_back_under_its_port(
    hosts: tuple[Host, Host], joined: Service
) -> None:
    head, laptop = hosts
    keeper = psutil.Process(joined.process.pid)
    tree = [keeper, *keeper.children(recursive=True)]
    for process in tree:
        process.suspend()
    wait_until(lambda: (laptop.ip, 5001) not in devices(head), GIVEN_UP_WITHIN_S, "it is there")
    for process in tree:
        process.resume()
    joined.wait_for("This device is back.")
    wait_until(lambda: (laptop.ip, 5001) in devices(head), 30.0, "it is not back")


@pytest.mark.skipif(NO_FIREWALL is not None, reason=str(NO_FIREWALL))
@pytest.mark.extended
@pytest.mark.timeout(300)
def test_a_firewall_that_keeps_the_head_out_is_told_with_the_line_that_opens_it(
    hosts: tuple[Host, Host],
) -> None:
    head, laptop = hosts
    env = {**clean_environment(), "RAY_AUTH_TOKEN": token_of(head)}
    with laptop.closed():
        service = laptop.start([*TANDEM, "join", head.ip], env, "closed")
        said = service.wait_for("Ray has ended on this device", GIVEN_UP_WITHIN_S)
    try:
        assert "a firewall here keeps the head out" in said
        assert f"sudo ufw allow proto tcp from {head.ip} to any port 5001,5101," in said
        service.wait_for("This device is back.")
        wait_until(lambda: (laptop.ip, 5001) in devices(head), 30.0, "it is not back")
    finally:
        service.stop()


def test_the_token_is_asked_for_at_a_terminal_not_shown_and_kept(hosts: tuple[Host, Host]) -> None:
    head, laptop = hosts
    command = [*TANDEM, "join", head.ip, "--storage-path", "asked"]
    with laptop.at_terminal(command, clean_environment()) as terminal:
        terminal.wait_for(f"Token of {head.ip}:6379")
        terminal.type_hidden(token_of(head) + "\n")
        terminal.wait_for("Ctrl-C leaves the cluster")
        for version in ("python", "ray", "torch"):
            assert f"{version} {describe_host()['versions'][version]}" in terminal.shown.lower()
        terminal.type(CTRL_C)
        terminal.wait_for("Ray has ended on this device")
        assert terminal.process.wait(10) == 0
        assert token_of(head) not in terminal.shown
    kept = laptop.home / "asked" / "tokens" / f"{head.ip}_6379"
    assert kept.read_text() == token_of(head) and kept.stat().st_mode & 0o777 == 0o600


@contextmanager
def joining(hosts: tuple[Host, Host], *options: str, **env: str) -> Iterator[Service]:
    """`tandem join` with these options on the laptop, which leaves by Ctrl-C."""
    head, laptop = hosts
    env = {**clean_environment(), "RAY_AUTH_TOKEN": token_of(head), **env}
    service = laptop.start([*TANDEM, "join", head.ip, *options], env, "join")
    try:
        yield service
    finally:
        assert service.stop() == 0


@contextmanager
def on_a_vpn(host: Host) -> Iterator[None]:
    """Its way to the internet has another address than its way to the other hosts."""
    ends = ["vpn0", "type", "veth", "peer", "name", "vpn1"]
    for words in (
        ["link", "add", *ends],
        ["addr", "add", "10.99.0.2/24", "dev", "vpn0"],
        ["link", "set", "vpn1", "up"],
        ["link", "set", "vpn0", "up"],
        ["route", "add", "0.0.0.0/1", "via", "10.99.0.1"],
    ):
        done = host.run(["ip", *words], clean_environment())
        assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        host.run(["ip", "link", "del", "vpn0"], clean_environment())


def test_another_patch_version_of_python_may_join_where_ray_is_told_so(
    hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    head, laptop = hosts
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "sitecustomize.py").write_text(OTHER_PATCH)
    bare = BareEnvironment.make(tmp_path / "bare").with_packages(tmp_path / "packages")
    start = ["start", f"--address={head.ip}:6379", "--node-manager-port=5001", "--block"]
    command = [bare.python, "-m", "ray.scripts.scripts", *start]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_of(head)}
    env = {**clean_environment(), **bare.env, **token}
    refused = laptop.run(command, env, timeout_s=TOLD_WITHIN_S)
    assert "Version mismatch" in refused.stderr and OTHER_PYTHON in refused.stderr
    minor = {"RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor"}  # as docs/own_cluster.md has it
    service = laptop.start(command, {**env, **minor}, "patch")
    try:
        service.wait_for("Ray runtime started")
        assert (laptop.ip, 5001) in devices(head)
    finally:
        service.stop()


def test_a_device_registers_itself_at_the_gateway_of_its_head(hosts: tuple[Host, Host]) -> None:
    head, laptop = hosts
    api_token = {"TANDEM_API_TOKEN": "a-token-of-this-very-test"}
    address = ["--host", head.ip, "--ray-address", f"{head.ip}:6379"]
    gateway = head.start(
        [*TANDEM, "serve", *address], {**clean_environment(), **api_token}, "serve"
    )
    try:
        gateway.wait_for("Ctrl-C stops it")
        url = f"http://{head.ip}:4000"
        created = curl(laptop, api_token, "-d", json.dumps(JOB), f"{url}/api/jobs")
        job_id = json.loads(created)["job_id"]
        with on_a_vpn(laptop), joining(hosts, "--register", job_id, **api_token) as service:
            service.wait_for(f"Registered with job {job_id}")
        job = json.loads(curl(laptop, api_token, f"{url}/api/jobs/{job_id}"))
        assert [device["ip"] for device in job["registered_devices"]] == [laptop.ip]
        assert "needs its token" in curl(laptop, {}, f"{url}/api/jobs")
    finally:
        assert gateway.stop() == 0


def test_a_device_that_finds_no_gateway_stays_and_says_how_to_register_it(
    hosts: tuple[Host, Host],
) -> None:
    head, laptop = hosts
    with joining(hosts, "--register", "1", "--devices", "2") as service:
        said = service.wait_for("Ctrl-C leaves the cluster")
        assert f"No gateway answers at http://{head.ip}:4000" in said
        for port in (5001, 5002):
            body = json.dumps({"ip": laptop.ip, "port": port, "job_id": "1"})
            assert f"'{body}'" in said and "localhost:4000/api/devices/register" in said
        assert (laptop.ip, 5001) in devices(head)


@pytest.mark.parametrize("command", ["join", "head"])
def test_what_goes_on_in_the_background_is_all_done_before_and_ends_by_the_command_shown(
    hosts: tuple[Host, Host], command: str
) -> None:
    head, laptop = hosts
    (laptop.home / "token").write_text(token_of(head))
    options = {"join": [head.ip, "--register", "1"], "head": []}
    words = [*TANDEM, command, *options[command], "--detach"]
    pipe = {"join": "--token-file <(cat token)", "head": ""}[command]  # it can be read once
    line = ["bash", "-c", f'exec "$@" {pipe}', "bash", *words]
    done = laptop.run(line, clean_environment())
    assert done.returncode == 0, done.stderr
    (ending,) = re.findall(r"kill -INT (\d+)", done.stdout)
    keeper = ProcessRecord.of(int(ending))
    try:
        cluster = head if command == "join" else laptop
        assert (laptop.ip, 5001) in devices(cluster)
        assert ("not registered with job 1" in done.stdout) == (command == "join")
    finally:
        assert laptop.run(["kill", "-INT", ending], clean_environment()).returncode == 0
        wait_until(lambda: keeper.process() is None, 30.0, "it still runs")
    (log,) = (laptop.home / ".tandem").glob(f"{command}*.log")
    assert log.read_text().endswith("Ray has ended on this device.\n")


def curl(host: Host, token: dict[str, str], *arguments: str) -> str:
    """What a call from ``host`` answers, with the gateway's token if there is one."""
    bearer = [f"Authorization: Bearer {value}" for value in token.values()]
    headers = [part for header in bearer for part in ("-H", header)]
    done = host.run(["curl", "-s", *headers, *arguments], clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout
