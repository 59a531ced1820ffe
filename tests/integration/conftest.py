"""The hosts of those that join a cluster of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts import Host, Network, clean_environment
from tests.support.newcomers import TANDEM


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
        network.remove()  # all at once, by force: politely it takes long
        service.process.wait(10)
