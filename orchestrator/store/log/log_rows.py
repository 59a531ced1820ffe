"""The log of all jobs, as rows: told, read, counted.

It is read by plain SQL, which is made once. To build such a query with SQLAlchemy takes a
millisecond each time, and clients ask again and again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from orchestrator.errors import JobNotFound
from orchestrator.store.log.entries import ROLLED_BACK, SESSION, LogEntry, LogPart, LogView
from orchestrator.store.tables import jobs, log

COLUMNS = 'seq, job_id, at_ms, kind, epoch, step, is_event, "values"'
SESSIONS = f"""
    WITH latest AS (
        SELECT min(seq) AS first, max(seq) AS last FROM log WHERE kind = '{SESSION}'
        GROUP BY job_id, json_extract("values", '$.run'), json_extract("values", '$.session')
        ORDER BY first DESC LIMIT :limit
    )
    SELECT {COLUMNS} FROM latest JOIN log ON seq = last ORDER BY first"""
_BEYOND = 2**62
_NO_LIMIT = -1


def append(connection: Connection, entries: Sequence[LogEntry]) -> None:
    """Raises ``JobNotFound`` for what is told of a deleted job and does not outlive it."""
    wanted = {entry.job_id for entry in entries if entry.kind != SESSION}
    known = connection.execute(select(jobs.c.job_id).where(jobs.c.job_id.in_(wanted))).scalars()
    for job_id in wanted - set(known):
        raise JobNotFound(f"The store has no job {job_id}: it was deleted")
    if entries:
        names = [column.name for column in log.c]
        rows = [{name: getattr(entry, name) for name in names} for entry in entries]
        connection.execute(insert(log), rows)


def read(connection: Connection, job_id: str, view: LogView, part: LogPart) -> list[LogEntry]:
    """In the view's order; what a roll-back has taken back is left out."""
    is_latest = part.after is None
    order = ", ".join(f"{name} DESC" if is_latest else name for name in view.order)
    sql = f"SELECT {COLUMNS} {_shown(view)} ORDER BY {order} LIMIT :limit"
    found = entries_of(connection, sql, _values(job_id, view, part))
    return found[::-1] if is_latest else found


def count(connection: Connection, job_id: str, view: LogView, part: LogPart) -> int:
    """How many ``read`` would give without a limit."""
    sql = f"SELECT count(*) {_shown(view)}"
    number: int = connection.exec_driver_sql(sql, _values(job_id, view, part)).scalar_one()
    return number


def read_sessions(connection: Connection, limit: int | None) -> list[LogEntry]:
    """What the latest ``limit`` sessions have measured, oldest first, those of deleted jobs too. Of
    a session that has ended several times the last counts, at the place of the first."""
    return entries_of(connection, SESSIONS, {"limit": _NO_LIMIT if limit is None else limit})


def next_seq(connection: Connection) -> int:
    """The number after the last one."""
    last = connection.execute(select(func.max(log.c.seq))).scalar_one()
    return 0 if last is None else last + 1


def forget(connection: Connection, job_id: str) -> None:
    """All that it tells of a job but what outlives it."""
    connection.execute(delete(log).where(log.c.job_id == job_id, log.c.kind != SESSION))


def is_live(begin: str = "0, 0") -> str:
    """The condition that no roll-back has taken an entry back which lies beyond ``begin``: of those
    to an earlier place only the last needs to be looked at, once for all entries."""
    is_back = f"b.job_id = :job_id AND b.kind = '{ROLLED_BACK}'"
    return f"""
        seq > (SELECT coalesce(max(seq), -1) FROM log b
            WHERE {is_back} AND (b.epoch, b.step) < ({begin}))
        AND NOT EXISTS (SELECT 1 FROM log b
            WHERE {is_back} AND (b.epoch, b.step) >= ({begin})
            AND (b.epoch, b.step) < (log.epoch, log.step) AND b.seq > log.seq)"""


def entries_of(connection: Connection, sql: str, values: dict[str, Any]) -> list[LogEntry]:
    """What a query of ``COLUMNS`` gives. The driver's own tuples, and all values at once: one by
    one they take longer to be made and parsed than to be read."""
    cursor = connection.exec_driver_sql(sql, values).cursor
    assert cursor is not None, "a query has rows"
    rows = cursor.fetchall()
    parsed = json.loads(f"[{','.join(row[-1] for row in rows)}]")
    return [
        LogEntry(seq, job_id, at_ms, kind, epoch, step, is_event == 1, own)
        for (seq, job_id, at_ms, kind, epoch, step, is_event, _), own in zip(
            rows, parsed, strict=True
        )
    ]


@functools.cache
def _shown(view: LogView) -> str:
    """From where, and which."""
    keys = ", ".join(f":after_{name}" for name in view.order)
    beyond = f"({', '.join(view.order)}) > ({keys})"
    return f"""FROM log WHERE job_id = :job_id AND seq < :before_seq AND {beyond}
        AND kind = '{view.kind}' AND (epoch, step) <= (:back_epoch, :back_step)
        AND {is_live(":after_epoch, 0")}"""


def _values(job_id: str, view: LogView, part: LogPart) -> dict[str, Any]:
    """Where there is no bound, one beyond everything: so the statement is always the same."""
    after = part.after or [-1] * len(view.order)
    back_epoch, back_step = part.back_to or (_BEYOND, 0)
    return {
        "job_id": job_id,
        "before_seq": _BEYOND if part.before_seq is None else part.before_seq,
        "back_epoch": back_epoch,
        "back_step": back_step,
        "limit": _NO_LIMIT if part.limit is None else part.limit,
        **{f"after_{name}": key for name, key in zip(view.order, after, strict=True)},
    }
