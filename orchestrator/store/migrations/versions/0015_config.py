"""What was sent when a job was created is part of what it was parsed to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

SENT = {"model": "model_config", "dataset": "dataset_config", "train": "train_config"}


def upgrade() -> None:
    """Of the oldest jobs nothing else is known: they are parsed when they are loaded."""
    jobs = sa.table(
        "jobs",
        sa.column("job_id"),
        *(sa.column(name, sa.JSON()) for name in ("spec", *SENT.values())),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(jobs)).mappings().all():
        config = {name: row[column] for name, column in SENT.items()}
        change = sa.update(jobs).where(jobs.c.job_id == row["job_id"])
        connection.execute(change.values(spec={**(row["spec"] or {}), "config": config}))
    for column in SENT.values():
        op.drop_column("jobs", column)
