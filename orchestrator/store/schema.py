"""Migrates a database to this version of the tables. Refuses a newer or damaged one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from orchestrator.store.database import Database
from orchestrator.store.storage_errors import RESTORE, Trouble, unavailable

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Runs the missing migrations in one transaction.

    Raises ``StorageUnavailable`` if the database is damaged or of a newer version.
    """
    with database.unfenced() as connection:
        _check_sound(database.file, connection)
        config = Config()
        # The value is a template, in which a per cent sign has to be doubled.
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        _check_known(database.file, connection, ScriptDirectory.from_config(config))
        command.upgrade(config, "head")


def _check_sound(file: Path, connection: Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        words = " ".join(str(found).split())
        raise unavailable(file, Trouble(f"it is damaged ({words})", RESTORE))


def _check_known(file: Path, connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            cause = f"a newer Tandem wrote it (version {revision}; this one knows {max(known)})"
            remedy = "install that Tandem again, or choose another --storage-path"
            raise unavailable(file, Trouble(cause, remedy))
