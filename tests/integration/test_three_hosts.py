"""Three hosts with addresses and environments of their own, over links of several kinds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch

from tests.support.home_network import LINKS, HomeNetwork
from tests.support.hosts import clean_environment, why_no_firewall, why_not
from tests.support.links import Link, LinkUnavailable
from tests.support.mnist import mnist_dir
from tests.support.mnist_oracle import assert_same_bits

EPOCHS = 2
# Of the links without loss, the slowest with its delay shows what the others do.
SLOWEST = max(LINKS, key=lambda link: link.delay_ms or 0)
CASES = [
    link if link.loss_percent or link == SLOWEST else pytest.param(link, marks=pytest.mark.extended)
    for link in LINKS
]
REASON, NO_FIREWALL = why_not(), why_no_firewall()
KERNELS_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def home_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeNetwork]:
    home = HomeNetwork.start(tmp_path_factory.mktemp("net"), mnist_dir())
    yield home
    home.stop()


@pytest.mark.timeout(300)
@pytest.mark.skipif(NO_FIREWALL is not None, reason=str(NO_FIREWALL))
def test_where_a_firewall_keeps_gloo_out_actor_calls_carry_and_the_doctor_names_the_ports(
    home_network: HomeNetwork,
) -> None:
    """Ray's own ports are open, as ``docs/own_cluster.md`` has them; those that the kernel picks
    are not. At either host: gloo connects from the higher address to the lower one. The first test
    here: what was tried counts for a minute."""
    head, laptop, _ = home_network.hosts
    first, last = KERNELS_PORTS.read_text().split()
    doctor = [sys.executable, "-m", "http_gateway.cli", "doctor", "--json"]
    with head.closed(f"{first}-{last}"), laptop.closed(f"{first}-{last}"):
        job = home_network.train([head, laptop], EPOCHS)
        report = json.loads(head.run(doctor, clean_environment()).stdout)
    assert job["plan"]["channels"] == ["actor_calls"]
    assert_same_bits(job["history"], safetensors.torch.load_file(home_network.model_file), EPOCHS)
    told = [f for f in report["findings"] if f["check"] == "ports" and "gloo" in f["text"]]
    assert {finding["level"] for finding in told} == {"warning"}
    remedies = [(finding["node"], finding["remedy"]) for finding in told]
    for source, target in ((head, laptop), (laptop, head)):
        line = f"from {source.ip} to any port {first}:{last}"
        assert any(node == f"{target.ip}:5001" and line in said for node, said in remedies), (
            remedies
        )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("link", CASES, ids=str)
def test_mnist_trains_over_three_hosts_with_the_bits_of_a_plain_loop(
    home_network: HomeNetwork, link: Link
) -> None:
    try:
        with home_network.network.shaped(link):
            job = home_network.train(home_network.hosts, EPOCHS)
    except LinkUnavailable as error:
        pytest.skip(str(error))
    assert [d["ip"] for d in job["registered_devices"]] == [h.ip for h in home_network.hosts]
    assert job["plan"]["differences"] == []
    assert_same_bits(job["history"], safetensors.torch.load_file(home_network.model_file), EPOCHS)
