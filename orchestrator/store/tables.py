"""The tables, as they are after the newest migration."""

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
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData()


class Real(TypeDecorator[float]):
    """A float; SQLite keeps NaN as NULL."""

    impl = Float
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> float:
        return float("nan") if value is None else float(value)


def storable(text: str) -> str:
    """The text as ``SafeText`` keeps it."""
    return text.encode("utf-8", "backslashreplace").decode()


class SafeText(TypeDecorator[str]):
    """Text; what is no Unicode in it (parts of a file name, say) is kept as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def _of_job() -> Column[Any]:
    """What belongs to a job goes with it."""
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
    _needed("model_config", JSON),
    _needed("dataset_config", JSON),
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
    Column("train_config", JSON(none_as_null=True)),
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

epochs = Table(
    "epochs",
    metadata,
    _of_job(),
    _key("epoch"),
    _needed("session"),
    Column("train_loss", Real),
    Column("samples_per_s", Real),
    Column("metrics", JSON, nullable=False, server_default="{}"),
)

steps = Table(
    "steps",
    metadata,
    _of_job(),
    _key("epoch"),
    _key("step"),
    Column("loss", Real),
    Column("metrics", JSON(none_as_null=True)),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    _of_job(),
    _key("index"),
    _needed("at", Text),
    _needed("kind", SafeText),
    _needed("text", SafeText),
)

# They outlive their job: previous_teraflops shows deleted jobs too.
teraflops = Table(
    "teraflops",
    metadata,
    Column("sequence", Integer, primary_key=True),
    _needed("job_id", Text),
    _needed("run"),
    _needed("session_index"),
    _needed("devices", JSON),
    UniqueConstraint("job_id", "run", "session_index", name="one_entry_a_session"),
)

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
