"""`tandem head` and `tandem join`: what a newcomer meets, and a device that comes back."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray

from tests.support.hosts import Host, Network, Service, clean_environment, why_no_firewall, why_not
from tests.support.jobs import wait_until
from tests.support.other_versions import OTHER_RAY, ROOT, installed, other_python
from tests.support.ray_nodes import BareEnvironment

TANDEM = [sys.executable, "-m", "http_gateway.cli"]
NODES = """
import json, os, sys
from orchestrator.ray_connection import connect
connect(sys.argv[1])
import ray
print(json.dumps([[n["NodeManagerAddress"], n["NodeManagerPort"], sorted(n["Resources"])]
                  for n in ray.nodes() if n["Alive"]]))
"""
JOB = {"model_config": {"layer_sizes": [64, 10]}, "dataset_config": {"name": "digits"}}
TOLD_WITHIN_S = 30.0
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


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host]]:
    """A host with `tandem head`, and one that may join."""
    network = Network(tmp_path_factory.mktemp("net"))
    head, laptop = network.add_host(), network.add_host()
    service = head.start([*TANDEM, "head"], clean_environment(), "head")
    try:
        service.wait_for("Ctrl-C ends the cluster")
        yield head, laptop
    finally:
        try:
            service.stop()
        finally:
            network.remove()


def token_of(head: Host) -> str:
    return (head.home / ".tandem" / "tokens" / f"{head.ip}_6379").read_text()


def alive(head: Host) -> list[tuple[str, int, list[str]]]:
    """Ray's live nodes: ip, port, resources."""
    env = {**clean_environment(), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_of(head)}
    done = head.run([sys.executable, "-c", NODES, f"{head.ip}:6379"], env)
    assert done.returncode == 0, done.stderr
    return [tuple(node) for node in json.loads(done.stdout.splitlines()[-1])]


def devices(head: Host) -> list[tuple[str, int]]:
    """ip and port of Ray's live nodes."""
    return [(ip, port) for ip, port, _ in alive(head)]


@pytest.fixture(scope="module")
def other_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ray")
    with installed(folder / "packages", [f"ray=={OTHER_RAY}"], "--no-deps") as packages:
        yield packages


@pytest.fixture
def joined(hosts: tuple[Host, Host]) -> Iterator[Service]:
    head, laptop = hosts
    env = {**clean_environment(), "RAY_AUTH_TOKEN": token_of(head)}
    service = laptop.start([*TANDEM, "join", head.ip, "--devices", "2"], env, "join")
    service.wait_for("Joined")
    yield service
    assert service.stop() == 0
    assert "Ray has ended on this device" in service.log.read_text()


def test_a_host_joins_with_its_devices_and_leaves_with_ctrl_c(
    hosts: tuple[Host, Host], joined: Service
) -> None:
    head, laptop = hosts
    assert "devices 5001 to 5002" in joined.log.read_text()
    (node,) = [node for node in alive(head) if node[0] == laptop.ip]
    assert node[1] == 5001 and {"device:5001", "device:5002"} <= set(node[2])


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


def test_a_device_joins_once(hosts: tuple[Host, Host], joined: Service) -> None:
    head, laptop = hosts
    assert "joined already" in refusal(laptop, head.ip, RAY_AUTH_TOKEN=token_of(head))


def test_without_a_token_it_says_where_to_find_it(hosts: tuple[Host, Host]) -> None:
    head, laptop = hosts
    text = refusal(laptop, head.ip)
    assert "RAY_AUTH_TOKEN" in text and f"cat ~/.tandem/tokens/{head.ip}_6379" in text


def test_a_wrong_token_is_told_and_not_kept(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    head, laptop = hosts
    wrong = tmp_path / "wrong"
    wrong.write_text("0123456789abcdef" * 4)
    text = refusal(laptop, head.ip, "--token-file", str(wrong))
    assert "does not accept this device's token" in text and "0123456789abcdef" not in text
    assert "no token of" in refusal(laptop, head.ip)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            "127.0.0.1:6380",
            "at the Ray address 127.0.0.1:6380: on the head run `tandem head`",
        ),
        ("host:port", "'host:port' is not of the form host:port"),
        ("nowhere.invalid", "Nothing answers at the Ray address nowhere.invalid:6379"),
    ],
)
def test_a_head_that_can_not_be_reached_is_told(
    hosts: tuple[Host, Host], head: str, words: str
) -> None:
    assert words in refusal(hosts[1], head)


def test_another_ray_is_told_with_the_command_that_mends_it(
    hosts: tuple[Host, Host], other_ray: Path
) -> None:
    head, laptop = hosts
    env = {"PYTHONPATH": str(other_ray)}
    ours = f"the head has Ray {ray.__version__} and"
    remedy = f"run here `pip install 'ray[default]=={ray.__version__}'`"
    joining = refusal(laptop, head.ip, RAY_AUTH_TOKEN=token_of(head), **env)
    serving = refusal(head, "--ray-address", f"{head.ip}:6379", command="serve", **env)
    for text in (joining, serving):
        assert ours in text and f"this device Ray {OTHER_RAY} and" in text and remedy in text


def test_ray_itself_tells_another_ray_in_the_words_of_the_readme(
    hosts: tuple[Host, Host], other_ray: Path, tmp_path: Path
) -> None:
    head, laptop = hosts
    bare = BareEnvironment.make(tmp_path / "bare").with_packages(other_ray)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_of(head)}
    start = ["start", f"--address={head.ip}:6379", "--node-manager-port=5001"]
    began = time.monotonic()
    command = [bare.python, "-m", "ray.scripts.scripts", *start]
    done = laptop.run(command, {**clean_environment(), **bare.env, **token})
    assert time.monotonic() - began < TOLD_WITHIN_S and done.returncode != 0
    words = "Version mismatch: The cluster was started with"
    assert words in done.stderr and OTHER_RAY in done.stderr
    assert words in (ROOT / "README.md").read_text()


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
    minor = {"RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor"}  # as the README has it
    service = laptop.start(command, {**env, **minor}, "patch")
    try:
        service.wait_for("Ray runtime started")
        assert (laptop.ip, 5001) in devices(head)
    finally:
        service.stop()


def test_another_minor_version_of_python_is_told_with_the_command_that_mends_it(
    hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    head, laptop = hosts
    other = other_python()
    if other is None:
        pytest.skip("no Python of another minor version is here")
    # What `tandem join` imports; it needs no torch.
    packages = [f"ray=={ray.__version__}", "typer", "psutil", "pydantic-settings[yaml]", "requests"]
    wheels = ["--python-version", other.version, "--implementation", "cp"]
    with installed(tmp_path / "env", packages, "--only-binary=:all:", *wheels) as folder:
        env = {"PYTHONPATH": f"{folder}:{ROOT}", "RAY_AUTH_TOKEN": token_of(head)}
        text = refusal(laptop, head.ip, python=other.command, **env)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"and Python {own}." in text and f"and Python {other.version}." in text
    remedy = f".venv/bin/pip install 'ray[default]=={ray.__version__}'"
    assert f"run here `python{own} -m venv .venv && {remedy}`" in text


def refusal(
    host: Host, *arguments: str, command: str = "join", python: str = sys.executable, **env: str
) -> str:
    """The one sentence with which a command gives up, in time."""
    began = time.monotonic()
    tandem = [python, "-m", "http_gateway.cli", command]
    done = host.run([*tandem, *arguments], {**clean_environment(), **env})
    assert time.monotonic() - began < TOLD_WITHIN_S
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_a_device_registers_itself_at_a_gateway_on_the_network(hosts: tuple[Host, Host]) -> None:
    head, laptop = hosts
    api_token = {"TANDEM_API_TOKEN": "a-token-of-this-very-test"}
    address = ["--host", head.ip, "--ray-address", f"{head.ip}:6379"]
    env = {**clean_environment(), **api_token}
    gateway = head.start([*TANDEM, "serve", *address], env, "serve")
    try:
        gateway.wait_for("Ctrl-C stops it")
        url = f"http://{head.ip}:4000"
        created = curl(laptop, api_token, "-d", json.dumps(JOB), f"{url}/api/jobs")
        job_id = json.loads(created)["job_id"]
        env = {**clean_environment(), **api_token, "RAY_AUTH_TOKEN": token_of(head)}
        join = [*TANDEM, "join", head.ip, "--register", job_id, "--url", url]
        service = laptop.start(join, env, "register")
        try:
            service.wait_for(f"Registered with job {job_id}")
        finally:
            service.stop()
        job = json.loads(curl(laptop, api_token, f"{url}/api/jobs/{job_id}"))
        assert [device["ip"] for device in job["registered_devices"]] == [laptop.ip]
        assert "needs its token" in curl(laptop, {}, f"{url}/api/jobs")
    finally:
        assert gateway.stop() == 0


def curl(host: Host, token: dict[str, str], *arguments: str) -> str:
    """What a call from ``host`` answers, with the gateway's token if there is one."""
    bearer = [f"Authorization: Bearer {value}" for value in token.values()]
    headers = [part for header in bearer for part in ("-H", header)]
    done = host.run(["curl", "-s", *headers, *arguments], clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout
