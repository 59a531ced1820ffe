"""A home network: a head and two devices with addresses and environments of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import safetensors.torch

from tests.support.hosts import (
    Host,
    Link,
    LinkUnavailable,
    Network,
    Service,
    clean_environment,
    why_not,
)
from tests.support.mnist import mnist_dir
from tests.support.mnist_oracle import assert_same_bits
from tests.support.ray_nodes import BareEnvironment

EPOCHS = 2
TANDEM = [sys.executable, "-m", "http_gateway.cli"]
REASON = why_not()
TRAIN = """
import json, sys
from http_gateway.client import TandemClient
url, ips, epochs = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
client = TandemClient(url, timeout_s=60.0)
job_id = client.create_job(
    {"layer_sizes": [784, 128, 64, 10]}, {"name": "MNIST", "batch_size": 256}
)
for ip in ips:
    client.register_device(ip=ip, port=5001, job_id=job_id)
client.initialize(job_id)
client.train(job_id, epochs=epochs, num_microbatches=2, threads=1)
job = client.wait_for(job_id, {"completed", "failed"}, timeout_s=200)
print(json.dumps(job))
if job["status"] == "completed":
    open("model.safetensors", "wb").write(client.get_model(job_id))
"""

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@dataclass
class HomeNetwork:
    """The three hosts, and what runs on them."""

    network: Network
    head: Host
    laptop: Host
    mini: Host
    services: list[Service]

    @property
    def address(self) -> str:
        return f"{self.head.ip}:6379"

    @property
    def token(self) -> str:
        (file,) = (self.head.home / ".tandem" / "tokens").iterdir()
        return file.read_text()


@pytest.fixture(scope="module")
def home_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeNetwork]:
    """By the README's words: `tandem head`, `tandem join`, and a plain `ray start`."""
    folder = tmp_path_factory.mktemp("net")
    network = Network(folder)
    home = HomeNetwork(network, network.add_host(), network.add_host(), network.add_host(), [])
    try:
        head = home.head.start([*TANDEM, "head"], clean_environment(), "head")
        home.services.append(head)
        assert f"tandem join {home.address}" in head.wait_for("Ctrl-C ends the cluster")
        with_token = {**clean_environment(), "RAY_AUTH_TOKEN": home.token}
        join = [*TANDEM, "join", home.head.ip]
        home.services.append(home.laptop.start(join, with_token, "join"))
        home.services.append(_start_bare(home, BareEnvironment.make(folder / "bare")))
        home.services[1].wait_for("Joined")
        home.services[2].wait_for("Ray runtime started")
        yield home
    finally:
        try:
            for service in reversed(home.services):
                service.stop()
        finally:
            network.remove()


def _start_bare(home: HomeNetwork, bare: BareEnvironment) -> Service:
    """The README's `ray start` line, in an environment without anything of Tandem's."""
    env = {
        **clean_environment(),
        **bare.env,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": home.token,
    }
    command = [bare.python, "-m", "ray.scripts.scripts", "start", f"--address={home.address}"]
    return home.mini.start([*command, "--node-manager-port=5001", "--block"], env, "ray")


@pytest.fixture(scope="module")
def url(home_network: HomeNetwork) -> Iterator[str]:
    env = {**clean_environment(), "TANDEM_DATA_DIR": str(mnist_dir())}
    serve = [*TANDEM, "serve", "--ray-address", home_network.address]
    gateway = home_network.head.start(serve, env, "gateway")
    gateway.wait_for("Ctrl-C stops it")
    yield "http://127.0.0.1:4000"
    assert gateway.stop() == 0


LINKS = [
    Link(),
    Link(mbit_per_s=1000),
    Link(mbit_per_s=1000, delay_ms=1),
    Link(mbit_per_s=100),
    Link(mbit_per_s=100, delay_ms=5),
    Link(loss_percent=1),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("link", LINKS, ids=str)
def test_mnist_trains_over_three_hosts_with_the_bits_of_a_plain_loop(
    home_network: HomeNetwork, url: str, link: Link
) -> None:
    try:
        with home_network.network.shaped(link):
            train_and_compare(home_network, url)
    except LinkUnavailable as error:
        pytest.skip(str(error))


def train_and_compare(home: HomeNetwork, url: str) -> None:
    """Trains on all three hosts; compares every bit."""
    ips = ",".join(host.ip for host in (home.head, home.laptop, home.mini))
    script = [sys.executable, "-c", TRAIN, url, ips, str(EPOCHS)]
    done = home.head.run(script, clean_environment(), timeout_s=250)
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert job["status"] == "completed", job.get("error")
    assert [device["ip"] for device in job["registered_devices"]] == ips.split(",")
    weights = safetensors.torch.load_file(home.head.home / "model.safetensors")
    assert_same_bits(job["history"], weights, EPOCHS)
