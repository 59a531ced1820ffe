"""Validation has metrics by name, where it had a loss and an accuracy."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

COLUMNS = ("val_loss", "val_accuracy")


def upgrade() -> None:
    """The epochs of before keep their two."""
    op.add_column("epochs", sa.Column("metrics", sa.JSON(), nullable=False, server_default="{}"))
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT rowid, val_loss, val_accuracy FROM epochs")).all()
    # Not by SQLite's own JSON: its numbers have 15 digits.
    known = [
        {"row": row, "metrics": json.dumps({"loss": loss, "accuracy": accuracy})}
        for row, loss, accuracy in rows
    ]
    if known:
        update = sa.text("UPDATE epochs SET metrics = :metrics WHERE rowid = :row")
        connection.execute(update, known)
    for column in COLUMNS:
        op.drop_column("epochs", column)
