"""A response that goes on after its request's thread has gone to other work.

A WSGI application keeps a thread until its response is whole. One that finds ``KEEP_OPEN`` in its
environment may give a ``Writer`` to it, and return the beginning. The connection stays in the
server's loop then, like one that is idle, and whoever has something to say writes to it.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

from waitress.channel import ClientDisconnected
from waitress.task import WSGITask

KEEP_OPEN = "tandem.keep_open"


class OpenResponse:
    """Any thread may write. Nobody waits for the client: what it has not taken yet is
    ``num_unsent``, and who writes looks at that first."""

    def __init__(self, connection: Any, is_chunked: bool) -> None:
        self._connection = connection
        self._is_chunked = is_chunked
        self._is_ended = False

    @property
    def num_unsent(self) -> int:
        """Bytes."""
        return int(self._connection.total_outbufs_len)

    def write(self, data: bytes) -> None:
        """Nothing happens if the client has gone; its ``Writer`` is told that anyway."""
        with self._connection.outbuf_lock:
            if not self._is_ended:
                self._send(b"%X\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def end(self) -> None:
        """Nothing follows. The client sees that it is whole."""
        with self._connection.outbuf_lock:
            if self._is_chunked and not self._is_ended:
                self._send(b"0\r\n\r\n")
            self._is_ended = True
        self._connection.end_response()

    def _send(self, data: bytes) -> None:
        try:
            self._connection.write_soon(data)
        except ClientDisconnected:
            return


class Writer(Protocol):
    """Who writes to a response that stays open. ``heartbeat`` is sent where nothing else was for a
    while."""

    heartbeat: bytes

    def opened(self, response: OpenResponse) -> None:
        """The beginning is written; from now on."""
        ...

    def closed(self) -> None:
        """The client has gone, or was cut off; more than once maybe, and maybe without ``opened``
        or before it."""
        ...


class OpenTask(WSGITask):
    """Leaves the end of a response away that stays open."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[KEEP_OPEN] = functools.partial(self.channel.keep_open, self.request)
        return environ

    def finish(self) -> None:
        if not self.channel.stays_open:
            super().finish()
            return
        self.channel.response = OpenResponse(self.channel, self.chunked_response)
        self.close_on_finish = False
