"""The log as it was told, page by page: of one job or of all, by ``seq``.

A statement names the index that it goes by. SQLite would sort a million steps of a job to give the
first hundred.
"""

from __future__ import annotations

import functools
import json

from sqlalchemy import Connection

from orchestrator.store.log.entries import STEP, LogEntry, LogFilter
from orchestrator.store.log.log_rows import COLUMNS, entries_of


def read_page(
    connection: Connection, wanted: LogFilter, after: int | None, end: int, limit: int
) -> list[LogEntry]:
    """The first ``limit`` beyond ``after`` or, without one, the latest; of what was told before
    ``end``, in its order."""
    is_latest = after is None
    values = {
        "job_id": wanted.job_id,
        "kinds": json.dumps(wanted.kinds),
        "after": -1 if after is None else after,
        "end": end,
        "limit": limit,
    }
    found = entries_of(connection, _statement(wanted, is_latest), values)
    return found[::-1] if is_latest else found


def _statement(wanted: LogFilter, is_latest: bool) -> str:
    is_rare = wanted.kinds is not None and STEP not in wanted.kinds
    return _built(
        wanted.job_id is not None, wanted.kinds is not None, is_rare, wanted.only_events, is_latest
    )


@functools.cache
def _built(of_job: bool, of_kinds: bool, is_rare: bool, only_events: bool, is_latest: bool) -> str:
    """By the events' own index; rare kinds of a job by theirs; everything else by ``seq``."""
    conditions = ["seq > :after", "seq < :end"]
    if only_events:
        index = "INDEXED BY log_events"
        conditions.append("is_event = 1")
    else:
        index = "INDEXED BY log_by_place" if of_job and is_rare else "NOT INDEXED"
    if of_job:
        conditions.append("job_id = :job_id")
    if of_kinds:
        conditions.append("kind IN (SELECT value FROM json_each(:kinds))")
    order = "seq DESC" if is_latest else "seq"
    where = " AND ".join(conditions)
    return f"SELECT {COLUMNS} FROM log {index} WHERE {where} ORDER BY {order} LIMIT :limit"
