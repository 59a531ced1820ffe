"""The links between the tests' hosts are what they are called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.hosts import Host, Network, clean_environment, why_not
from tests.support.links import Link, LinkUnavailable

REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

ROUND_TRIP = """
import socket, sys, time
def round_trip_s():
    began = time.perf_counter()
    with socket.socket() as probe:
        assert probe.connect_ex((sys.argv[1], 9)) != 0
    return time.perf_counter() - began
round_trip_s()
print(min(round_trip_s() for _ in range(20)))
"""
RECEIVE = """
import socket, time
with socket.create_server(("0.0.0.0", 4001)) as server:
    print("listens", flush=True)
    connection, _ = server.accept()
with connection:
    began, num_bytes = time.perf_counter(), 0
    while got := len(connection.recv(2**20)):
        num_bytes += got
print("Mbit/s:", num_bytes * 8e-6 / (time.perf_counter() - began), flush=True)
"""
SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], 4001)) as connection:
    connection.sendall(bytes(int(sys.argv[2])))
"""

COUNT = """
import socket
heap = socket.socket(type=socket.SOCK_DGRAM)
heap.setsockopt(socket.SOL_SOCKET, 33, 2**26)  # SO_RCVBUFFORCE: none is lost here
heap.bind(("0.0.0.0", 4002))
with socket.create_server(("0.0.0.0", 4001)) as server:
    print("listens", flush=True)
    connection, _ = server.accept()
while connection.recv(1):
    connection.sendall(b"x")
heap.setblocking(False)
num_datagrams = 0
try:
    while heap.recv(1):
        num_datagrams += 1
except BlockingIOError:
    print("datagrams:", num_datagrams, flush=True)
"""
HAIL = """
import contextlib, socket, sys
heap = socket.socket(type=socket.SOCK_DGRAM)
with socket.create_connection((sys.argv[1], 4001)) as connection:
    for i in range(int(sys.argv[2])):
        with contextlib.suppress(PermissionError):  # the kernel tells of one that it drops here
            heap.sendto(b"x", (sys.argv[1], 4002))
        if i % 250 == 249:  # no more at once than the queues on the way hold
            connection.sendall(b"x")
            connection.recv(1)
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network(tmp_path_factory.mktemp("net"))
    try:
        network.add_host()
        network.add_host()
        yield network
    finally:
        network.remove()


@contextmanager
def shaped(network: Network, link: Link) -> Iterator[None]:
    """Skips the test where the kernel can't make such a link."""
    try:
        with network.shaped(link):
            yield
    except LinkUnavailable as error:
        pytest.skip(str(error))


def round_trip_ms(network: Network) -> float:
    """The quickest refusal of a connection."""
    here, there = network.hosts
    return float(python(here, ROUND_TRIP, there.ip)) * 1e3


def mbit_per_s(network: Network, num_bytes: int) -> float:
    here, there = network.hosts
    receiver = there.start([sys.executable, "-c", RECEIVE], clean_environment(), "receive")
    try:
        receiver.wait_for("listens")
        python(here, SEND, there.ip, str(num_bytes))
        assert receiver.process.wait(30) == 0
    finally:
        receiver.stop()
    return float(receiver.log.read_text().split("Mbit/s:")[1])


def lost(network: Network, num_datagrams: int) -> int:
    """How many of so many datagrams from the first host to the second don't arrive."""
    here, there = network.hosts
    counter = there.start([sys.executable, "-c", COUNT], clean_environment(), "count")
    try:
        counter.wait_for("listens")
        python(here, HAIL, there.ip, str(num_datagrams))
        assert counter.process.wait(30) == 0
    finally:
        counter.stop()
    return num_datagrams - int(counter.log.read_text().split("datagrams:")[1])


def python(host: Host, code: str, *arguments: str) -> str:
    done = host.run([sys.executable, "-c", code, *arguments], clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("delay_ms", [1, 5])
def test_a_delay_counts_both_ways_and_ends_with_the_link(network: Network, delay_ms: int) -> None:
    with shaped(network, Link(mbit_per_s=100, delay_ms=delay_ms)):
        assert 2 * delay_ms <= round_trip_ms(network) < 2 * delay_ms + 5
    assert round_trip_ms(network) < 1


@pytest.mark.parametrize("delay_ms", [None, 5])
def test_a_rate_is_kept_with_and_without_a_delay(network: Network, delay_ms: int | None) -> None:
    with shaped(network, Link(mbit_per_s=100, delay_ms=delay_ms)):
        assert 40 < mbit_per_s(network, 10_000_000) < 110


def test_of_a_link_with_loss_one_packet_in_a_hundred_is_lost_and_none_afterwards(
    network: Network,
) -> None:
    with shaped(network, Link(loss_percent=1)):
        assert 50 <= lost(network, 10_000) <= 150  # 100, give or take five standard deviations
    assert lost(network, 10_000) == 0
