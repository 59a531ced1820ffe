"""The first tables.

A migration repeats what the tables were; it does not import what they have become.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes every table, and the one row of the store's state."""
    _make_state()
    _make_jobs()
    _make_sessions()
    _make_results()
    _make_events()
    _make_requests()


def _of_job() -> sa.Column[Any]:
    owner = sa.ForeignKey("jobs.job_id", ondelete="CASCADE")
    return sa.Column("job_id", sa.Text(), owner, primary_key=True)


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), primary_key=True, autoincrement=False)


def _integers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _jsons(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.JSON(), nullable=False) for name in names]


def _floats(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Float()) for name in names]


def _make_state() -> None:
    one_row = sa.CheckConstraint("id = 1", name="one_row")
    columns = _integers("writer_epoch", "next_job_number")
    state = op.create_table("store_state", _key("id"), *columns, one_row)
    op.bulk_insert(state, [{"id": 1, "writer_epoch": 0, "next_job_number": 1}])


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Text(), primary_key=True),
        *_texts("status"),
        sa.Column("error", sa.Text()),
        *_jsons("model_config", "dataset_config", "failure_policy", "checkpoint_policy"),
        *_integers("next_device_id", "run", "generation", "epochs_begun"),
    )
    device = [*_integers("device_id"), *_texts("ip"), *_integers("port")]
    op.create_table("devices", _of_job(), _key("position"), *device)
    op.create_table("stages", _of_job(), _key("position"), *_integers("device_id", "start", "end"))


def _make_sessions() -> None:
    op.create_table(
        "sessions",
        _of_job(),
        _key("index"),
        *_jsons("options"),
        *_integers("num_microbatches", "first_epoch_index"),
        sa.Column("outcome", sa.Text()),
        *_integers("num_failures"),
        *_jsons("threads", "channels", "differences", "progress", "device_stats"),
    )


def _make_results() -> None:
    measured = _floats("train_loss", "val_loss", "val_accuracy", "samples_per_s")
    op.create_table("epochs", _of_job(), _key("epoch"), *_integers("session"), *measured)
    keys = [_of_job(), _key("epoch"), _key("step")]
    op.create_table("steps", *keys, *_floats("loss"), sqlite_with_rowid=False)
    op.create_table(
        "teraflops",
        sa.Column("sequence", sa.Integer(), primary_key=True),
        *_texts("job_id"),
        *_integers("run", "session_index"),
        *_jsons("devices"),
        sa.UniqueConstraint("job_id", "run", "session_index", name="one_entry_a_session"),
    )


def _make_events() -> None:
    op.create_table("events", _of_job(), _key("index"), *_texts("at", "kind", "text"))


def _make_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("key", sa.Text(), primary_key=True),
        *_texts("fingerprint"),
        *_integers("writer_epoch"),
        sa.Column("began_at", sa.Float(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        *_jsons("answer"),
    )
