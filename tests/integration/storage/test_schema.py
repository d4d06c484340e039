"""Tables and migrations: the same thing said twice, held together here."""

import dataclasses
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table, create_engine

from engine.domain.accounts import Account, Latch
from engine.domain.entries import LedgerEntry
from engine.domain.orders import Order
from engine.domain.records import (
    CommandRecord,
    Delivery,
    EquityMark,
    ExitPlanState,
    InboxUpdate,
    Job,
    ServiceMark,
    Ticket,
)
from engine.domain.runs import Run
from engine.errors import StorageError
from engine.storage.sql import schema
from engine.storage.sql.schema import HEAD, MIGRATIONS, REVISIONS, is_at_head, upgrade
from engine.storage.sql.tables import metadata, people, trading
from tests.integration.storage.conftest import url_of


def tables_of(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def test_the_migrations_make_exactly_the_tables(database: Path) -> None:
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []
    assert tables_of(database) == {*metadata.tables, "alembic_version"}


def test_the_stated_revisions_are_those_of_the_folder() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_heads() == [HEAD]


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (Account, trading.accounts),
        (Latch, trading.latches),
        (Run, trading.runs),
        (Order, trading.orders),
        (LedgerEntry, trading.entries),
        (ExitPlanState, trading.exit_plans),
        (CommandRecord, trading.commands),
        (Job, trading.jobs),
        (EquityMark, trading.equity_marks),
        (ServiceMark, trading.service_marks),
        (InboxUpdate, people.inbox),
        (Ticket, people.tickets),
        (Delivery, people.deliveries),
    ],
)
def test_every_field_has_a_column(record: type, table: Table) -> None:
    fields = {field.name for field in dataclasses.fields(record)}
    columns = {column.name for column in table.columns}
    assert columns - {"seq", "ended"} == fields


def test_a_new_database_is_not_at_head_and_asking_creates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    assert not is_at_head(url_of(path))
    assert not path.exists()


def test_upgrading_brings_it_to_head_and_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    upgrade(url_of(path))
    assert is_at_head(url_of(path))
    before = path.read_bytes()
    upgrade(url_of(path))
    assert path.read_bytes() == before


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "outcry.db"
    path.touch()
    assert not is_at_head(url_of(path))
    upgrade(url_of(path))
    assert is_at_head(url_of(path))


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outcry.db"
    with sqlite3.connect(path) as connection:  # the last table of the migration is there already
        connection.execute("CREATE TABLE tickets (ticket_id TEXT)")
    connection.close()
    with pytest.raises(StorageError, match="tickets"):
        upgrade(url_of(path))
    assert tables_of(path) == {"tickets"}


def test_a_newer_database_is_refused_untouched(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = database.read_bytes()
    for check in (is_at_head, upgrade):
        with pytest.raises(StorageError, match=r"newer version of Outcry \(tables 9999"):
            check(url_of(database))
    assert database.read_bytes() == before


def test_a_start_at_head_does_not_import_alembic(database: Path) -> None:
    code = (
        "import sys; from engine.storage.sql import schema, storage;"
        f"schema.upgrade({url_of(database)!r});"
        f"assert schema.is_at_head({url_of(database)!r});"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_latch_and_the_errors_need_no_sqlalchemy() -> None:
    code = (
        "import sys; from engine.storage.sql import latch, lock;"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_migrations_lie_where_the_schema_looks() -> None:
    assert Path(schema.__file__).parent.parent / "migrations" == MIGRATIONS
    assert (MIGRATIONS / "env.py").is_file()
