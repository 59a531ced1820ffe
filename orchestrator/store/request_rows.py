"""Requests that carry an Idempotency-Key: whether one was answered before, and with what."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from orchestrator.errors import Conflict, InvalidRequest
from orchestrator.store.records import StoredAnswer
from orchestrator.store.tables import requests

KEPT_S = 24 * 3600.0


def begin(
    connection: Connection, key: str, fingerprint: str, writer_epoch: int
) -> StoredAnswer | None:
    """None for a new request, now under way; the answer of one that was finished before.

    Raises ``InvalidRequest`` when the key was used for something else, ``Conflict`` while it is
    under way or when its outcome is unknown.
    """
    known = connection.execute(select(requests).where(requests.c.key == key)).mappings().first()
    if known is None:
        began = {"key": key, "fingerprint": fingerprint, "writer_epoch": writer_epoch}
        now = {"began_at": time.time(), "finished": False, "answer": None}
        connection.execute(insert(requests).values(began | now))
        return None
    if known["fingerprint"] != fingerprint:
        raise InvalidRequest(
            f"The Idempotency-Key {key!r} was used for another request: one key belongs to one "
            "request; send this one with a new key"
        )
    if known["finished"]:
        return StoredAnswer(known["answer"])
    raise _unfinished(key, is_own=known["writer_epoch"] == writer_epoch)


def finish(connection: Connection, key: str, answer: Any) -> None:
    """From now on a retry gets ``answer``."""
    finished = update(requests).where(requests.c.key == key)
    connection.execute(finished.values(finished=True, answer=answer))


def drop(connection: Connection, key: str) -> None:
    """A retry is a new request."""
    connection.execute(delete(requests).where(requests.c.key == key))


def purge(connection: Connection) -> None:
    """Forgets the requests of more than a day ago."""
    connection.execute(delete(requests).where(requests.c.began_at < time.time() - KEPT_S))


def _unfinished(key: str, is_own: bool) -> Conflict:
    if is_own:
        return Conflict(
            f"The request with the Idempotency-Key {key!r} is still under way: send it again later"
        )
    return Conflict(
        f"The request with the Idempotency-Key {key!r} was under way when the JobManager ended, so "
        "that its outcome is unknown: look whether it took effect; if not, send it with a new key"
    )
