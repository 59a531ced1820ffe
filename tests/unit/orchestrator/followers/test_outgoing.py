"""Servers that do not behave: what they answer costs neither memory nor time without an end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from orchestrator.followers import outgoing
from orchestrator.followers.outgoing import NotTaken, call_json, post

FAILED = b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"
TAKEN = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that reads one request, and then talks until its client goes."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(20)
        assert not thread.is_alive(), "the client still listens"


def without_end(head: bytes, piece: bytes, pause_s: float = 0.0) -> Callable[..., None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        pause = threading.Event()
        while not pause.wait(pause_s):
            connection.sendall(piece)

    return talk


def test_an_answer_without_an_end_is_read_up_to_a_limit() -> None:
    with answering(without_end(FAILED, b"x" * 65536)) as url:
        with pytest.raises(NotTaken, match="500") as refused:
            post(url, b"", {})
        assert len(refused.value.text) < 500
    with answering(without_end(TAKEN, b"x" * 65536)) as url, pytest.raises(NotTaken, match="JSON"):
        call_json("GET", url, "/")


def test_one_that_comes_byte_by_byte_is_read_for_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_S", 0.3)
    with answering(without_end(FAILED, b"x", 0.01)) as url, pytest.raises(NotTaken, match="500"):
        post(url, b"", {})


def test_what_was_taken_is_taken_however_the_answer_goes_on() -> None:
    with answering(without_end(TAKEN, b"x", 0.01)) as url:
        post(url, b"", {})
    broken = b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk"
    with answering(lambda connection: connection.sendall(broken)) as url:
        post(url, b"", {})


@pytest.mark.parametrize("said", ["%s", "no hook at %s", "/%s?x=1", "x" * 190 + "%s"])
def test_a_server_that_repeats_the_secret_in_the_address_is_not_quoted(said: str) -> None:
    secret = "a secret of the owner's"

    def talk(connection: socket.socket) -> None:
        connection.sendall(FAILED + (said % secret).encode())

    for path in (f"hooks/{secret}", f"hook?key={secret}"):
        with answering(talk) as url, pytest.raises(NotTaken) as refused:
            post(f"{url}/{path.replace(' ', '%20')}", b"", {})
        assert refused.value.text == f"{url} answers 500"
