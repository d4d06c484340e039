"""Run by Alembic: over the connection of `schema.upgrade`, or the command line's `-x url=...`."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from engine.storage.sql import types
from engine.storage.sql.tables import metadata


def render_type(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Name column types as `script.py.mako` imports them; False leaves it to Alembic."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "types.Instant()"
    if kind == "type" and type(item).__module__ == types.__name__:
        return f"types.{type(item).__name__}()"
    return False


def migrate(connection: Connection) -> None:
    """Run the migrations in one transaction: a failed one leaves the database as it was."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_type,
        render_as_batch=True,  # SQLite changes a table by copying it
        transactional_ddl=True,  # SQLite has it; Alembic assumes the driver's older habits
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
    with engine.connect() as connection:
        migrate(connection)
        connection.commit()


main()
