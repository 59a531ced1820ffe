"""The application over a JobClient of the test's, behind the gateway's HTTP server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from http_gateway.app import create_app
from http_gateway.operations.operation import JobClient
from http_gateway.server.http_server import HttpServer
from http_gateway.server.patience import Patience
from http_gateway.server.upload_door import UploadDoor


@contextmanager
def served(job_client: JobClient, port: int = 0) -> Iterator[str]:
    """The URL of a server on a free port or this one, which ends with the block."""
    with serving(create_app(job_client, version="9.8.7"), port=port) as server:
        yield f"http://127.0.0.1:{server.effective_port}"


@contextmanager
def serving(
    app: Any,
    *,
    port: int = 0,
    patience: Patience | None = None,
    threads: int = 8,
    max_connections: int = 50,
    max_request_body_size: int = 2**27,
    door: UploadDoor | None = None,
) -> Iterator[HttpServer]:
    """The gateway's HTTP server before ``app``, at its ``effective_port``."""
    listener = socket.create_server(("127.0.0.1", port))
    server = HttpServer(
        app,
        listener,
        patience=patience,
        threads=threads,
        max_connections=max_connections,
        max_request_body_size=max_request_body_size,
        door=door,
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        server.pull_trigger(partial(cut_off, server))  # its thread waits for nothing else
        thread.join(10)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive()


def cut_off(server: HttpServer) -> None:
    """Ends all connections; only the server's own thread may."""
    for connection in list(server.active_channels.values()):
        connection.handle_close()
