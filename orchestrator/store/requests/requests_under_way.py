"""Knows which requests with an Idempotency-Key are under way here, so that each is done once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from orchestrator.errors import Conflict

BETWEEN_S = 10.0

# The key of the request that this thread is doing.
current_key: ContextVar[str | None] = ContextVar("current_key", default=None)


class RequestsUnderWay:
    """A request is under way from ``begin`` to ``end``.

    If one is begun, and is neither done nor ended within ``BETWEEN_S``, its gateway is gone. Then
    it may be begun again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s: dict[str, float] = {}

    def begin(self, key: str) -> None:
        """Raises ``Conflict`` if the request is under way."""
        with self._lock:
            now_s = self._clock()
            if self._until_s.get(key, -math.inf) > now_s:
                raise _under_way(key)
            self._until_s = {k: until_s for k, until_s in self._until_s.items() if until_s > now_s}
            self._until_s[key] = now_s + BETWEEN_S

    def end(self, key: str) -> None:
        """The request was answered."""
        with self._lock:
            self._until_s.pop(key, None)

    def is_done_now(self, key: str) -> bool:
        """True while a thread is doing the request."""
        with self._lock:
            return self._until_s.get(key) == math.inf

    @contextmanager
    def doing(self, key: str) -> Iterator[None]:
        """This thread does the request. Raises ``Conflict`` if another thread does."""
        with self._lock:
            if self._until_s.get(key) == math.inf:
                raise _under_way(key)
            self._until_s[key] = math.inf
        token = current_key.set(key)
        try:
            yield
        finally:
            current_key.reset(token)
            with self._lock:
                self._until_s[key] = self._clock() + BETWEEN_S


def _under_way(key: str) -> Conflict:
    return Conflict(
        f"The request with the Idempotency-Key {key!r} is still under way: send it again later"
    )
