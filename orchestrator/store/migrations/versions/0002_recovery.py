"""What a session's recovery has cost and waits for survives a restart, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Sessions of before count as not having lost anything."""
    none_lost = sa.Column("lost_steps", sa.Integer(), nullable=False, server_default="0")
    waits_for_none = sa.Column("waiting_for", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("sessions", none_lost)
    op.add_column("sessions", waits_for_none)
    op.add_column("sessions", sa.Column("last_cause", sa.Text()))
