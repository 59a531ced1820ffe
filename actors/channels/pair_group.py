"""A torch.distributed process group of two, for one direction of an edge.

The two sides of a group exchange their addresses through a store. torch's own store is a server
that anyone could reach. Here each side keeps its entries in memory, and actor calls carry them to
the other side as ``Introduction``s.
"""

from __future__ import annotations

import secrets
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch.distributed import Store

from actors.core.errors import ChannelClosed, ChannelTimeout

SECRET_BYTES = 32
CLOSED = "the channel was closed"
MEETING_TIMEOUT_S = 15.0
"""For the introductions: they travel by actor calls, which take long on a busy host."""


@dataclass(frozen=True)
class Introduction:
    """What one side of a group tells the other: the entries that the group puts into a store, such
    as its address, and the secret that it will show."""

    entries: dict[str, bytes]
    secret: bytes


class PairGroup(ABC):
    """One side of a group. ``rank`` is 0 for the side that sends."""

    def __init__(self, rank: int, edge: str, timeout_s: float) -> None:
        """Begins to connect in a thread, for at most ``timeout_s``."""
        self._rank, self._edge, self._timeout_s = rank, edge, timeout_s
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._store = TwoSidedStore(MEETING_TIMEOUT_S)
        self._group: Any = None
        self._failure: Exception | None = None
        self._is_closed = False
        self._made = threading.Event()
        threading.Thread(target=self._make, name=f"opens {edge}", daemon=True).start()

    def introduction(self) -> Introduction:
        """Waits until this side has put something into its store. Raises ``ChannelClosed`` if the
        group can't be made."""
        try:
            return Introduction(self._store.own_entries(), self._secret)
        except ChannelClosed:
            self._check_made()
            raise

    def meet(self, other: Introduction) -> None:
        """Takes the other side's introduction. Call it before ``ready``."""
        self._store.meet(other)

    def ready(self) -> None:
        """Waits until both sides are connected and have shown their secrets.

        Closes the group and raises ``ChannelTimeout`` if that takes too long. Raises
        ``ChannelClosed`` if a stranger has connected.
        """
        if not self._made.wait(2 * self._timeout_s):
            self.close()
            raise ChannelTimeout(f"{self._edge}: no connection within {self._timeout_s:.1f} s")
        self._check_made()

    def send(self, data: torch.Tensor, tag: int = 0) -> Any:
        """Begins to send; returns the argument for ``wait``. The caller must keep the tensor, and
        must not change it, until it is sent.

        Raises ``ChannelClosed``.
        """
        return self._begin("send", data, tag)

    def recv(self, room: torch.Tensor, tag: int = 0) -> Any:
        """Begins to receive into ``room``; returns the argument for ``wait``. Messages of one tag
        keep their order. Raises ``ChannelClosed``."""
        return self._begin("recv", room, tag)

    @abstractmethod
    def wait(self, work: Any, timeout_s: float, what: str) -> None:
        """Waits until ``work`` is done. After a timeout the group can't be used any more.

        Raises ``ChannelTimeout``, whose text says ``what``, or ``ChannelClosed``.
        """

    def close(self) -> None:
        """Wakes any thread that waits. Any thread may call it."""
        if not self._is_closed:
            self._is_closed = True
            self._store.close()
            self._disconnect()

    @abstractmethod
    def _create(self) -> Any:
        """Makes torch's group over ``_store``."""

    @abstractmethod
    def _show_secrets(self) -> None:
        """Exchanges the first messages. Raises ``ChannelClosed`` if a stranger has connected."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Ends torch's group if there is one."""

    def _check_made(self) -> None:
        if self._failure is not None:
            raise ChannelClosed(f"{self._edge}: no connection ({self._failure})")

    def _begin(self, call: str, data: torch.Tensor, tag: int) -> Any:
        try:
            return getattr(self._group, call)([data], 1 - self._rank, tag)
        except RuntimeError as error:
            raise self._closed(error) from error

    def _closed(self, error: Exception) -> ChannelClosed:
        why = CLOSED if self._is_closed else f"the neighbour is gone ({error})"
        return ChannelClosed(f"{self._edge}: {why}")

    def _timed_out(self, what: str, timeout_s: float) -> ChannelTimeout:
        return ChannelTimeout(f"{self._edge}: a message {what} within {timeout_s:.1f} s")

    def _make(self) -> None:
        try:
            self._group = self._create()
            self._show_secrets()
        except Exception as error:  # ``ready`` raises it to its caller
            self._failure = error.with_traceback(None)  # or it would keep the group
            self.close()
        if self._is_closed:  # ``close`` may have come before there was a group
            self._disconnect()
        self._made.set()

    def _check_secret(self, shown: torch.Tensor) -> None:
        """Raises ``ChannelClosed`` if it is not the other side's secret."""
        expected = self._store.introduced().secret
        if not secrets.compare_digest(shown.numpy().tobytes(), expected):
            raise ChannelClosed(f"{self._edge}: a stranger has connected")

    def _own_secret(self) -> torch.Tensor:
        return torch.frombuffer(bytearray(self._secret), dtype=torch.uint8)


class TwoSidedStore(Store):
    """A store that holds this side's entries and, after ``meet``, the other side's. It needs no
    server and no file."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._own: dict[str, bytes] = {}
        self._other: Introduction | None = None
        self._is_closed = False
        self._changed = threading.Condition()

    def own_entries(self) -> dict[str, bytes]:
        """Waits until this side has entries."""
        with self._changed:
            self._wait_for(lambda: bool(self._own))
            return dict(self._own)

    def introduced(self) -> Introduction:
        """Waits for the other side's introduction."""
        with self._changed:
            self._wait_for(lambda: self._other is not None)
            assert self._other is not None
            return self._other

    def meet(self, other: Introduction) -> None:
        """Takes the other side's introduction."""
        with self._changed:
            self._other = other
            self._changed.notify_all()

    def close(self) -> None:
        """Wakes all threads that wait."""
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
        """Whether all keys are here already."""
        told = {} if self._other is None else self._other.entries
        return all(key in self._own or key in told for key in keys)

    def has_extended_api(self) -> bool:
        return False

    def clone(self) -> TwoSidedStore:
        """Returns itself, because any thread may use it."""
        return self

    def _wait_for(self, condition: Any) -> None:
        if not self._changed.wait_for(lambda: self._is_closed or condition(), self._timeout_s):
            raise ChannelTimeout(f"no address within {self._timeout_s:.1f} s")
        if self._is_closed:
            raise ChannelClosed(CLOSED)
