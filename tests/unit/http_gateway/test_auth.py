"""Decisions about tokens, addresses and headers, without an application."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from actors.core.errors import InvalidRequest
from http_gateway.access.auth import (
    MAKE_TOKEN,
    check_exposure,
    check_token,
    is_loopback,
    refuse_credentials,
    refuse_web_page,
)

TOKEN = "correct-horse-battery-staple"


def test_a_token_of_plain_characters_is_taken_as_it_is(subtests: pytest.Subtests) -> None:
    for token in ["x" * 16, "x" * 512, "!~Az09-._~+/=#$%'\"", TOKEN]:
        with subtests.test(token=token):
            assert check_token(token, "here") == token


def test_a_token_of_another_length_is_refused_with_the_limit(subtests: pytest.Subtests) -> None:
    for token in ["", "x", "fifteen-letters", "y" * 513, "y" * 100_000]:
        with subtests.test(token=token):
            with pytest.raises(InvalidRequest) as caught:
                check_token(token, "the file /t")
            assert f"of the file /t has {len(token)} characters" in caught.value.message
            assert "16 to 512" in caught.value.message and MAKE_TOKEN in caught.value.message
            assert len(token) < 15 or token not in caught.value.message


def test_a_token_with_other_characters_is_refused_and_not_shown(subtests: pytest.Subtests) -> None:
    for inside in [" ", "\t", "\n", "\r\n", "\0", "\x7f", "é", "٥", "\u2028", "\udcff"]:
        with subtests.test(inside=inside):
            with pytest.raises(InvalidRequest, match="of here has a space, a control") as caught:
                check_token(f"secretsecret{inside}secretsecret", "here")
            assert "secretsecret" not in caught.value.message


def test_what_listens_on_loopback_needs_no_token(subtests: pytest.Subtests) -> None:
    for host in ["localhost", "127.0.0.1", "127.3.2.1", "::1", "0:0:0:0:0:0:0:1"]:
        with subtests.test(host=host):
            assert is_loopback(host)
            check_exposure(host, None)


def test_what_others_reach_needs_a_token_and_is_told_how_to_make_one(
    subtests: pytest.Subtests,
) -> None:
    for host in ["0.0.0.0", "::", "192.168.1.5", "fe80::1%eth0", "example.org", ""]:
        with subtests.test(host=host):
            assert not is_loopback(host)
            with pytest.raises(InvalidRequest) as caught:
                check_exposure(host, None)
            for words in (
                f"listen on {host},",
                f"\n  {MAKE_TOKEN}\n",
                "--host 127.0.0.1",
                "ssh -L 4000:",
            ):
                assert words in caught.value.message
            check_exposure(host, TOKEN)


def test_the_token_opens(subtests: pytest.Subtests) -> None:
    for header in [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN} "]:
        with subtests.test(header=header):
            assert refuse_credentials(header, TOKEN) is None


def test_no_header_is_told_what_to_send(subtests: pytest.Subtests) -> None:
    for header in [None, ""]:
        with subtests.test(header=header):
            reason = refuse_credentials(header, TOKEN)
            assert reason is not None
            assert '-H "Authorization: Bearer $TANDEM_API_TOKEN"' in reason


def test_a_header_of_another_form_is_refused(subtests: pytest.Subtests) -> None:
    for header in [
        TOKEN,
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        "Bearer",
        "Bearer ",
        f"Bearer\t{TOKEN}",
        f" {TOKEN}",
    ]:
        with subtests.test(header=header):
            reason = refuse_credentials(header, TOKEN)
            assert reason is not None and "not of the form `Bearer <token>`" in reason
            assert TOKEN not in reason


def test_any_other_token_is_refused_and_neither_is_shown(subtests: pytest.Subtests) -> None:
    for sent in [
        TOKEN[:-1],
        TOKEN + "x",
        TOKEN.upper(),
        f"{TOKEN} {TOKEN}",
        f"{TOKEN}, Bearer {TOKEN}",
        "z" * 200_000,
        "café",
        "☃",
        "\udcff",
        TOKEN + "\x00",
        "?" * len(TOKEN),
    ]:
        with subtests.test(sent=sent):
            reason = refuse_credentials(f"Bearer {sent}", TOKEN)
            assert reason is not None and reason.startswith(
                "The token that was sent is not this gateway's"
            )
            assert TOKEN not in reason and sent not in reason


def test_a_character_that_can_not_be_encoded_stands_for_no_other() -> None:
    assert refuse_credentials("Bearer what\udcffis-the-token", "what?is-the-token") is not None


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, Any]]]:
    """The arguments of ``hmac.compare_digest``."""
    calls: list[tuple[Any, Any]] = []
    genuine = hmac.compare_digest

    def compare(a: Any, b: Any) -> bool:
        calls.append((a, b))
        return genuine(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    yield calls


@pytest.mark.parametrize("sent", [TOKEN, TOKEN[0] + "x" * 20, "x" * 20])
def test_tokens_are_compared_in_constant_time_as_bytes(
    compared: list[tuple[Any, Any]], sent: str
) -> None:
    refuse_credentials(f"Bearer {sent}", TOKEN)
    assert compared == [(sent.encode(), TOKEN.encode())]


def test_a_comparison_that_says_equal_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: True)
    assert refuse_credentials("Bearer another", TOKEN) is None


def test_programs_reach_it_by_localhost_and_by_addresses(subtests: pytest.Subtests) -> None:
    for host in [
        None,
        "localhost",
        "LocalHost:4000",
        "127.0.0.1:4000",
        "127.0.0.1",
        "127.0.0.1:",
        "0.0.0.0:4000",
        "192.168.1.5:4000",
        "[::1]:4000",
        "[::1]",
        "[fe80::1]:80",
        "[::ffff:127.0.0.1]:4000",
    ]:
        with subtests.test(host=host):
            assert refuse_web_page(host, None) is None


def test_a_name_is_refused_as_host_for_it_may_have_been_rebound(subtests: pytest.Subtests) -> None:
    for host in [
        "",
        ":4000",
        "evil.example",
        "evil.example:4000",
        "localhost.evil.example:4000",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:4000",
        "evil.localhost",
        "nas.local:4000",
        "localhost.",
        "localhost:x",
        "localhost:4000:4000",
        "localhost, evil.example",
        "evil@localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "127.0.0.01",
        "127.0.0.1.",
        "１２７.0.0.1",
        "[127.0.0.1]",
        "[localhost]",
        "[::1",
        "::1",
        "::1]:4000",
        "[]",
        "[::1]evil",
        "[[::1]]",
        "localhost\n",
        "localhost:4000\n",
        " localhost",
        "x" * 10_000,
    ]:
        with subtests.test(host=host):
            reason = refuse_web_page(host, f"http://{host}")
            assert reason is not None and "localhost" in reason and " Host " in reason
            assert len(reason) < 400


def test_its_own_pages_may_call(subtests: pytest.Subtests) -> None:
    for host in ["localhost:4000", "127.0.0.1:4000", "[::1]:4000", "localhost"]:
        with subtests.test(host=host):
            assert refuse_web_page(host, f"http://{host}") is None
            assert refuse_web_page(host.upper(), f"http://{host}") is None


def test_pages_of_other_origins_may_not_call(subtests: pytest.Subtests) -> None:
    for origin in [
        "",
        "null",
        "https://evil.example",
        "http://localhost",
        "http://localhost:4001",
        "http://127.0.0.1:4000",
        "https://localhost:4000",
        "http://localhost:4000/",
        "http://localhost:4000.evil.example",
        "http://localhost:4000, http://localhost:4000",
        "localhost:4000",
        "file://",
        "chrome-extension://abcdefgh",
        "x" * 10_000,
    ]:
        with subtests.test(origin=origin):
            reason = refuse_web_page("localhost:4000", origin)
            assert reason is not None and "no requests of web pages but its own" in reason
            assert "with a token" in reason and len(reason) < 400


def test_an_origin_without_a_host_is_refused(subtests: pytest.Subtests) -> None:
    for origin in ["http://localhost:4000", "http://none"]:
        with subtests.test(origin=origin):
            assert refuse_web_page(None, origin) is not None
