from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from orchestrator.errors import StorageUnavailable
from orchestrator.store.database import Database, make_engine
from orchestrator.store.schema import MIGRATIONS, upgrade
from orchestrator.store.tables import metadata


@pytest.fixture
def migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    # Nothing beside the package is needed, wherever the process runs.
    monkeypatch.chdir(tmp_path)
    database = Database(tmp_path / "migrated.db")
    upgrade(database)
    yield database
    database.close()


def schema_of(engine: Engine) -> dict[str, dict[str, Any]]:
    """Columns, keys and constraints of every table but alembic's own."""
    found = inspect(engine)
    return {
        name: {
            "columns": [{**c, "type": str(c["type"])} for c in found.get_columns(name)],
            "primary key": found.get_pk_constraint(name),
            "foreign keys": found.get_foreign_keys(name),
            "unique": found.get_unique_constraints(name),
            "checks": found.get_check_constraints(name),
            "indexes": [
                {**index, "dialect_options": options_of(index)} for index in found.get_indexes(name)
            ],
        }
        for name in found.get_table_names()
        if name != "alembic_version"
    }


def options_of(index: Any) -> dict[str, str]:
    """Conditions are equal only to themselves."""
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


def test_alembic_finds_nothing_to_migrate_after_an_upgrade(migrated: Database) -> None:
    with migrated.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_an_upgraded_database_has_the_tables_keys_and_constraints_of_the_code(
    migrated: Database, tmp_path: Path
) -> None:
    fresh = make_engine(tmp_path / "fresh.db")
    metadata.create_all(fresh)
    expected = schema_of(fresh)
    assert set(expected) == set(metadata.tables)
    assert schema_of(migrated.engine) == expected
    fresh.dispose()


def test_an_upgrade_of_an_upgraded_database_changes_nothing(migrated: Database) -> None:
    migrated.claim()
    before = schema_of(migrated.engine)
    upgrade(migrated)
    assert schema_of(migrated.engine) == before
    assert migrated.claim() == 2


def test_an_upgrade_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    file = tmp_path / "foreign.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE requests (mine TEXT)")
    database = Database(file)
    with pytest.raises(StorageUnavailable, match=r"table requests already exists.*move it aside"):
        upgrade(database)
    with closing(sqlite3.connect(file)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert names.fetchall() == [("requests",)]
    database.close()


def test_the_migrations_form_one_line_named_in_their_order() -> None:
    files = sorted(p.stem for p in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert [name[:4] for name in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
