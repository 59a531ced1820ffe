"""The URLs of a gateway, and the lines printed about them."""

from __future__ import annotations

import pytest

from http_gateway.access.addresses import access_lines, own_url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:4000"),
        ("localhost", "http://localhost:4000"),
        ("::1", "http://[::1]:4000"),
        ("192.168.1.5", "http://192.168.1.5:4000"),
        ("0.0.0.0", "http://127.0.0.1:4000"),
        ("::", "http://[::1]:4000"),
    ],
)
def test_this_host_calls_it_by_an_address_it_listens_on(host: str, url: str) -> None:
    assert own_url(host, 4000) == url


def test_on_loopback_without_a_token_there_is_nothing_to_say() -> None:
    assert access_lines("127.0.0.1", 4000, "192.168.1.5", None) == []


def test_a_token_on_loopback_is_told_of() -> None:
    (line,) = access_lines("localhost", 4000, "192.168.1.5", "the file /t")
    assert "Authorization: Bearer <token>" in line and line.endswith("the token of the file /t")


@pytest.mark.parametrize(
    ("host", "own_ip", "url"),
    [
        ("0.0.0.0", "192.168.1.5", "http://192.168.1.5:4000 "),
        ("::", "192.168.1.5", "http://192.168.1.5:4000 "),
        ("10.0.0.7", "192.168.1.5", "http://10.0.0.7:4000 "),
        ("fd00::7", "192.168.1.5", "http://[fd00::7]:4000 "),
        ("0.0.0.0", "127.0.0.1", "http://<this host's address>:4000 "),
    ],
)
def test_the_url_for_others_is_told_with_what_they_need(host: str, own_ip: str, url: str) -> None:
    elsewhere, access = access_lines(host, 4000, own_ip, "TANDEM_API_TOKEN")
    assert f" {url}" in elsewhere and "not encrypted" in elsewhere
    assert "TANDEM_API_TOKEN" in access
