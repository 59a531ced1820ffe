"""One log a job, where epochs, steps, events and TFLOPs had a table each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

AT_ONCE = 10_000
NO_NUMBER = float("nan")
"""SQLite kept it as NULL."""

# An epoch's place is that after its last step.
RESULTS = """
SELECT job_id, epoch, step, 0 AS of_epoch, loss, NULL, NULL, metrics FROM steps
UNION ALL
SELECT job_id, epoch,
    coalesce((SELECT max(step) FROM steps s WHERE (s.job_id, s.epoch) = (e.job_id, e.epoch)), 0),
    1, train_loss, samples_per_s, session, metrics FROM epochs e
ORDER BY 1, 2, 3, 4
"""
EVENTS = 'SELECT job_id, at, kind, text, "index" FROM events ORDER BY job_id, "index"'
SESSIONS = "SELECT job_id, run, session_index, devices FROM teraflops ORDER BY sequence"

Row = tuple[Any, ...]


def upgrade() -> None:
    """What was told keeps its order, as far as one is known: a job's results come before its
    events, and what sessions have measured comes last. When a step was done nobody noted."""
    _make_table()
    connection = op.get_bind()
    results = (_results(*row) for row in connection.exec_driver_sql(RESULTS))
    rows = itertools.chain(
        itertools.chain.from_iterable(results),
        (_event(*row) for row in connection.exec_driver_sql(EVENTS)),
        (_session(*row) for row in connection.exec_driver_sql(SESSIONS)),
    )
    numbered = ((seq, *row) for seq, row in enumerate(rows, 1))
    while batch := list(itertools.islice(numbered, AT_ONCE)):
        connection.exec_driver_sql("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
    for table in ("epochs", "steps", "events", "teraflops"):
        op.drop_table(table)
    _make_indexes()


def _make_table() -> None:
    op.create_table(
        "log",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.Integer()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer()),
        sa.Column("step", sa.Integer()),
        sa.Column("event_index", sa.Integer()),
        sa.Column("values", sa.JSON(), nullable=False),
    )


def _make_indexes() -> None:
    op.create_index("log_by_place", "log", ["job_id", "kind", "epoch", "step"])
    is_event, is_session = sa.text("event_index IS NOT NULL"), sa.text("kind = 'session'")
    columns = ["job_id", "event_index"]
    op.create_index("log_events", "log", columns, unique=True, sqlite_where=is_event)
    op.create_index("log_sessions", "log", ["seq"], sqlite_where=is_session)


def _results(
    job_id: str,
    epoch: int,
    step: int,
    of_epoch: int,
    loss: float | None,
    samples_per_s: float | None,
    session: int | None,
    metrics: str | None,
) -> Iterator[Row]:
    """By Python's JSON: the numbers of SQLite's own have 15 digits."""
    if of_epoch:
        values = {
            "session": session,
            "train_loss": _number(loss),
            "metrics": json.loads(metrics or "{}"),
            "samples_per_s": _number(samples_per_s),
        }
        yield _row(job_id, None, "epoch", epoch, step, None, values)
        return
    yield _row(job_id, None, "step", epoch, step, None, {"loss": _number(loss)})
    if metrics is not None:
        yield _row(job_id, None, "metric", epoch, step, None, json.loads(metrics))


def _event(job_id: str, at: str, kind: str, text: str, index: int) -> Row:
    at_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    return _row(job_id, at_ms, kind, None, None, index, {"text": text})


def _session(job_id: str, run: int, session: int, devices: str) -> Row:
    values = {"run": run, "session": session, "devices": json.loads(devices)}
    return _row(job_id, None, "session", None, None, None, values)


def _row(*columns: Any) -> Row:
    return (*columns[:-1], json.dumps(columns[-1]))


def _number(value: float | None) -> float:
    return NO_NUMBER if value is None else value
