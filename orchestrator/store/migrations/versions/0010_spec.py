"""A job is stored as it was parsed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Jobs of before are parsed once more when they are loaded, and kept so from then on. What was
    measured for their plans is measured again; what was asked of them is kept in its new form."""
    op.add_column("jobs", sa.Column("spec", sa.JSON()))
    jobs = sa.table("jobs", sa.column("job_id"), sa.column("planning", sa.JSON()))
    connection = op.get_bind()
    for job_id, planning in connection.execute(sa.select(jobs)).all():
        asked = _request((planning or {}).get("request") or {})
        change = sa.update(jobs).where(jobs.c.job_id == job_id)
        connection.execute(change.values(planning={"request": asked}))


def _request(given: dict[str, Any]) -> dict[str, Any]:
    partition, limits = given.get("partition") or "auto", given.get("devices") or {}
    if isinstance(partition, str):
        return {"kind": partition, "manual": {}, "limits": limits}
    ranges = {key: {"start": r[0], "end": r[1]} for key, r in partition.items()}
    return {"kind": "manual", "manual": ranges, "limits": limits}
