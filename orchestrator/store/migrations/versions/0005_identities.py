"""Checkpoints belong to a job and a session by identities that are drawn, not counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

RUN_OF_JOB = "(SELECT run FROM jobs WHERE jobs.job_id = sessions.job_id)"


def upgrade() -> None:
    """Jobs and sessions of before keep the folders that their checkpoints are in."""
    for table, name in (("jobs", "identity"), ("sessions", "folder")):
        column = sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))
        op.add_column(table, column)
    op.execute("UPDATE jobs SET identity = job_id")
    op.execute(f"UPDATE sessions SET folder = 'run-' || {RUN_OF_JOB}")
