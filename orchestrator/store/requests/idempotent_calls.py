"""Calls that are done once for an Idempotency-Key, and the answers they got."""

from __future__ import annotations

from typing import Any

from orchestrator.store.job_store import JobStore


class IdempotentCalls:
    """The part of the JobManager that knows which calls were done before."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def begin_request(self, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The answer of this same request if it was finished before."""
        answer = self._store.begin_request(key, fingerprint)
        return None if answer is None else answer.value

    def do_request(self, key: str, method: str, arguments: dict[str, Any]) -> Any:
        """Calls the method for the request begun under ``key``, and returns its result. It is done
        only once: the result is saved together with the change, and a retry gets it again."""
        with self._store.doing(key) as before:
            return getattr(self, method)(**arguments) if before is None else before.value

    def finish_request(self, key: str, answer: dict[str, Any]) -> None:
        """Keeps the answer."""
        self._store.finish_request(key, answer)

    def drop_request(self, key: str) -> None:
        """Forgets a refused request, so that it may be sent again."""
        self._store.drop_request(key)
