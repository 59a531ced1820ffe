"""The HTTP server: waitress, with room for some hundred clients, whatever others do."""

from __future__ import annotations

import logging
import resource
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from http_gateway.server.connection import Connection
from http_gateway.server.patience import CLAIMS, Patience
from http_gateway.server.upload_door import UploadDoor

MAX_CONNECTIONS = 1000


class HttpServer(TcpWSGIServer):
    """Serves ``app`` at a socket that listens already.

    Where all connections are taken, the one that has done the least the longest makes room.
    """

    channel_class = Connection

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        *,
        threads: int,
        max_request_body_size: int,
        patience: Patience | None = None,
        max_connections: int | None = None,
        door: UploadDoor | None = None,
    ) -> None:
        self.door = door
        self.patience = patience or Patience()
        self._max_connections = max_connections or _max_connections()
        self._next_look = 0.0
        self._waking = threading.Lock()
        self._has_ended = False
        # It warns of each request that has to wait: thousands of lines, just when the load is high.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        adj = Adjustments(
            sockets=[listener],
            threads=threads,
            max_request_body_size=max_request_body_size,
            channel_request_lookahead=1,  # or the end of a waiting client is not seen
            asyncore_use_poll=True,  # select() knows no file numbers above 1023
            log_socket_errors=False,  # clients go as they like
            ident="tandem",
        )
        adj.asyncore_loop_timeout = self.patience.look_s
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(threads)
        where = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app,
            {},
            _sock=listener,
            dispatcher=dispatcher,
            adj=adj,
            sockinfo=where,
            bind_socket=False,
        )

    def run(self) -> None:
        """Until it was closed, and then until its last connection has ended."""
        try:
            while self.accepting or self.active_channels:
                wasyncore.loop(
                    self.adj.asyncore_loop_timeout,
                    use_poll=self.adj.asyncore_use_poll,
                    map=self._map,
                    count=1,
                )
        finally:
            with self._waking:
                self._has_ended = True
                self.trigger.close()

    def close(self) -> None:
        """Accepts no more connections; those that there are go on. From any thread."""
        self.pull_trigger(partial(wasyncore.dispatcher.close, self))

    def pull_trigger(self, thunk: Callable[[], object] | None = None) -> None:
        """Wakes the server's thread, which calls that; nothing happens once it has ended. That of
        waitress would write to a file number that is closed by then, or is another file's."""
        with self._waking:
            if not self._has_ended:
                self.trigger.pull_trigger(thunk)

    def add_task(self, task: Connection) -> None:
        task.queued(time.monotonic())
        super().add_task(task)

    def readable(self) -> bool:
        """Whether it can take another connection; waitress asks before each poll.

        So what is closed here is not polled: a new connection could have its file number by then.
        """
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self.patience.look_s
            for connection in list(self.active_channels.values()):
                connection.look(now)
        return self.accepting and (self._num_free() > 0 or self._least(now) is not None)

    def handle_accept(self) -> None:
        """Takes a connection, then makes room for the next: so no file number is used twice in one
        poll."""
        least = self._least(time.monotonic()) if self._num_free() <= 0 else None
        super().handle_accept()
        if least is not None:
            least.handle_close()

    def _num_free(self) -> int:
        return self._max_connections - len(self.active_channels)

    def _least(self, now: float) -> Connection | None:
        doing = {connection: connection.note(now) for connection in self.active_channels.values()}
        return min(
            (connection for connection in doing if doing[connection][0] in CLAIMS),
            key=lambda connection: (CLAIMS[doing[connection][0]], doing[connection][1]),
            default=None,
        )


def _max_connections() -> int:
    """Each may have two temporary files; Ray and the rest of the process have files open, too."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files // 2)
