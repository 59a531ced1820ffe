"""What the HTTP server refuses by itself still has the API's one error body."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import pytest
import waitress

from http_gateway.wire_errors import JsonErrorChannel


def never(environ: object, start_response: object) -> list[bytes]:
    raise AssertionError("the app was called")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    server = waitress.create_server(never, host="127.0.0.1", port=0, max_request_body_size=100)
    server.channel_class = JsonErrorChannel
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield "127.0.0.1", int(server.effective_port)
    server.close()
    thread.join(5)


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n" + b" " * 101, 413, "100"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400, "Content-Length"),
    ],
    ids=["no HTTP", "too large", "no length"],
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
