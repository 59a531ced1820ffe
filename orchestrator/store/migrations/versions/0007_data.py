"""Which samples a job is trained on survives a restart, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Of the jobs of before it is not known: their next session notes what it finds."""
    op.add_column("jobs", sa.Column("data", sa.JSON()))
