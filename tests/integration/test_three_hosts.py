"""Three hosts with addresses and environments of their own, over links of several kinds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import safetensors.torch

from tests.support.home_network import LINKS, HomeNetwork
from tests.support.hosts import why_not
from tests.support.links import Link, LinkUnavailable
from tests.support.mnist import mnist_dir
from tests.support.mnist_oracle import assert_same_bits

EPOCHS = 2
# Of the links with a rate, the slowest with its delay shows what the others do.
SLOWEST = max(LINKS, key=lambda link: link.delay_ms or 0)
CASES = [
    pytest.param(link, marks=pytest.mark.extended) if link.mbit_per_s and link != SLOWEST else link
    for link in LINKS
]
REASON = why_not()

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def home_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeNetwork]:
    home = HomeNetwork.start(tmp_path_factory.mktemp("net"), mnist_dir())
    yield home
    home.stop()


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
