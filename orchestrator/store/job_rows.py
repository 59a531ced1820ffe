"""Jobs, with their devices, stages and sessions, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Integer, Table, cast, delete, func, insert, select, update

from orchestrator.errors import Conflict, JobNotFound
from orchestrator.store.records import DeviceRecord, JobRecord, SessionRecord, StageRecord
from orchestrator.store.tables import devices, jobs, sessions, stages, store_state

PARTS: Mapping[str, tuple[Table, type[Any]]] = {
    "devices": (devices, DeviceRecord),
    "stages": (stages, StageRecord),
    "sessions": (sessions, SessionRecord),
}


def read_jobs(connection: Connection) -> list[JobRecord]:
    """Every job, oldest first."""
    oldest_first = select(jobs).order_by(cast(jobs.c.job_id, Integer))
    parts = {name: _read_parts(connection, name) for name in PARTS}
    found = []
    for row in connection.execute(oldest_first).mappings():
        own: dict[str, Any] = dict(row)
        for name, by_job in parts.items():
            own[name] = tuple(by_job.get(row["job_id"], ()))
        found.append(JobRecord(**own))
    return found


def read_next_number(connection: Connection) -> int:
    """The number of the next job, from 1."""
    number: int = connection.execute(select(store_state.c.next_job_number)).scalar_one()
    return number


def insert_job(connection: Connection, record: JobRecord) -> None:
    """Raises ``Conflict`` if there is such a job."""
    known = select(jobs.c.job_id).where(jobs.c.job_id == record.job_id)
    if connection.execute(known).first() is not None:
        raise Conflict(f"There is a job {record.job_id} already: take the next number")
    connection.execute(insert(jobs).values(_own_values(record)))
    next_number = func.max(store_state.c.next_job_number, int(record.job_id) + 1)
    connection.execute(update(store_state).values(next_job_number=next_number))
    _insert_parts(connection, record)


def replace_job(connection: Connection, record: JobRecord) -> None:
    """Raises ``JobNotFound``."""
    this_job = update(jobs).where(jobs.c.job_id == record.job_id)
    if connection.execute(this_job.values(_own_values(record))).rowcount == 0:
        raise JobNotFound(f"The store has no job {record.job_id}: it was deleted")
    for table, _ in PARTS.values():
        connection.execute(delete(table).where(table.c.job_id == record.job_id))
    _insert_parts(connection, record)


def delete_job(connection: Connection, job_id: str) -> None:
    """Also deletes its rows in other tables. Raises ``JobNotFound``."""
    if connection.execute(delete(jobs).where(jobs.c.job_id == job_id)).rowcount == 0:
        raise JobNotFound(f"The store has no job {job_id}: it was deleted")


def _own_values(record: JobRecord) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in PARTS}


def _insert_parts(connection: Connection, record: JobRecord) -> None:
    for name, (table, _) in PARTS.items():
        rows = [asdict(part) | {"job_id": record.job_id} for part in getattr(record, name)]
        if "position" in table.c:
            rows = [row | {"position": position} for position, row in enumerate(rows)]
        if rows:
            connection.execute(insert(table), rows)


def _read_parts(connection: Connection, name: str) -> dict[str, list[Any]]:
    """The parts of every job in their order, by job id."""
    table, record_type = PARTS[name]
    order = table.c.position if "position" in table.c else table.c.index
    wanted = [f.name for f in fields(record_type)]
    found: dict[str, list[Any]] = {}
    for row in connection.execute(select(table).order_by(order)).mappings():
        part = record_type(**{column: row[column] for column in wanted})
        found.setdefault(row["job_id"], []).append(part)
    return found
