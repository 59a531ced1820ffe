"""Requests that carry an Idempotency-Key: whether one was answered before, and with what."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from orchestrator.errors import Conflict, InvalidRequest
from orchestrator.store.records import StoredAnswer
from orchestrator.store.tables import requests

KEPT_S = 24 * 3600.0
RESULT = "result"  # in the place of the answer of a request that is not answered yet


def begin(
    connection: Connection, key: str, fingerprint: str, writer_epoch: int
) -> StoredAnswer | None:
    """None for a request that is new or was never answered; the answer of one that was.

    Raises ``InvalidRequest`` when the key was used for something else.
    """
    known = _read(connection, key)
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
    return StoredAnswer(known["answer"]) if known["finished"] else None


def take_effect(connection: Connection, key: str, result: Any) -> None:
    """What the request does is saved by this very transaction, and comes to ``result``."""
    unfinished = update(requests).where(requests.c.key == key, ~requests.c.finished)
    connection.execute(unfinished.values(answer={RESULT: result}))


def read_effect(connection: Connection, key: str) -> StoredAnswer | None:
    """What a request that is not answered yet has come to; None when it has changed nothing.

    Raises ``Conflict`` when no such request was begun.
    """
    known = _read(connection, key)
    if known is None or known["finished"]:
        raise Conflict(
            f"The request with the Idempotency-Key {key!r} was given up meanwhile: send it again"
        )
    return None if known["answer"] is None else StoredAnswer(known["answer"][RESULT])


def finish(connection: Connection, key: str, answer: Any) -> None:
    """From now on a retry gets ``answer``."""
    finished = update(requests).where(requests.c.key == key)
    connection.execute(finished.values(finished=True, answer=answer))


def drop(connection: Connection, key: str) -> None:
    """A retry is a new request, unless this one has changed something."""
    known = _read(connection, key)
    if known is not None and known["answer"] is None:
        connection.execute(delete(requests).where(requests.c.key == key))


def purge(connection: Connection) -> None:
    """Forgets the requests of more than a day ago."""
    connection.execute(delete(requests).where(requests.c.began_at < time.time() - KEPT_S))


def _read(connection: Connection, key: str) -> RowMapping | None:
    return connection.execute(select(requests).where(requests.c.key == key)).mappings().first()
