"""A process group of two over gloo, torch's own point-to-point, made by itself for one direction of
an edge; the only modules that touch gloo are this one and ``gloo``.

A group needs a store by which its two sides tell each other their addresses. Here it is no server
that anyone could reach: each side keeps what it has to tell in memory, and the two
``Introduction``s travel as arguments and results of actor calls.

Where torch was built without gloo, this module can't be imported.

gloo itself asks nobody who connects who he is. So each side makes a secret, which travels with its
introduction, and the first message either way has to be that secret.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch.distributed import ProcessGroupGloo, Store

from actors.core.errors import ChannelClosed, ChannelTimeout

SECRET_BYTES = 32
CLOSED = "the channel was closed"
MEETING_TIMEOUT_S = 15.0
"""For the introductions: they travel by actor calls, which a busy host keeps waiting."""
_ROUNDING_S = 0.01
"""gloo counts whole milliseconds."""
_SECRET_TAG, _CLOSING_TAG = 1, 2
_SOON = timedelta(milliseconds=1)
"""The shortest wait that gloo knows: zero means its own long one."""


@dataclass(frozen=True)
class Introduction:
    """What one side of a group has to tell the other: what gloo puts into a store (where it
    listens), and the secret that it will show."""

    entries: dict[str, bytes]
    secret: bytes


class GlooGroup:
    """One side of a group that is being made, and then its messages.

    ``rank`` is 0 for the side that sends. It listens at ``address``, an IP address of this host, at
    a port that the kernel picks, until the group is closed.
    """

    def __init__(self, rank: int, address: str, edge: str, timeout_s: float) -> None:
        """Begins to make it, in a thread, for at most ``timeout_s``."""
        self._kind: Any = ProcessGroupGloo
        self._rank, self._address, self._edge = rank, address, edge
        self._timeout_s = timeout_s
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._store = _TwoSidedStore(MEETING_TIMEOUT_S)
        self._group: Any = None
        self._failure: Exception | None = None
        self._is_closed = False
        self._made = threading.Event()
        threading.Thread(target=self._make, name=f"opens {edge}", daemon=True).start()

    def introduction(self) -> Introduction:
        """Waits until this side listens."""
        return Introduction(self._store.own_entries(), self._secret)

    def meet(self, other: Introduction) -> None:
        """Lets the other side connect; at both sides, before ``ready``."""
        self._store.meet(other)

    def ready(self) -> None:
        """Waits until both sides have met and shown their secrets; closes a group that is late.

        Raises ``ChannelTimeout``, or ``ChannelClosed`` when somebody else has connected.
        """
        if not self._made.wait(2 * self._timeout_s):
            self.close()
            raise ChannelTimeout(f"{self._edge}: no connection within {self._timeout_s:.1f} s")
        if self._failure is not None:
            raise ChannelClosed(f"{self._edge}: no connection ({self._failure})")

    def send(self, data: torch.Tensor, tag: int = 0) -> Any:
        """Begins to send bytes; returns what ``wait`` takes. The tensor must
        neither change meanwhile nor go: gloo does not hold it.

        Raises ``ChannelClosed``, as ``recv`` does.
        """
        return self._begin("send", data, tag)

    def recv(self, room: torch.Tensor, tag: int = 0) -> Any:
        """Begins to receive a message of at most the size of ``room``. Messages of one tag keep
        their order; gloo does not tell their length."""
        return self._begin("recv", room, tag)

    def wait(self, work: Any, timeout_s: float, what: str) -> None:
        """Until it is done. A wait that runs out ends the group: gloo closes the connection.

        Raises ``ChannelTimeout`` (``what`` was not done) or ``ChannelClosed``.
        """
        begin = time.monotonic()
        try:
            work.wait(max(_SOON, timedelta(seconds=timeout_s)))
        except RuntimeError as error:
            if not self._is_closed and time.monotonic() - begin >= timeout_s - _ROUNDING_S:
                raise ChannelTimeout(
                    f"{self._edge}: a message {what} within {timeout_s:.1f} s"
                ) from error
            raise self._closed(error) from error

    def close(self) -> None:
        """Wakes whoever waits at either side; from any thread.

        gloo has no call for it, and its ``abort`` wakes nobody. A wait that runs out does: it
        closes the connection, and whatever waits for it fails. So one is begun that nothing comes
        for.
        """
        if not self._is_closed:
            self._is_closed = True
            self._store.close()
            self._disconnect()

    def _disconnect(self) -> None:
        if self._group is not None:
            with contextlib.suppress(RuntimeError, ChannelClosed):
                self.recv(torch.empty(1, dtype=torch.uint8), _CLOSING_TAG).wait(_SOON)

    def _begin(self, call: str, data: torch.Tensor, tag: int) -> Any:
        try:
            return getattr(self._group, call)([data], 1 - self._rank, tag)
        except RuntimeError as error:
            raise self._closed(error) from error

    def _closed(self, error: Exception) -> ChannelClosed:
        why = CLOSED if self._is_closed else f"the neighbour is gone ({error})"
        return ChannelClosed(f"{self._edge}: {why}")

    def _make(self) -> None:
        try:
            options = self._kind._Options()
            options._devices = [self._kind.create_device(hostname=self._address, lazy_init=False)]
            options._timeout = timedelta(seconds=self._timeout_s)
            options._threads = 1
            self._group = self._kind(self._store, self._rank, 2, options)
            self._show_secrets()
        except Exception as error:  # who waits for the group is to hear of it
            self._failure = error.with_traceback(None)  # or it would keep the group
            self.close()
        if self._is_closed:  # perhaps before there was a group
            self._disconnect()
        self._made.set()

    def _show_secrets(self) -> None:
        expected = self._store.introduced().secret
        shown = torch.zeros(len(expected), dtype=torch.uint8)
        secret = torch.frombuffer(bytearray(self._secret), dtype=torch.uint8)
        sent = self.send(secret, _SECRET_TAG)
        self.wait(self.recv(shown, _SECRET_TAG), self._timeout_s, "did not come")
        self.wait(sent, self._timeout_s, "was not taken")
        if not secrets.compare_digest(shown.numpy().tobytes(), expected):
            raise ChannelClosed(f"{self._edge}: somebody else has connected")


class _TwoSidedStore(Store):
    """What gloo tells its store, and what the other side's told: no server, no file."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._own: dict[str, bytes] = {}
        self._other: Introduction | None = None
        self._is_closed = False
        self._changed = threading.Condition()

    def own_entries(self) -> dict[str, bytes]:
        """Waits for them."""
        with self._changed:
            self._wait_for(lambda: bool(self._own))
            return dict(self._own)

    def introduced(self) -> Introduction:
        """Waits for the other side."""
        with self._changed:
            self._wait_for(lambda: self._other is not None)
            assert self._other is not None
            return self._other

    def meet(self, other: Introduction) -> None:
        """Wakes who waits for it."""
        with self._changed:
            self._other = other
            self._changed.notify_all()

    def close(self) -> None:
        """Wakes who waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def set(self, key: str, value: bytes) -> None:  # type: ignore[override]
        with self._changed:
            self._own[key] = bytes(value)
            self._changed.notify_all()

    def get(self, key: str) -> bytes:
        own = self._own.get(key)
        return self.introduced().entries[key] if own is None else own

    def wait(self, keys: list[str], timeout: timedelta | None = None) -> None:
        for key in keys:
            self.get(key)

    def check(self, keys: list[str]) -> bool:
        """Whether all are here already."""
        told = {} if self._other is None else self._other.entries
        return all(key in self._own or key in told for key in keys)

    def has_extended_api(self) -> bool:
        return False

    def _wait_for(self, condition: Any) -> None:
        if not self._changed.wait_for(lambda: self._is_closed or condition(), self._timeout_s):
            raise ChannelTimeout(f"no address within {self._timeout_s:.1f} s")
        if self._is_closed:
            raise ChannelClosed(CLOSED)
