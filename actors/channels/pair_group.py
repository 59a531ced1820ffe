"""A process group of two of torch.distributed's, made by itself for one direction of an edge.

A group needs a store by which its two sides tell each other what they need to connect. Here it is
no server that anyone could reach: each side keeps what it has to tell in memory, and
``Introduction``s travel as arguments and results of actor calls.
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
"""For the introductions: they travel by actor calls, which a busy host keeps waiting."""


@dataclass(frozen=True)
class Introduction:
    """What one side of a group has to tell the other: what gloo puts into a store (such as
    where it listens), and the secret that it will show."""

    entries: dict[str, bytes]
    secret: bytes


class PairGroup(ABC):
    """One side of a group that is being made, and then its messages; ``rank`` is 0 for the side
    that sends."""

    def __init__(self, rank: int, edge: str, timeout_s: float) -> None:
        """Begins to make it, in a thread, for at most ``timeout_s``."""
        self._rank, self._edge, self._timeout_s = rank, edge, timeout_s
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._store = TwoSidedStore(MEETING_TIMEOUT_S)
        self._group: Any = None
        self._failure: Exception | None = None
        self._is_closed = False
        self._made = threading.Event()
        threading.Thread(target=self._make, name=f"opens {edge}", daemon=True).start()

    def introduction(self) -> Introduction:
        """Waits until this side has told its store something; raises ``ChannelClosed`` where it
        can't be made."""
        try:
            return Introduction(self._store.own_entries(), self._secret)
        except ChannelClosed:
            self._check_made()
            raise

    def meet(self, other: Introduction) -> None:
        """Lets the other side connect; before ``ready``."""
        self._store.meet(other)

    def ready(self) -> None:
        """Waits until both sides have met and shown their secrets; closes a group that is late.

        Raises ``ChannelTimeout``, or ``ChannelClosed`` when somebody else has connected.
        """
        if not self._made.wait(2 * self._timeout_s):
            self.close()
            raise ChannelTimeout(f"{self._edge}: no connection within {self._timeout_s:.1f} s")
        self._check_made()

    def send(self, data: torch.Tensor, tag: int = 0) -> Any:
        """Begins to send; returns what ``wait`` takes. The tensor must neither change meanwhile
        nor go: the group does not hold it.

        Raises ``ChannelClosed``, as ``recv`` does.
        """
        return self._begin("send", data, tag)

    def recv(self, room: torch.Tensor, tag: int = 0) -> Any:
        """Begins to receive into ``room``. Messages of one tag keep their order."""
        return self._begin("recv", room, tag)

    @abstractmethod
    def wait(self, work: Any, timeout_s: float, what: str) -> None:
        """Until it is done. A wait that runs out leaves a group that is good for nothing.

        Raises ``ChannelTimeout`` (``what`` was not done) or ``ChannelClosed``.
        """

    def close(self) -> None:
        """Wakes whoever waits; from any thread."""
        if not self._is_closed:
            self._is_closed = True
            self._store.close()
            self._disconnect()

    @abstractmethod
    def _create(self) -> Any:
        """torch's own group over ``_store``."""

    @abstractmethod
    def _show_secrets(self) -> None:
        """Its first messages; raises ``ChannelClosed`` where somebody else has connected."""

    @abstractmethod
    def _disconnect(self) -> None:
        """Ends torch's group, if there is one."""

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
        except Exception as error:  # who waits for the group is to hear of it
            self._failure = error.with_traceback(None)  # or it would keep the group
            self.close()
        if self._is_closed:  # perhaps before there was a group
            self._disconnect()
        self._made.set()

    def _check_secret(self, shown: torch.Tensor) -> None:
        """Raises ``ChannelClosed`` where it is not the other side's."""
        expected = self._store.introduced().secret
        if not secrets.compare_digest(shown.numpy().tobytes(), expected):
            raise ChannelClosed(f"{self._edge}: somebody else has connected")

    def _own_secret(self) -> torch.Tensor:
        return torch.frombuffer(bytearray(self._secret), dtype=torch.uint8)


class TwoSidedStore(Store):
    """What torch tells its store here, and what it told the other side's: no server, no file."""

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

    def clone(self) -> TwoSidedStore:
        """It may be asked from any thread."""
        return self

    def _wait_for(self, condition: Any) -> None:
        if not self._changed.wait_for(lambda: self._is_closed or condition(), self._timeout_s):
            raise ChannelTimeout(f"no address within {self._timeout_s:.1f} s")
        if self._is_closed:
            raise ChannelClosed(CLOSED)
