"""The ``Idempotency-Key`` of the request that a thread of the gateway is doing."""

from __future__ import annotations

from contextvars import ContextVar

current_key: ContextVar[str | None] = ContextVar("current_key", default=None)
