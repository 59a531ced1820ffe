"""By what a session's steps were computed survives a restart, too: a replay needs it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Of the sessions of before it is not known."""
    op.add_column("sessions", sa.Column("computed", sa.JSON(), nullable=False, server_default="[]"))
