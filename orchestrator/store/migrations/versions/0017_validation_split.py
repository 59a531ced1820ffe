"""The share of a text that is for validation has the name that it has in every other format."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

BEFORE, NOW = "val_share", "validation_split"


def upgrade() -> None:
    """In a job's source, and in what was sent when it was created."""
    jobs = sa.table("jobs", sa.column("job_id"), sa.column("spec", sa.JSON()))
    connection = op.get_bind()
    for job_id, spec in connection.execute(sa.select(jobs)).all():
        if BEFORE in str(spec):
            change = sa.update(jobs).where(jobs.c.job_id == job_id)
            connection.execute(change.values(spec=_renamed(spec)))


def _renamed(spec: dict[str, Any]) -> dict[str, Any]:
    config = spec["config"]
    dataset = {NOW if name == BEFORE else name: v for name, v in config["dataset"].items()}
    renamed = {**spec, "config": {**config, "dataset": dataset}}
    if (source := spec.get("source")) is not None:
        arguments = [[NOW if name == BEFORE else name, v] for name, v in source["arguments"]]
        renamed["source"] = {**source, "arguments": arguments}
    return renamed
