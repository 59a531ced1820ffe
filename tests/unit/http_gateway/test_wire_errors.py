"""Refusals of the HTTP server itself also have the API's error body."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator

import pytest
from waitress.receiver import FixedStreamReceiver

from tests.support.served import serving


def never(environ: object, start_response: object) -> list[bytes]:
    raise AssertionError("the app was called")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with serving(never, max_request_body_size=100) as server:
        yield "127.0.0.1", server.effective_port


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + b" " * 101, 413, "100"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400, "Content-Length"),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"1" * 5000 + b"\r\n\r\n", 400, "digits"),
        (b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "Bad Request"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 300_000, 431, "header"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Transfer-Encoding"),
    ],
    ids=[
        "no HTTP",
        "too large",
        "no length",
        "a length of 5,000 digits",
        "no address",
        "large headers",
        "an encoding it does not know",
    ],
)
def test_it_answers_json_and_ends_the_connection(
    address: tuple[str, int], sent: bytes, status: int, words: str
) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, body = answer.decode().split("\r\n\r\n", 1)
    assert head.startswith(f"HTTP/1.1 {status} ") or head.startswith(f"HTTP/1.0 {status} ")
    assert "content-type: application/json" in head.lower()
    error = json.loads(body)
    assert list(error) == ["error"] and words in error["error"]


def test_a_client_that_sends_on_after_the_answer_still_gets_it(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
        for _ in range(90):
            connection.sendall(b" " * 100_000)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_first_is_told_no_before_it_sends(address: tuple[str, int]) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_disk_that_can_not_take_a_body_is_told(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(receiver: object, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FixedStreamReceiver, "received", full)
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        connection.sendall(b"123456789")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ") and b"No space left" in answer
