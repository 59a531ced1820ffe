"""What was asked of a job's plan and measured for it survives a restart, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Of the jobs of before nothing is known."""
    op.add_column("jobs", sa.Column("planning", sa.JSON()))
