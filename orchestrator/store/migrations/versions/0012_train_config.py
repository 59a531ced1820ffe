"""A job has a train_config, and sessions keep their whole recipe."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Jobs of before have no train_config; their sessions were all by SGD at a constant rate."""
    op.add_column("jobs", sa.Column("train_config", sa.JSON()))
    sessions = sa.table(
        "sessions", sa.column("job_id"), sa.column("index"), sa.column("options", sa.JSON())
    )
    connection = op.get_bind()
    for job_id, index, options in connection.execute(sa.select(sessions)).all():
        own = (sessions.c.job_id == job_id) & (sessions.c.index == index)
        change = sa.update(sessions).where(own)
        connection.execute(change.values(options=_with_recipe(options)))


def _with_recipe(options: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in options.items() if k not in ("learning_rate", "momentum")}
    sgd = [
        ["momentum", options.get("momentum") or 0.0],
        ["dampening", 0.0],
        ["weight_decay", 0.0],
        ["nesterov", False],
    ]
    recipe = {
        "learning_rate": options.get("learning_rate", 0.1),
        "optimizer": {"kind": "SGD", "arguments": sgd},
        "lr_schedule": {"kind": "constant", "arguments": [["warmup_steps", 0]]},
        "label_smoothing": 0.0,
    }
    return {**kept, "recipe": recipe}
