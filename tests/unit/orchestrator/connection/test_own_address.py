"""The address by which other devices reach this host."""

from __future__ import annotations

import pytest

from orchestrator.connection import own_address
from orchestrator.connection.own_address import (
    OwnAddress,
    check_own,
    choose,
    has_left,
    networks,
    other_networks,
    own_ip,
    own_ips,
)
from orchestrator.errors import InvalidRequest

LOOPBACK = OwnAddress("lo", "127.0.0.1")
LAN = OwnAddress("eth0", "192.168.1.5")
WIFI = OwnAddress("wlan0", "10.1.0.5")
IPV6 = OwnAddress("eth0", "fd00::5")
LINK_LOCAL = OwnAddress("eth0", "169.254.7.7")
DOCKER = OwnAddress("docker0", "172.17.0.1")
VPN = OwnAddress("wg0", "10.8.0.2")
IPV6_LINK_LOCAL = OwnAddress("eth0", "fe80::1")
EVERY = [LOOPBACK, DOCKER, VPN, IPV6_LINK_LOCAL, LINK_LOCAL, IPV6, LAN]


def test_the_way_to_the_internet_decides() -> None:
    assert choose(WIFI.ip, [LAN, WIFI]) == WIFI.ip


@pytest.mark.parametrize("way", [None, "127.0.0.1"])
@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (EVERY, LAN.ip),
        ([LOOPBACK, IPV6_LINK_LOCAL, IPV6], IPV6.ip),
        ([LOOPBACK, DOCKER, VPN], VPN.ip),
        ([LOOPBACK, DOCKER, LINK_LOCAL], LINK_LOCAL.ip),
        ([LOOPBACK, DOCKER, IPV6_LINK_LOCAL], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
def test_without_such_a_way_the_likeliest_network_is_taken(
    way: str | None, addresses: list[OwnAddress], expected: str
) -> None:
    assert choose(way, addresses) == expected


def test_networks_of_this_host_alone_do_not_count() -> None:
    assert networks(EVERY) == [LAN, IPV6, VPN, LINK_LOCAL]


def test_other_networks_are_those_of_other_interfaces() -> None:
    assert other_networks(LAN.ip, [*EVERY, WIFI]) == [WIFI, VPN]
    assert other_networks(LAN.ip, [LOOPBACK, DOCKER, LAN, IPV6]) == []


@pytest.mark.parametrize("ip", [LAN.ip, WIFI.ip, IPV6.ip, DOCKER.ip])
def test_a_chosen_address_of_this_host_is_taken(ip: str) -> None:
    assert check_own(ip, [*EVERY, WIFI]) == ip


@pytest.mark.parametrize("ip", ["192.168.1.6", "127.0.0.1", "0.0.0.0", "desk", "", "::"])
def test_another_is_refused_with_those_that_there_are(ip: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_own(ip, EVERY)
    assert repr(ip) in caught.value.message and "192.168.1.5 (eth0)" in caught.value.message


def test_this_very_host_has_the_address_that_it_would_use() -> None:
    assert own_ip() in own_ips() and "127.0.0.1" in own_ips()
    assert own_ip("127.0.0.1:6379") == "127.0.0.1"


def test_an_address_is_left_once_the_host_has_another_one_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not has_left("127.0.0.1")
    for addresses, expected in (([LOOPBACK, WIFI], True), ([LOOPBACK], False), ([LAN], False)):
        monkeypatch.setattr(own_address, "own_addresses", lambda a=addresses: a)
        monkeypatch.setattr(own_address, "_on_the_way_to", lambda host: None)
        assert has_left(LAN.ip) is expected
