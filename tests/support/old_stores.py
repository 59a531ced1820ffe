"""Databases as earlier versions have left them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from orchestrator.store.database import Database
from orchestrator.store.job_store import FILE_NAME
from orchestrator.store.records import JobRecord
from orchestrator.store.schema import MIGRATIONS


@contextmanager
def old_store(folder: Path, revision: str) -> Iterator[Connection]:
    """A store with the tables after that migration."""
    database = Database(folder / FILE_NAME)
    with database.unfenced() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        yield connection
    database.close()


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    """Inserts the values for which the table has columns."""
    known = {column["name"] for column in inspect(connection).get_columns(table)}
    own = {name: _stored(value) for name, value in row.items() if name in known}
    names, values = ", ".join(f'"{name}"' for name in own), ", ".join(f":{name}" for name in own)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), own)


def old_job(record: JobRecord, dataset: dict[str, Any]) -> dict[str, Any]:
    """As a row of before a job was stored as it was parsed."""
    sent = {"model_config": record.spec["config"]["model"], "dataset_config": dataset}
    return {**asdict(record), **sent, "spec": None}


def _stored(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value
