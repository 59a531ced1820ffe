"""A store of before identities: its jobs keep their checkpoints, and no other job gets them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from alembic import command
from alembic.config import Config

from orchestrator.job_records import from_record
from orchestrator.store.database import Database
from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.schema import MIGRATIONS
from tests.support.stores import OWNER, job_record, session_record

DIGITS = {"name": "digits", "resize": None, "batch_size": 32}
OPTIONS = {"epochs": 3, "learning_rate": 0.1, "num_microbatches": 4}


def test_jobs_of_before_keep_their_folders_and_new_ones_draw_theirs(tmp_path: Path) -> None:
    sessions = tuple(session_record(index, options=OPTIONS) for index in (1, 2))
    record = job_record("3", run=7, sessions=sessions, dataset_config=DIGITS)
    record = replace(record, failure_policy={}, checkpoint_policy={})
    store = JobStore.open(tmp_path, OWNER)
    store.add_job(record)
    store.close()
    _back_to(tmp_path, "0004")
    store = JobStore.open(tmp_path, OWNER)
    job = from_record(store.load_jobs()[0], [])
    assert job.lineage.identity == "3"
    assert job.lineage.sessions == ((1, "run-7"), (2, "run-7"))
    store.close()


def _back_to(storage: Path, revision: str) -> None:
    """As the code of that migration left it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with closing(sqlite3.connect(storage / FILE_NAME)) as connection, connection:
        later = (("jobs", "identity"), ("sessions", "folder"), ("sessions", "stop_asked"))
        for table, column in later:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    database = Database(storage / FILE_NAME)
    with database.unfenced() as connection:
        config.attributes["connection"] = connection
        command.stamp(config, revision)
    database.close()
