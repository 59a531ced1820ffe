"""A client's connection: each thing it does has a time limit, and a refusal is in JSON."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel

from http_gateway.server.open_response import OpenResponse, OpenTask, Writer
from http_gateway.server.parser import Parser
from http_gateway.server.patience import ConnectionPhase
from http_gateway.server.wire_errors import Busy, JsonErrorTask, RequestTimeout


class Connection(HTTPChannel):
    """waitress's own knows one limit, for silence, and closes only what takes bytes.

    ``look`` and everything waitress calls but ``service`` run in the server's thread.
    """

    task_class = OpenTask
    error_task_class = JsonErrorTask
    parser_class: Any
    request: Any  # the one that is arriving
    requests: list[Any]  # those that have arrived

    def __init__(self, server: Any, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self.parser_class = partial(Parser, door=server.door)
        self._num_requests = 0
        self._num_sent = 0
        self._lingers = False
        self._writer: Writer | None = None
        self._open_request: Any = None
        """That whose answer stays open."""
        self.response: OpenResponse | None = None
        self._queued_at = self._since = time.monotonic()
        self._seen: tuple[ConnectionPhase, Any] = (ConnectionPhase.NEW, 0)
        self._sent_before = 0
        super().__init__(server, sock, *args, **kwargs)

    def look(self, now: float) -> None:
        """Ends what takes too long."""
        phase = self.note(now)[0]
        if phase is ConnectionPhase.OPEN:
            self._show_life(now)
        if now - self._since < self.server.patience.limit_s(phase, self._passed_in(phase)):
            return
        if phase in (ConnectionPhase.HEAD, ConnectionPhase.BODY):
            self._refuse(RequestTimeout(_late_text(phase, now - self._since)))
        else:
            self.handle_close()

    def note(self, now: float) -> tuple[ConnectionPhase, float]:
        """Records what it is doing, and since when."""
        seen = self._look_at()
        if seen != self._seen:
            self._seen, self._since, self._sent_before = seen, now, self._num_sent
        return seen[0], self._since

    def queued(self, now: float) -> None:
        """Its request waits for a thread from now on."""
        self._num_requests += 1
        self._queued_at = now

    def service(self) -> None:
        """Answers its request, unless nobody waits for the answer any more."""
        if self.stays_open:
            self._drop_requests()  # there is no place for another answer
            return
        patience = self.server.patience
        if self._client_is_gone():
            self.connected = False
        elif time.monotonic() - self._queued_at > patience.queue_s:
            self.requests[0].error = Busy(
                f"the gateway was busy with other requests for {patience.queue_s:g} s and did "
                "nothing about this one; try again later"
            )
        request = self.requests[0]
        super().service()
        # Another thread may do the next request by now.
        if self._writer is not None and self._open_request is request:
            self._hand_over(self._writer)

    @property
    def stays_open(self) -> bool:
        """Whether the answer under way has no end yet."""
        return self._writer is not None

    def keep_open(self, request: Any, writer: Writer) -> None:
        """For the application, while it makes the answer to that request."""
        self._open_request, self._writer = request, writer
        limit_ms = round(1000 * self.server.patience.unplugged_s)
        with suppress(OSError, AttributeError):  # closed meanwhile, or not on Linux
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)

    def end_response(self) -> None:
        """Once all is sent that was written; from any thread."""
        if self.connected:
            self.close_when_flushed = True
            self.server.pull_trigger()

    def received(self, data: bytes) -> bool:
        """What comes while an answer stays open counts for nothing."""
        return False if self.stays_open else bool(super().received(data))

    def readable(self) -> bool:
        """Also to throw away what still comes after the last answer."""
        return self._is_open() and (self._lingers or self.stays_open or super().readable())

    def writable(self) -> bool:
        """A connection that was closed since the last look must not be polled."""
        return self._is_open() and not self._lingers and bool(super().writable())

    def handle_read(self) -> None:
        if not self._lingers:
            super().handle_read()
        else:
            try:
                self.recv(self.adj.recv_bytes)
            except OSError:
                self.handle_close()

    def handle_write(self) -> None:
        """Closing with bytes unread would reset the connection, and the client lose the answer."""
        if not self.stays_open:
            self._flush()
            return
        with self.outbuf_lock:  # others write to it, too
            self._flush()

    def handle_close(self) -> None:
        """Also closes the file of a body that was arriving."""
        if self.request is not None:
            self.request.close()
        super().handle_close()
        if self._writer is not None:
            self._writer.closed()

    def send(self, data: bytes, do_close: bool = True) -> int:
        if self.socket is None:  # closed meanwhile, when the server ended
            return 0
        num_sent: int = super().send(data, do_close)
        self._num_sent += num_sent
        return num_sent

    def _look_at(self) -> tuple[ConnectionPhase, Any]:
        """The phase, and what distinguishes it from the next one of its kind."""
        request = self.request
        if self._lingers:
            return ConnectionPhase.LINGER, None
        if self.total_outbufs_len:
            return ConnectionPhase.ANSWER, None
        if self.requests:
            return ConnectionPhase.WORK, None
        if self.stays_open:
            return ConnectionPhase.OPEN, self._num_sent
        if request is not None:
            return (
                ConnectionPhase.BODY if request.headers_finished else ConnectionPhase.HEAD
            ), request
        return (
            ConnectionPhase.IDLE if self._num_requests else ConnectionPhase.NEW
        ), self._num_requests

    def _passed_in(self, phase: ConnectionPhase) -> int:
        if phase is ConnectionPhase.BODY and self.request is not None:
            return int(self.request.body_bytes_received)
        return self._num_sent - self._sent_before

    def _flush(self) -> None:
        if self.close_when_flushed and not self.total_outbufs_len and not self.will_close:
            self._linger()
        else:
            super().handle_write()

    def _show_life(self, now: float) -> None:
        is_due = now - self._since >= self.server.patience.heartbeat_s
        if is_due and self.response is not None and self._writer is not None:
            self.response.write(self._writer.heartbeat)

    def _hand_over(self, writer: Writer) -> None:
        """The client may have gone meanwhile, and the application may have failed."""
        if self.response is None or self.close_when_flushed or not self._is_open():
            writer.closed()
        else:
            writer.opened(self.response)

    def _drop_requests(self) -> None:
        with self.requests_lock:
            for request in self.requests:
                request.close()
            self.requests = []

    def _refuse(self, error: RequestTimeout) -> None:
        with self.requests_lock:
            request = self.request
            self.request = None
            request.error = error
            request.completed = True
            self.requests.append(request)
        self.server.add_task(self)

    def _linger(self) -> None:
        self.close_when_flushed = False
        try:
            self.socket.shutdown(socket.SHUT_WR)
            self._lingers = True
        except OSError:
            self.handle_close()

    def _is_open(self) -> bool:
        return self._fileno is not None

    def _client_is_gone(self) -> bool:
        """Also true if the server's thread has not read the connection's end yet."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except (OSError, AttributeError):  # closed in the meantime
            return True


def _late_text(phase: ConnectionPhase, waited_s: float) -> str:
    what = "first line and headers have" if phase is ConnectionPhase.HEAD else "body has"
    return f"the request's {what} not arrived within {waited_s:.0f} s; send it again, faster"
