"""Uploads at the HTTP server: what is refused before it is read, and where the rest lies."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from http_gateway.access.page_session import cookie_name, make_session
from http_gateway.operations.table import OPERATIONS
from http_gateway.server import upload_door
from http_gateway.server.http_server import HttpServer
from http_gateway.server.upload_door import UploadDoor
from orchestrator.uploads import written_files
from orchestrator.uploads.upload_store import UploadStore
from tests.support.served import serving

TOKEN = "correct-horse-battery-staple"
MAX_BYTES = 1_000_000
PAGE = b"X-Tandem-Page: 1\r\n"
HOST = b"Host: localhost\r\n"
COOKIE = f"Cookie: {cookie_name('localhost')}={make_session(TOKEN, 4e9)}\r\n".encode()
"""Of a browser that signed in; the same in every process that collects tests."""


class App:
    """Keeps what it reads of each request, and where that lay."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.places: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        self.bodies.append(body.read())
        with_file = not hasattr(body, "getvalue")
        self.places.append(os.readlink(f"/proc/self/fd/{body.fileno()}") if with_file else "")
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def store(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "uploads")


@pytest.fixture
def start(app: App, store: UploadStore) -> Iterator[Callable[..., HttpServer]]:
    """Serves with a door; bodies of others may have 100 bytes."""
    with ExitStack() as stack:

        def begin(token: str | None = None) -> HttpServer:
            door = UploadDoor(store, OPERATIONS, MAX_BYTES, token)
            return stack.enter_context(serving(app, max_request_body_size=100, door=door))

        yield begin


def asked(server: HttpServer, head: bytes, body: bytes = b"") -> tuple[int, Any]:
    """Status and body of the answer to a request that ends its connection."""
    with socket.create_connection(("127.0.0.1", server.effective_port), timeout=20) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n" + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    first, _, rest = answer.partition(b"\r\n")
    content = rest.split(b"\r\n\r\n", 1)[1]
    return int(first.split()[1]), content if content == b"ok" else json.loads(content)["error"]


def post(
    num_bytes: int, path: str = "/api/datasets/pets", headers: bytes = b"", method: str = "POST"
) -> bytes:
    first = f"{method} {path} HTTP/1.1\r\nContent-Length: {num_bytes}\r\n".encode()
    return first + HOST + headers


def test_an_upload_may_be_larger_than_other_bodies_and_lies_in_the_storage(
    app: App, start: Callable[..., HttpServer], store: UploadStore
) -> None:
    server, body = start(), os.urandom(500_000)
    assert asked(server, post(len(body)), body) == (200, b"ok")
    assert app.bodies == [body] and app.places[0].startswith(str(store.folder()))
    assert os.listdir(store.folder()) == []
    for head in (
        post(len(body), "/api/jobs"),
        post(len(body), "/api/datasets/inspect"),
        post(len(body), "/api/datasets"),
        post(len(body), method="GET"),
    ):
        assert asked(server, head, body)[0] == 413
    assert len(app.bodies) == 1


def test_one_that_is_too_large_is_refused_before_it_comes(
    app: App, start: Callable[..., HttpServer]
) -> None:
    status, error = asked(start(), post(MAX_BYTES + 1))
    assert status == 413 and "1.0 MB" in error and "max_upload_bytes" in error
    assert app.bodies == []


def test_who_asks_whether_to_send_is_told_no_or_to_go_on(
    app: App, start: Callable[..., HttpServer]
) -> None:
    expect = b"Expect: 100-continue\r\n"
    server = start()
    assert asked(server, post(MAX_BYTES + 1, headers=expect))[0] == 413
    address = ("127.0.0.1", server.effective_port)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(post(3, headers=expect) + b"Connection: close\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abc")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert app.bodies == [b"abc"]


def test_chunks_are_taken_up_to_the_limit(app: App, start: Callable[..., HttpServer]) -> None:
    server = start()
    head = b"POST /api/datasets/pets HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST
    chunk = b"%x\r\n" % 100_000 + b"y" * 100_000 + b"\r\n"
    assert asked(server, head, chunk * 5 + b"0\r\n\r\n") == (200, b"ok")
    assert app.bodies == [b"y" * 500_000]
    assert asked(server, head, chunk * 11 + b"0\r\n\r\n")[0] == 413


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        (TOKEN, b"", 401),
        (TOKEN, b"Authorization: Bearer other-other-other-other\r\n", 401),
        (TOKEN, f"Authorization: Bearer {TOKEN}\r\n".encode(), 200),
        (TOKEN, COOKIE + PAGE, 200),
        (TOKEN, COOKIE, 403),
        (TOKEN, COOKIE + PAGE + b"Origin: http://evil.example\r\n", 403),
        (TOKEN, COOKIE + PAGE + b"Authorization: Bearer other-other-other-other\r\n", 401),
        (TOKEN, COOKIE[:-4] + b"\r\n" + PAGE, 401),
        (None, b"Origin: http://evil.example\r\n", 403),
        (None, b"Sec-Fetch-Site: cross-site\r\n", 403),
        (None, b"", 200),
    ],
)
def test_a_stranger_sends_nothing(
    app: App,
    start: Callable[..., HttpServer],
    token: str | None,
    headers: bytes,
    status: int,
) -> None:
    body = b"y" * 200
    assert asked(start(token), post(len(body), headers=headers), body)[0] == status
    assert app.bodies == ([body] if status == 200 else [])


def test_a_name_that_is_taken_is_refused_unless_it_is_to_be_replaced(
    app: App, start: Callable[..., HttpServer], store: UploadStore
) -> None:
    os.symlink(".versions/pets-1", store.folder() / "pets")
    server = start()
    status, error = asked(server, post(MAX_BYTES), b"")
    assert status == 409 and "pets already" in error and app.bodies == []
    assert asked(server, post(1, "/api/datasets/pets?replace=true"), b"y")[0] == 200
    assert asked(server, post(1, "/api/datasets/dogs"), b"y")[0] == 200


def test_a_disk_without_room_takes_nothing(
    app: App, start: Callable[..., HttpServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    monkeypatch.setattr(written_files, "free_bytes", lambda folder: written_files.RESERVE_BYTES)
    status, error = asked(server, post(1000))
    assert status == 503 and "free" in error and app.bodies == []


def test_a_disk_that_fills_while_a_body_comes_is_told(
    app: App, start: Callable[..., HttpServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    monkeypatch.setattr(upload_door, "free_bytes", lambda folder: 0)
    status, error = asked(server, post(200_000), b"y" * 200_000)
    assert status == 503 and "No space left" in error and app.bodies == []


def test_one_that_is_cut_off_leaves_nothing(
    app: App, start: Callable[..., HttpServer], store: UploadStore
) -> None:
    server = start()
    address = ("127.0.0.1", server.effective_port)
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(post(500_000) + b"\r\n" + b"y" * 300_000)
        until(lambda: len(open_in(store.folder())) == 1)
    until(lambda: open_in(store.folder()) == [])
    assert os.listdir(store.folder()) == [] and app.bodies == []


def open_in(folder: Path) -> list[str]:
    """Files there that this process has open, with or without a name."""
    found = []
    for handle in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{handle}")
        except OSError:
            continue
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
