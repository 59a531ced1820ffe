"""Clients that are slow, silent or many: each has its time, and nobody shuts the others out."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from http_gateway.server.http_server import HttpServer
from http_gateway.server.patience import ConnectionPhase, Patience
from tests.support.served import serving

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UNHURRIED = {"new_s": 60.0, "idle_s": 60.0, "head_s": 60.0, "transfer_s": 60.0, "look_s": 0.05}
LARGE = 20_000_000


class App:
    """Answers each request once ``opened`` is set; ``begun`` counts those that it began."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.begun = 0
        self.body = b"ok"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.begun += 1
        environ["wsgi.input"].read()
        assert self.opened.wait(30)
        start_response("200 OK", [("Content-Length", str(len(self.body)))])
        return [self.body]


def patience(**seconds: float) -> Patience:
    return Patience(**{**UNHURRIED, **seconds})


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    yield app
    app.opened.set()


@pytest.fixture
def opened() -> Iterator[Callable[[HttpServer], socket.socket]]:
    with ExitStack() as stack:

        def connect(server: HttpServer) -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", server.effective_port), timeout=20)
            return stack.enter_context(connection)

        yield connect


def received(connection: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def drip(connection: socket.socket, data: bytes) -> None:
    """A byte each 10 ms, until the server has enough of it."""
    try:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.01)
    except OSError:
        pass


def test_a_connection_without_a_request_is_closed(app: App, opened: Any) -> None:
    with serving(app, patience=patience(new_s=0.2)) as server:
        assert received(opened(server)) == b""


def test_a_connection_between_two_requests_is_closed_later(app: App, opened: Any) -> None:
    with serving(app, patience=patience(idle_s=0.2)) as server:
        connection = opened(server)
        connection.sendall(REQUEST)
        assert received(connection).endswith(b"\r\n\r\nok")


@pytest.mark.parametrize(
    ("seconds", "data"),
    [
        ({"head_s": 0.3}, b"GET / HTTP/1.1\r\nX: " + b"y" * 3000),
        (
            {"transfer_s": 0.3, "bytes_per_s": 1000.0},
            b"POST / HTTP/1.1\r\nContent-Length: 3000\r\n\r\n" + b"y" * 2500,
        ),
    ],
    ids=["headers", "body"],
)
def test_who_sends_a_byte_at_a_time_is_answered_408(
    app: App, opened: Any, seconds: dict[str, float], data: bytes
) -> None:
    with serving(app, patience=patience(**seconds)) as server:
        connection = opened(server)
        threading.Thread(target=drip, args=(connection, data), daemon=True).start()
        head, body = received(connection).split(b"\r\n\r\n", 1)
    assert b" 408 " in head.splitlines()[0]
    assert list(json.loads(body)) == ["error"]
    assert app.begun == 0


def test_a_body_may_take_long_if_enough_of_it_comes(app: App, opened: Any) -> None:
    with serving(app, patience=patience(transfer_s=0.5, bytes_per_s=10.0)) as server:
        connection = opened(server)
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 200\r\nConnection: close\r\n\r\n")
        drip(connection, b"y" * 200)  # takes 2 s, and has 20
        assert received(connection).endswith(b"ok")


def test_who_does_not_take_its_answer_is_cut_off(app: App, opened: Any) -> None:
    app.body = b"y" * LARGE
    with serving(app, patience=patience(transfer_s=0.3, bytes_per_s=1e12)) as server:
        connection = opened(server)
        connection.sendall(REQUEST)
        until(lambda: app.begun == 1 and not server.active_channels)
        assert 0 < len(received(connection)) < LARGE


@pytest.mark.parametrize("sent", [b"", b"G", REQUEST], ids=["silent", "begun", "answered"])
def test_when_all_connections_are_taken_the_one_that_does_the_least_makes_room(
    app: App, opened: Any, sent: bytes
) -> None:
    with serving(app, patience=patience(), max_connections=20) as server:
        for _ in range(60):
            opened(server).sendall(sent)
        assert requests.get(f"http://127.0.0.1:{server.effective_port}/", timeout=20).text == "ok"


def test_a_request_under_way_never_makes_room(app: App, opened: Any) -> None:
    app.opened.clear()
    with serving(app, patience=patience(), threads=2, max_connections=2) as server:
        working = [opened(server) for _ in range(2)]
        for connection in working:
            connection.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        until(lambda: app.begun == 2)
        opened(server).sendall(REQUEST)
        time.sleep(0.2)
        app.opened.set()
        assert all(received(connection).endswith(b"ok") for connection in working)
        until(lambda: app.begun == 3)


def test_hundreds_of_clients_that_keep_their_connections_are_all_served(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    answered = []

    def ask(url: str) -> None:
        with requests.Session() as session:
            for _ in range(3):
                answered.append(session.get(url, timeout=60).text)

    with (
        caplog.at_level(logging.INFO, "waitress"),
        serving(app, patience=patience(queue_s=60.0), max_connections=500) as server,
    ):
        url = f"http://127.0.0.1:{server.effective_port}/"
        clients = [threading.Thread(target=ask, args=(url,)) for _ in range(200)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(60)
    assert answered == ["ok"] * 600
    assert not caplog.records


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_request_whose_client_is_gone_is_not_begun(app: App, opened: Any, reset: bool) -> None:
    app.opened.clear()
    with serving(app, patience=patience(), threads=1) as server:
        opened(server).sendall(REQUEST)
        until(lambda: app.begun == 1)
        leaving = [opened(server) for _ in range(3)]
        staying = opened(server)
        for connection in (*leaving, staying):
            connection.sendall(REQUEST)
        for connection in leaving:
            if reset:
                linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()
        app.opened.set()
        assert staying.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert app.begun == 2


def test_a_request_that_no_thread_has_taken_in_time_is_answered_503(app: App, opened: Any) -> None:
    app.opened.clear()
    with serving(app, patience=patience(queue_s=0.2), threads=1) as server:
        opened(server).sendall(REQUEST)
        until(lambda: app.begun == 1)
        waiting = opened(server)
        waiting.sendall(REQUEST)
        time.sleep(0.5)
        app.opened.set()
        head, body = received(waiting).split(b"\r\n\r\n", 1)
    assert b" 503 " in head.splitlines()[0]
    assert list(json.loads(body)) == ["error"]
    assert app.begun == 1


def test_a_transfer_has_more_time_the_more_has_come() -> None:
    given = Patience(transfer_s=20.0, bytes_per_s=1000.0)
    for phase in (ConnectionPhase.BODY, ConnectionPhase.ANSWER):
        assert given.limit_s(phase, 0) == 20.0
        assert given.limit_s(phase, 64_000_000) == 64_020.0
    assert given.limit_s(ConnectionPhase.HEAD, 64_000_000) == given.head_s


def test_a_request_under_way_is_answered_after_the_server_was_closed(
    app: App, opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app.opened.clear()
    with serving(app, patience=patience()) as server:
        connection = opened(server)
        connection.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        until(lambda: app.begun == 1)
        server.close()
        until(lambda: not server.accepting)
        app.opened.set()
        assert received(connection).endswith(b"ok")
    assert [record.getMessage() for record in caplog.records] == []


def test_who_wakes_a_server_that_has_ended_does_nothing(app: App) -> None:
    with serving(app, patience=patience()) as server:
        pass
    server.pull_trigger()
    server.close()
