"""A store of before identities: its jobs keep their checkpoints, and no other job gets them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from orchestrator.job_records import from_record
from orchestrator.store.database import Database
from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.schema import MIGRATIONS
from tests.support.stores import OWNER, job_record, session_record

DIGITS = {"name": "digits", "resize": None, "batch_size": 32}
OPTIONS = {"epochs": 3, "learning_rate": 0.1, "num_microbatches": 4}


def test_jobs_of_before_keep_their_folders_and_new_ones_draw_theirs(tmp_path: Path) -> None:
    policies = {"failure_policy": {}, "checkpoint_policy": {}}
    job_row = asdict(job_record("3", run=7, dataset_config=DIGITS, sessions=(), **policies))
    database = Database(tmp_path / FILE_NAME)
    with database.unfenced() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        insert(connection, "jobs", job_row)
        for index in (1, 2):
            session = asdict(session_record(index, options=OPTIONS))
            insert(connection, "sessions", session | {"job_id": "3"})
    database.close()
    store = JobStore.open(tmp_path, OWNER)
    job = from_record(store.load_jobs()[0], [])
    assert job.lineage.identity == "3" and job.data is None
    assert job.lineage.sessions == ((1, "run-7"), (2, "run-7"))
    store.close()


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    """What of it the table has columns for."""
    known = {column["name"] for column in inspect(connection).get_columns(table)}
    own = {name: _stored(value) for name, value in row.items() if name in known}
    names, values = ", ".join(f'"{name}"' for name in own), ", ".join(f":{name}" for name in own)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), own)


def _stored(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value
