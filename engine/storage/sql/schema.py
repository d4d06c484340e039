"""Bring a database's tables to the version of this code. Synchronous: done before the loop runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from engine.errors import StorageError
from engine.storage.sql.errors import place_of, storage_errors

# The migrations there are, oldest first. Stated here because importing Alembic to ask takes a
# third of a second at every start; a test compares it with the folder.
REVISIONS = ("0001",)
HEAD = REVISIONS[-1]

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_SYNC_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def is_at_head(url: str) -> bool:
    """Tell whether the tables are those of this code; creates nothing.

    Raises:
        StorageError: The database can't be read, or a newer version of Outcry wrote it.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return False
    with _connected(parsed) as connection:
        return _is_at_head(connection, place_of(url))


def upgrade(url: str) -> None:
    """Create the tables, or change older ones; does nothing at head.

    Everything happens in one transaction: a migration that fails changes nothing.

    Raises:
        StorageError: The database can't be written, or a newer version of Outcry wrote it.
    """
    with _connected(make_url(url)) as connection:
        if _is_at_head(connection, place_of(url)):
            return
        # Only where there is something to do: see REVISIONS.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _is_at_head(connection: Connection, place: str) -> bool:
    version = None
    if inspect(connection).has_table("alembic_version"):
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and version not in REVISIONS:
        raise StorageError(
            f"database {place} is of a newer version of Outcry (tables {version}, this one knows"
            f" {HEAD}). Nothing was changed. Start the newer version, or name another database."
        )
    return version == HEAD


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    backend = url.get_backend_name()
    engine = create_engine(url.set(drivername=_SYNC_DRIVERS[backend]), poolclass=NullPool)
    if backend == "sqlite":
        event.listen(engine, "connect", _let_us_begin)
        event.listen(engine, "begin", _begin_immediate)
    try:
        with storage_errors(place_of(url)), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _let_us_begin(connection: Any, record: object) -> None:
    """Keep the driver from ending transactions before a CREATE TABLE, as it does by default."""
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout=5000")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
