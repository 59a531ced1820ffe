"""Events are found by the number of their entry in the log, and losses by their place."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

FILL = """
UPDATE log SET loss = json_extract("values", '$.loss') WHERE kind = 'step' AND json_valid("values")
"""


def upgrade() -> None:
    """Events had numbers of their own, too."""
    for index in ("log_by_place", "log_events"):
        op.drop_index(index, "log")
    no = sa.text("0")
    op.add_column("log", sa.Column("is_event", sa.Boolean(), nullable=False, server_default=no))
    op.add_column("log", sa.Column("loss", sa.Float()))
    op.execute("UPDATE log SET is_event = 1 WHERE event_index IS NOT NULL")
    # What is no number is no JSON either: Python has written it.
    op.execute(FILL)
    op.drop_column("log", "event_index")
    op.create_index("log_by_place", "log", ["job_id", "kind", "epoch", "step", "loss"])
    is_event = sa.text("is_event = 1")
    op.create_index("log_events", "log", ["job_id", "seq"], sqlite_where=is_event)
