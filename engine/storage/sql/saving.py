"""Saves that nobody reads in between, as whole transactions: each in one step of a thread.

A hop to a thread and back costs more than SQLite itself does. A transaction that only saves, as
the commit of a bar close's intents does, makes one of them instead of one for each statement.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import Insert

from engine.storage.sql.mapping import Values

T = TypeVar("T")

Batches = Mapping[Insert, Sequence[Values]]


class Saver:
    """A SQLite connection with a thread of its own; whoever calls holds the right to write."""

    def __init__(self, url: URL, set_up: Callable[..., None]) -> None:
        """Store the file's address and what sets up each new connection; nothing is opened yet."""
        self._engine = create_engine(
            url.set(drivername="sqlite"),
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
        )
        event.listen(self._engine, "connect", set_up)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver")
        self._connection: Connection | None = None

    async def open(self, statements: Mapping[Table, Insert]) -> None:
        """Connect, and have these statements ready before the first save needs them.

        Building one takes longer than running it, and the first save may be of a bar's orders.
        """
        await self._begun(self._prepare, statements)

    def save(self, batches: Batches) -> asyncio.Future[None]:
        """Begin to make them durable, all or none; it goes on when nobody waits any more.

        The future raises what SQLAlchemy and the driver do.
        """
        return self._begun(self._save, batches)

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        await self._begun(self._close)
        self._thread.shutdown(wait=False)

    def _begun(self, work: Callable[..., T], *given: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    # --- in the thread -----------------------------------------------------------------------

    def _prepare(self, statements: Mapping[Table, Insert]) -> None:
        """Run each with rows of nothing while the connection may not write; it stays prepared."""
        connection = self._opened()
        connection.exec_driver_sql("PRAGMA query_only=ON")
        for table, statement in statements.items():
            nothing = {column.name: None for column in table.columns if column.name != "seq"}
            for rows in ([nothing], [nothing, nothing]):  # built apart for one and for several
                with suppress(DBAPIError):  # refused, as it is meant to be
                    connection.execute(statement, rows)
        connection.exec_driver_sql("PRAGMA query_only=OFF")

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _save(self, batches: Batches) -> None:
        connection = self._opened()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for statement, rows in batches.items():
                connection.execute(statement, rows)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            self._drop()  # whatever it was: a connection whose state is in doubt is not used again
            raise

    def _drop(self) -> None:
        """Give the connection up; closing it undoes what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._engine.dispose()
