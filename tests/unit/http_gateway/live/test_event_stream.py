"""Streams of events over the gateway's HTTP server: they take no threads, come back where they
were, and end in order."""

from __future__ import annotations

import http.client
import json
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests

from http_gateway.app import create_app
from http_gateway.client import ApiError, TandemClient
from http_gateway.live import event_hub, event_reader
from http_gateway.live.event_format import decode
from http_gateway.live.event_hub import EventHub
from http_gateway.server.http_server import HttpServer
from http_gateway.server.patience import Patience
from tests.support.event_log import EventLog
from tests.support.fake_job_client import FakeJobClient
from tests.support.jobs import wait_until
from tests.support.served import cut_off, serving

STREAM = {"Accept": "text/event-stream"}
Opened = Callable[..., http.client.HTTPResponse]


class Served:
    """The application with two threads, whose log the test writes."""

    def __init__(self, server: HttpServer, hub: EventHub, log: EventLog) -> None:
        self.server = server
        self.hub = hub
        self.log = log
        self.url = f"http://127.0.0.1:{server.effective_port}"


@contextmanager
def served(max_streams: int = 100, **patience: float) -> Iterator[Served]:
    fake, log = FakeJobClient(), EventLog()
    fake.answers["read_log"] = log.read
    hub = EventHub(fake, max_streams)
    app = create_app(fake, version="0", hub=hub)
    given = Patience(look_s=0.02, **patience)
    try:
        with serving(app, threads=2, patience=given, max_connections=500) as server:
            yield Served(server, hub, log)
    finally:
        hub.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "TURN_S", 0.005)
    monkeypatch.setattr(event_reader, "AGAIN_S", 0.01)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens a stream and returns its answer, with its beginning unread."""
    with ExitStack() as stack:

        def ask(gateway: Served, path: str = "/api/events", **headers: str) -> Any:
            connection = http.client.HTTPConnection(
                "127.0.0.1", gateway.server.effective_port, timeout=20
            )
            stack.callback(connection.close)
            connection.request("GET", path, headers={**STREAM, **headers})
            return connection.getresponse()

        yield ask


def connected(gateway: Served) -> socket.socket:
    """A bare connection."""
    return socket.create_connection(("127.0.0.1", gateway.server.effective_port), timeout=20)


def read_until(connection: socket.socket, words: bytes) -> bytes:
    """All that comes up to them."""
    received = b""
    while words not in received:
        data = connection.recv(65536)
        assert data, received
        received += data
    return received


def seqs(response: http.client.HTTPResponse, count: int) -> list[int | None]:
    """Of the next so many blocks."""
    blocks = decode(iter(lambda: response.read1(65536), b""))
    return [next(blocks).seq for _ in range(count)]


def until(condition: Callable[[], object]) -> None:
    wait_until(condition, 20, "it does not happen")


def test_entries_come_as_they_happen_and_take_no_thread(opened: Opened) -> None:
    with served() as gateway:
        answers = [opened(gateway) for _ in range(20)]
        assert [a.status for a in answers] == [200] * 20
        assert answers[0].headers["Content-Type"].startswith("text/event-stream")
        assert answers[0].headers["Cache-Control"] == "no-store"
        assert [seqs(a, 1) for a in answers] == [[0]] * 20
        assert requests.get(f"{gateway.url}/health", timeout=20).status_code == 200
        gateway.log.tell("1")
        gateway.log.tell("2", "lost")
        assert [seqs(a, 2) for a in answers] == [[1, 2]] * 20


def test_a_stream_begins_after_what_is_asked_for_or_was_seen_last(opened: Opened) -> None:
    with served() as gateway:
        for number in range(9):
            gateway.log.tell("12"[number % 2], "lost" if number == 5 else "step")
        assert seqs(opened(gateway), 1) == [9]
        assert seqs(opened(gateway, "/api/events?after=6"), 4) == [6, 7, 8, 9]
        again = opened(gateway, "/api/events?after=2", **{"Last-Event-ID": "7"})
        assert seqs(again, 3) == [7, 8, 9]
        assert seqs(opened(gateway, "/api/jobs/1/events?after=0"), 6) == [0, 1, 3, 5, 7, 9]
        assert seqs(opened(gateway, "/api/events?after=0&kinds=lost,status"), 2) == [0, 6]


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 17, "9007199254740992", "9" * 5000])
def test_a_last_event_that_is_no_number_is_refused(opened: Opened, value: str) -> None:
    with served() as gateway:
        answer = opened(gateway, **{"Last-Event-ID": value})
        assert answer.status == 400 and "0 to 9007199254740991" in json.load(answer)["error"]
        assert gateway.hub.num_streams == 0


def test_what_is_wrong_is_said_before_a_stream_begins(opened: Opened) -> None:
    with served() as gateway:
        assert opened(gateway, "/api/jobs/9/events").status == 404
        assert opened(gateway, "/api/events?after=x").status == 400
        assert gateway.hub.num_streams == 0


def test_json_is_for_all_who_do_not_ask_for_events(opened: Opened) -> None:
    with served() as gateway:
        for accept in ("*/*", "application/json", "text/html", "application/json, */*;q=0.5"):
            answer = opened(gateway, Accept=accept)
            assert json.load(answer)["next_after"] > 0
    app = create_app(FakeJobClient(), version="0")  # behind a server that can't
    assert app.test_client().get("/api/events", headers=STREAM).status_code == 503


def test_of_a_thousand_streams_at_once_as_many_as_allowed_are_open_and_others_are_told(
    opened: Opened,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2_000 if hard == resource.RLIM_INFINITY else min(2_000, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        with served(max_streams=200) as gateway:
            answers = [opened(gateway) for _ in range(1_000)]
            assert [a.status for a in answers] == [200] * 200 + [503] * 800
            assert "max_streams" in json.load(answers[-1])["error"]
            assert requests.get(f"{gateway.url}/health", timeout=20).status_code == 200
            gateway.log.tell("1")
            assert [seqs(a, 2) for a in answers[:200]] == [[0, 1]] * 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_client_that_leaves_makes_room_at_once(opened: Opened) -> None:
    with served(max_streams=1) as gateway:
        with connected(gateway) as leaving:
            leaving.sendall(b"GET /api/events HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n")
            assert b"200 OK" in leaving.recv(65536)
            assert opened(gateway).status == 503
        until(lambda: gateway.hub.num_streams == 0)
        assert opened(gateway).status == 200


def test_a_quiet_stream_shows_that_it_lives_and_is_not_cut_off(opened: Opened) -> None:
    with served(heartbeat_s=0.05, idle_s=0.05, transfer_s=0.05) as gateway:
        answer = opened(gateway)
        assert seqs(answer, 4) == [0, None, None, None]
        gateway.log.tell("1")
        blocks = decode(iter(lambda: answer.read1(65536), b""))
        until(lambda: next(blocks).seq == 1)


def test_a_client_that_takes_nothing_is_cut_off_and_others_go_on(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_hub, "PAGE", 10)
    with served(transfer_s=0.3, bytes_per_s=1e12) as gateway:
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with stuck:
            stuck.connect(("127.0.0.1", int(gateway.server.effective_port)))
            stuck.sendall(b"GET /api/events HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n")
            other = opened(gateway)
            until(lambda: gateway.hub.num_streams == 2)
            for _ in range(2_000):
                gateway.log.tell("1", text="x" * 5_000)
            assert seqs(other, 2_001) == list(range(2_001))
            until(lambda: gateway.hub.num_streams == 1)


def test_what_a_client_sends_on_an_open_stream_counts_for_nothing(opened: Opened) -> None:
    with served() as gateway, connected(gateway) as both:
        ask = b"GET /api/events HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n"
        both.sendall(ask + b"GET /health HTTP/1.1\r\n\r\n")
        received = read_until(both, b"id: 0\n\n")
        both.sendall(b"GET /health HTTP/1.1\r\n\r\n" * 3)
        gateway.log.tell("1", "lost")
        received += read_until(both, b"event: lost")
        assert received.count(b"HTTP/1.1") == 1
        assert requests.get(f"{gateway.url}/health", timeout=20).status_code == 200


def test_http_1_0_gets_the_same_without_chunks() -> None:
    with served() as gateway, connected(gateway) as old:
        old.sendall(b"GET /api/events HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n")
        begin = read_until(old, b"id: 0\n\n")
        gateway.log.tell("1")
        assert b"event: step" in read_until(old, b"}\n\n")
        head, _, body = begin.partition(b"\r\n\r\n")
        assert b"chunked" not in head.lower() and body.startswith(b"retry: ")
        gateway.hub.close()
        assert old.recv(65536) == b""


def test_streams_end_whole_when_the_gateway_ends(opened: Opened) -> None:
    with served() as gateway:
        answers = [opened(gateway) for _ in range(5)]
        gateway.log.tell("1")
        assert [seqs(a, 2) for a in answers] == [[0, 1]] * 5
        gateway.hub.close()
        assert [a.read() for a in answers] == [b""] * 5
        for answer in answers:
            answer.close()
        assert opened(gateway).status == 503


def interrupt(server: HttpServer) -> None:
    """Ends all connections."""
    done = threading.Event()

    def act() -> None:
        cut_off(server)
        done.set()

    server.pull_trigger(act)
    assert done.wait(20)


def test_a_client_goes_on_where_it_was_after_an_interruption() -> None:
    silences: list[Exception] = []
    with served() as gateway, TandemClient(gateway.url) as client:
        entries = client.events(after=0, on_silence=silences.append)
        gateway.log.tell("1")
        assert next(entries)["seq"] == 1
        interrupt(gateway.server)
        gateway.log.tell("2", "lost")
        gateway.log.tell("1")
        assert [next(entries)["seq"] for _ in range(2)] == [2, 3]
        assert len(silences) <= 1  # none if the next look found it there
        of_one = client.events("2", after=0, kinds=["lost", "status"])
        assert next(of_one)["seq"] == 2


def test_a_client_that_was_told_nothing_yet_misses_nothing_either() -> None:
    with served() as gateway, TandemClient(gateway.url) as client:
        listening = client.listen(None, None, None, 20.0, None)
        assert next(listening) is None
        interrupt(gateway.server)
        gateway.log.tell("1")
        found = next(entry for entry in listening if entry is not None)
        assert found["seq"] == 1


def test_a_client_raises_at_once_what_will_not_pass_and_in_time_what_may() -> None:
    with served(max_streams=0) as gateway, TandemClient(gateway.url) as client:
        with pytest.raises(ApiError) as full:
            next(client.events(patience_s=0.05))
        assert full.value.status == 503
    with served() as gateway, TandemClient(gateway.url) as client:
        with pytest.raises(ApiError) as unknown:
            next(client.events("9"))
        assert unknown.value.status == 404
    with pytest.raises(requests.ConnectionError), TandemClient(gateway.url) as client:
        next(client.events(patience_s=0.05))


def test_a_connection_that_had_other_answers_before_may_stay_open_too() -> None:
    with served() as gateway:
        for number in range(1, 31):
            with connected(gateway) as used:
                events = b"GET /api/events HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n"
                used.sendall(b"GET /health HTTP/1.1\r\n\r\n" + events)
                read_until(used, b"\nid: %d\n\n" % (number - 1))
                gateway.log.tell("1")
                read_until(used, b"event: step")
