"""The application over a JobClient of the test's, behind the gateway's HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import waitress
from waitress import wasyncore

from http_gateway.app import create_app
from http_gateway.job_client import JobClient


@contextmanager
def served(job_client: JobClient, port: int = 0) -> Iterator[str]:
    """The URL of a server on a free port or this one, which ends with the block."""
    app = create_app(job_client, version="9.8.7")
    server = waitress.create_server(app, host="127.0.0.1", port=port, threads=8)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # Its own thread closes everything, and ends then, having nothing left to wait for.
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(10)
        server.task_dispatcher.shutdown()
        assert not thread.is_alive()
