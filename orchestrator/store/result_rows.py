"""Epochs, steps, events and TFLOPs, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, tuple_
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from orchestrator.errors import JobNotFound
from orchestrator.store.records import EventRecord, StepRecord
from orchestrator.store.tables import epochs, events, steps, storable, teraflops

DeviceTeraflops = dict[str, dict[str, float]]


def upsert_epochs(connection: Connection, job_id: str, records: Sequence[dict[str, Any]]) -> None:
    """Raises ``JobNotFound``."""
    _upsert(connection, epochs, job_id, [dict(record) for record in records])


def upsert_steps(connection: Connection, job_id: str, records: Sequence[StepRecord]) -> None:
    """Raises ``JobNotFound``."""
    _upsert(connection, steps, job_id, [asdict(record) for record in records])


def read_epochs(connection: Connection, job_id: str) -> list[dict[str, Any]]:
    """In their order."""
    own = [column for column in epochs.c if column.name != "job_id"]
    query = select(*own).where(epochs.c.job_id == job_id).order_by(epochs.c.epoch)
    return [dict(row) for row in connection.execute(query).mappings()]


def read_steps(
    connection: Connection, job_id: str, after: tuple[int, int], limit: int
) -> list[StepRecord]:
    """The first ``limit`` steps beyond ``after`` (epoch, step), in their order."""
    place = (steps.c.epoch, steps.c.step)
    query = select(*place, steps.c.loss, steps.c.metrics).where(steps.c.job_id == job_id)
    query = query.where(tuple_(*place) > tuple_(*after)).order_by(*place).limit(limit)
    return [StepRecord(*row) for row in connection.execute(query)]


def delete_history(connection: Connection, job_id: str) -> None:
    """Epochs and steps."""
    for table in (epochs, steps):
        connection.execute(delete(table).where(table.c.job_id == job_id))


def delete_beyond(connection: Connection, job_id: str, epoch: int, step: tuple[int, int]) -> None:
    """Epochs after that one, and steps after ``step`` (epoch, step)."""
    connection.execute(delete(epochs).where(epochs.c.job_id == job_id, epochs.c.epoch > epoch))
    beyond = tuple_(steps.c.epoch, steps.c.step) > tuple_(*step)
    connection.execute(delete(steps).where(steps.c.job_id == job_id, beyond))


def insert_event(
    connection: Connection, job_id: str, kind: str, text: str, at: str | None
) -> EventRecord:
    """The next one of its job, ``at`` (ISO 8601) or now. Raises ``JobNotFound``."""
    last = select(func.max(events.c.index)).where(events.c.job_id == job_id)
    last_index = connection.execute(last).scalar_one()
    index = 0 if last_index is None else last_index + 1
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    event = EventRecord(job_id, index, at or now, storable(kind), storable(text))
    with _of_known_job(job_id):
        connection.execute(insert(events).values(asdict(event)))
    return event


def read_events(
    connection: Connection, job_id: str, after: int | None, limit: int | None
) -> list[EventRecord]:
    """The first ``limit`` after that index, or the latest without one, in their order."""
    query = select(events).where(events.c.job_id == job_id).limit(limit)
    if after is not None:
        query = query.where(events.c.index > after).order_by(events.c.index)
        return [EventRecord(**row) for row in connection.execute(query).mappings()]
    latest = connection.execute(query.order_by(events.c.index.desc())).mappings()
    return [EventRecord(**row) for row in latest][::-1]


def upsert_teraflops(
    connection: Connection, job_id: str, run: int, session_index: int, devices: DeviceTeraflops
) -> None:
    """One entry a session; its place among the others stays when it is written again."""
    entry = {"job_id": job_id, "run": run, "session_index": session_index, "devices": devices}
    statement = insert(teraflops).values(entry)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["job_id", "run", "session_index"],
            set_={"devices": statement.excluded.devices},
        )
    )


def read_teraflops(connection: Connection, limit: int | None) -> list[DeviceTeraflops]:
    """The latest ``limit``, oldest first."""
    query = select(teraflops.c.devices).order_by(teraflops.c.sequence.desc()).limit(limit)
    return list(connection.execute(query).scalars())[::-1]


def _upsert(connection: Connection, table: Table, job_id: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(table)
    values = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
    statement = statement.on_conflict_do_update(index_elements=table.primary_key, set_=values)
    with _of_known_job(job_id):
        connection.execute(statement, [row | {"job_id": job_id} for row in rows])


@contextmanager
def _of_known_job(job_id: str) -> Iterator[None]:
    """Raises ``JobNotFound`` for the results of a job that was deleted meanwhile."""
    try:
        yield
    except IntegrityError as error:
        if "FOREIGN KEY" not in str(error.orig):
            raise
        raise JobNotFound(f"The store has no job {job_id}: it was deleted") from error
