"""A stop that was answered holds, also where the JobManager ends before the session does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing is known of stops before."""
    column: sa.Column[bool] = sa.Column(
        "stop_asked", sa.Boolean(), nullable=False, server_default=sa.text("0")
    )
    op.add_column("sessions", column)
