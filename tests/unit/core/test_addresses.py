"""Addresses as users write them."""

from __future__ import annotations

import pytest

from actors.core.addresses import HostPort, is_loopback, parse_host_port, parse_ip
from actors.core.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.1:6380", "10.0.0.1", 6380),
        ("10.0.0.1", "10.0.0.1", 6379),
        ("desk.local", "desk.local", 6379),
        ("desk_2:6380", "desk_2", 6380),
        ("desk.room2:6380", "desk.room2", 6380),
        ("fd00::2", "fd00::2", 6379),
        ("[fd00::2]", "fd00::2", 6379),
        ("[fd00::2]:6380", "fd00::2", 6380),
        ("[::1]:6380", "::1", 6380),
        (" 10.0.0.1:6380\n", "10.0.0.1", 6380),
    ],
)
def test_a_host_with_or_without_a_port_is_taken_apart(text: str, host: str, port: int) -> None:
    found = parse_host_port(text, 6379)
    assert found == HostPort(host, port)
    assert parse_host_port(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":6379",
        "host:",
        "host:port",
        "host:0",
        "host:65536",
        "host:-1",
        "host:6379:6380",
        "[fd00::2",
        "[fd00::2]6379",
        "[10.0.0.1]:6379x",
        "fd00::2",
        "fd00::xyz",
        "[fd00::xyz]:6379",
        "10.0.0:6379",
        "10.0.0.256:6379",
        "ray://10.0.0.1:10001",
        "http://10.0.0.1:8265",
        "a b:6379",
        "host:٦٣٧٩",
    ],
)
def test_what_is_no_address_with_a_port_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_host_port(text)
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_has_many_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.1", "fd00::1", "localhost.example.org"])
def test_what_others_can_reach_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_an_ipv4_address_that_came_through_ipv6_is_itself() -> None:
    assert str(parse_ip("::ffff:10.0.0.1")) == "10.0.0.1" and is_loopback("::ffff:127.0.0.1")
