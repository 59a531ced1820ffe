"""Which devices are on the gateway's own host, and the host names of the others, survive, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Of the devices of before it is not known."""
    op.add_column("devices", sa.Column("is_local", sa.Boolean()))
    op.add_column("devices", sa.Column("host_name", sa.Text()))
