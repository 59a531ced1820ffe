"""A request's age is told by what no clock moves, as long as its host is not started anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Of requests before, only the wall clock is known."""
    boot: sa.Column[str] = sa.Column("boot", sa.Text(), nullable=False, server_default="unknown")
    uptime: sa.Column[float] = sa.Column("uptime_s", sa.Float(), nullable=False, server_default="0")
    op.add_column("requests", boot)
    op.add_column("requests", uptime)
