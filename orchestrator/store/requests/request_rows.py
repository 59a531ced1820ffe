"""Requests with an Idempotency-Key, as rows: was one answered before, and how?"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from orchestrator.errors import Conflict, InvalidRequest
from orchestrator.store.records import StoredAnswer
from orchestrator.store.requests import clock
from orchestrator.store.requests.clock import ClockReading
from orchestrator.store.tables import requests

KEPT_S = 24 * 3600.0
MAX_KEPT = 10_000
RESULT = "result"  # in the place of the answer of a request that is not answered yet


def begin(
    connection: Connection, key: str, fingerprint: str, writer_epoch: int
) -> StoredAnswer | None:
    """Returns the answer of the request if it was answered before, and otherwise None. Forgets
    requests that are older than a day, and all but the newest ``MAX_KEPT``.

    Raises ``InvalidRequest`` if the key was used for something else.
    """
    now = clock.now()
    _purge(connection, now)
    known = _read(connection, key)
    if known is None:
        began = {"key": key, "fingerprint": fingerprint, "writer_epoch": writer_epoch}
        at = {"began_at": now.wall_s, "boot": now.boot, "uptime_s": now.uptime_s}
        unanswered = {"finished": False, "answer": None}
        connection.execute(insert(requests).values(began | at | unanswered))
        return None
    if known["fingerprint"] != fingerprint:
        raise InvalidRequest(
            f"The Idempotency-Key {key!r} was used for another request: one key belongs to one "
            "request; send this one with a new key"
        )
    return StoredAnswer(known["answer"]) if known["finished"] else None


def take_effect(connection: Connection, key: str, result: Any) -> None:
    """Notes the request's ``result`` in the transaction that saves its changes."""
    unfinished = update(requests).where(requests.c.key == key, ~requests.c.finished)
    connection.execute(unfinished.values(answer={RESULT: result}))


def read_effect(connection: Connection, key: str) -> StoredAnswer | None:
    """The result of a request that is not answered yet; None if it has changed nothing.

    Raises ``Conflict`` if no such request was begun.
    """
    known = _read(connection, key)
    if known is None or known["finished"]:
        raise Conflict(
            f"The request with the Idempotency-Key {key!r} was given up meanwhile: send it again"
        )
    return None if known["answer"] is None else StoredAnswer(known["answer"][RESULT])


def finish(connection: Connection, key: str, answer: Any) -> None:
    """Notes the answer. From now on a retry gets it."""
    finished = update(requests).where(requests.c.key == key)
    connection.execute(finished.values(finished=True, answer=answer))


def drop(connection: Connection, key: str) -> None:
    """Forgets the request, unless it has changed something. Then a retry is a new request."""
    known = _read(connection, key)
    if known is not None and known["answer"] is None:
        connection.execute(delete(requests).where(requests.c.key == key))


def _purge(connection: Connection, now: ClockReading) -> None:
    """Within one boot it compares uptimes, because the wall clock may be set. Across boots only the
    wall clock can be compared."""
    of_this_boot = requests.c.boot == now.boot
    is_old = or_(
        and_(of_this_boot, requests.c.uptime_s < now.uptime_s - KEPT_S),
        and_(~of_this_boot, requests.c.began_at < now.wall_s - KEPT_S),
    )
    rows: ColumnElement[int] = literal_column("rowid")  # in the order in which they came
    last = select(func.max(rows)).select_from(requests).scalar_subquery()
    connection.execute(delete(requests).where(or_(is_old, rows <= last - MAX_KEPT)))


def _read(connection: Connection, key: str) -> RowMapping | None:
    return connection.execute(select(requests).where(requests.c.key == key)).mappings().first()
