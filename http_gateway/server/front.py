"""The gateway's HTTP server, behind which the application can be changed while it serves."""

from __future__ import annotations

import socket
import threading
import time

from actors.core.version import __version__
from http_gateway.live.event_hub import EventHub
from http_gateway.operations.operation import JobClient
from http_gateway.process.coming_back import SwitchedApp
from http_gateway.server.http_server import HttpServer
from http_gateway.server.upload_door import UploadDoor
from orchestrator.settings import Settings
from orchestrator.uploads.upload_store import UploadStore, uploads_folder

POLL_S = 0.05
LAST_EVENTS_S = 1.0


class Front:
    """Serves at a socket that listens already; ``show`` says by which JobClient."""

    def __init__(self, settings: Settings, token: str | None, listener: socket.socket) -> None:
        self._settings = settings
        self._token = token
        self._listener = listener
        self._app = SwitchedApp()
        self._hub: EventHub | None = None
        self._server: HttpServer | None = None
        self._thread: threading.Thread | None = None

    def show(self, client: JobClient) -> None:
        """From now on ``client`` answers requests; the first call begins to serve. Streams of
        events end: who listens comes back."""
        from http_gateway.app import create_app

        limit = self._settings.max_request_body_bytes
        before, self._hub = self._hub, EventHub(client, self._settings.max_streams)
        self._app.app = create_app(
            client,
            max_request_body_bytes=limit,
            max_upload_bytes=self._settings.max_upload_bytes,
            token=self._token,
            version=__version__,
            hub=self._hub,
            ray_address=self._settings.ray_address,
        )
        if before is not None:
            before.close()
        if self._thread is None:
            self._server = HttpServer(
                self._app,
                self._listener,
                threads=self._settings.http_threads,
                # The app refuses a body by its own limit; this one spares the disk.
                max_request_body_size=2 * limit,
                door=self._upload_door(),
            )
            self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
            self._thread.start()

    def _upload_door(self) -> UploadDoor:
        from http_gateway.operations.table import OPERATIONS

        store = UploadStore(uploads_folder(self._settings.storage_path))
        return UploadDoor(store, OPERATIONS, self._settings.max_upload_bytes, self._token)

    @property
    def serves(self) -> bool:
        """False once the server has ended."""
        return self._thread is not None and self._thread.is_alive()

    def finish_requests(self, timeout_s: float) -> None:
        """Waits until those under way are answered, or so long."""
        deadline = time.monotonic() + timeout_s
        while self._num_working and time.monotonic() < deadline:
            time.sleep(POLL_S)

    @property
    def _num_working(self) -> int:
        """Threads that have a request."""
        return 0 if self._server is None else int(self._server.task_dispatcher.active_count)

    def close(self) -> None:
        """Accepts no more connections. Streams of events end, as far as their clients take that."""
        if self._hub is not None:
            self._hub.close()
            deadline = time.monotonic() + LAST_EVENTS_S
            while self._hub.num_streams and time.monotonic() < deadline:
                time.sleep(POLL_S)
        if self._server is not None:
            self._server.close()
