"""A step may have metrics, of a validation within its epoch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Steps of before have none."""
    op.add_column("steps", sa.Column("metrics", sa.JSON()))
