"""The tables after the newest migration."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData()


def storable(text: str) -> str:
    """The text as ``SafeText`` stores it."""
    return text.encode("utf-8", "backslashreplace").decode()


class SafeText(TypeDecorator[str]):
    """Text. Bytes that are not Unicode, such as parts of a file name, are stored as escapes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def _of_job() -> Column[Any]:
    """A row with this key is deleted with its job."""
    return Column("job_id", Text, ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True)


def _key(name: str) -> Column[Any]:
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _needed(name: str, kind: Any = Integer) -> Column[Any]:
    return Column(name, kind, nullable=False)


# One row: who may write, and which job number comes next.
store_state = Table(
    "store_state",
    metadata,
    _key("id"),
    _needed("writer_epoch"),
    _needed("next_job_number"),
    CheckConstraint("id = 1", name="one_row"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    _needed("status", Text),
    Column("error", SafeText),
    _needed("failure_policy", JSON),
    _needed("checkpoint_policy", JSON),
    _needed("next_device_id"),
    _needed("run"),
    _needed("generation"),
    _needed("epochs_begun"),
    Column("planning", JSON),
    Column("identity", Text, nullable=False, server_default=text("''")),
    Column("data", JSON),
    Column("spec", JSON(none_as_null=True)),
)

devices = Table(
    "devices",
    metadata,
    _of_job(),
    _key("position"),
    _needed("device_id"),
    _needed("ip", Text),
    _needed("port"),
    Column("is_local", Boolean),
    Column("host_name", SafeText),
)

stages = Table(
    "stages",
    metadata,
    _of_job(),
    _key("position"),
    _needed("device_id"),
    _needed("start"),
    _needed("end"),
)

sessions = Table(
    "sessions",
    metadata,
    _of_job(),
    _key("index"),
    _needed("options", JSON),
    _needed("num_microbatches"),
    _needed("first_epoch_index"),
    Column("outcome", Text),
    _needed("num_failures"),
    _needed("threads", JSON),
    _needed("channels", JSON),
    _needed("differences", JSON),
    _needed("progress", JSON),
    _needed("device_stats", JSON),
    Column("lost_steps", Integer, nullable=False, server_default="0"),
    Column("waiting_for", JSON, nullable=False, server_default="[]"),
    Column("last_cause", SafeText),
    Column("computed", JSON, nullable=False, server_default="[]"),
    Column("folder", Text, nullable=False, server_default=text("''")),
    Column("stop_asked", Boolean, nullable=False, server_default=text("0")),
)

# What happened, in order. It has no foreign key, because the figures of sessions outlive their job.
log = Table(
    "log",
    metadata,
    _key("seq"),
    _needed("job_id", Text),
    # Since 1970, UTC. Earlier versions did not note it for all kinds.
    Column("at_ms", Integer),
    _needed("kind", SafeText),
    Column("epoch", Integer),
    Column("step", Integer),
    _needed("values", JSON),
    Column("is_event", Boolean, nullable=False, server_default=text("0")),
    # Of a step: by it the smallest and the largest of many are found.
    Column("loss", Float),
)
Index("log_by_place", log.c.job_id, log.c.kind, log.c.epoch, log.c.step, log.c.loss)
Index("log_events", log.c.job_id, log.c.seq, sqlite_where=text("is_event = 1"))
Index("log_sessions", log.c.seq, sqlite_where=text("kind = 'session'"))

requests = Table(
    "requests",
    metadata,
    Column("key", SafeText, primary_key=True),
    _needed("fingerprint", SafeText),
    _needed("writer_epoch"),
    # Seconds since 1970, UTC.
    _needed("began_at", Float),
    _needed("finished", Boolean),
    _needed("answer", JSON),
    Column("boot", Text, nullable=False, server_default="unknown"),
    Column("uptime_s", Float, nullable=False, server_default="0"),
)
