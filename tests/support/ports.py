"""Free ports for tests."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""The number of this process among those that run the tests side by side, from 0."""
MAX_WORKERS = 4
PORTS_A_WORKER = 3000
assert WORKER < MAX_WORKERS, f"WORKERS is {MAX_WORKERS} at most: each has ports of its own"
RAY_LIKE = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The first bytes of a Ray head, which speaks HTTP/2: its settings."""


def consecutive_free_ports(count: int) -> list[int]:
    """Free ports in a row, below those that the system gives out by itself, and outside the ranges
    of other test workers."""
    first_port = 20_000 + WORKER * PORTS_A_WORKER
    for first in random.sample(range(first_port, first_port + PORTS_A_WORKER - count), 100):
        ports = list(range(first, first + count))
        if all(_is_free(port) for port in ports):
            return ports
    raise AssertionError(f"no {count} free ports in a row")


def free_ports(count: int) -> list[int]:
    """Different TCP ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("0.0.0.0", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def listening() -> Iterator[int]:
    """The port of something on this host that lets itself be connected to."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def saying(words: bytes) -> Iterator[int]:
    """The port of something on this host that says this to each that connects, and hangs up."""
    with socket.create_server(("0.0.0.0", 0)) as server:

        def say() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the server is closed
                    return
                with connection, suppress(OSError):  # who only looked is gone again
                    connection.sendall(words)
                    connection.recv(1024)

        thread = threading.Thread(target=say)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True
