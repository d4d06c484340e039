"""Saves that nobody reads in between, as whole transactions: each in one step of a thread.

A hop to a thread and back costs more than SQLite itself does. A transaction that only saves, as
the commit of a bar close's intents does, makes one of them instead of one for each statement. It
goes to the driver itself: of SQLAlchemy it needs the SQL and the types of the columns, both the
same each time, and all else that SQLAlchemy does for a statement takes longer than SQLite does.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import TypeEngine

from engine.storage.sql.mapping import Values
from engine.storage.sql.types import Instant

T = TypeVar("T")

Batches = Mapping[Insert, Sequence[Values]]

_DIALECT = sqlite.dialect()
_INSTANTS = 16  # whose texts are remembered, of each column


class _Compiled:
    """An insert as the driver takes it.

    Attributes:
        sql: With a question mark for each of the columns.
    """

    def __init__(self, statement: Insert, columns: Iterable[str]) -> None:
        """Compile it for rows of these columns."""
        compiled = statement.compile(dialect=_DIALECT, column_keys=list(columns))
        self.sql = compiled.string
        self._stored = [
            (name, _processor(compiled.binds[name].type)) for name in compiled.positiontup or ()
        ]

    def rows(self, rows: Iterable[Values]) -> list[list[Any]]:
        """Return what the driver stores of each row.

        Raises:
            ValueError, TypeError: A column refuses a value.
        """
        return [
            [row[name] if stored is None else stored(row[name]) for name, stored in self._stored]
            for row in rows
        ]


def _processor(column_type: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """Return what makes a value of this type the driver's; None: it is that already."""
    processor = column_type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    if processor is not None and isinstance(column_type, Instant):
        # The orders and runs of a decision share their times, and a text takes a while to write.
        return lru_cache(_INSTANTS)(processor)
    return processor


class Saver:
    """A SQLite connection with a thread of its own; whoever calls holds the right to write.

    Args:
        path: The database file.
        set_up: Sets up each new connection.
    """

    def __init__(self, path: str, set_up: Callable[[sqlite3.Connection], None]) -> None:
        """Store what is given; nothing is opened yet."""
        self._path = path
        self._set_up = set_up
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver")
        self._bell = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver's bell")
        self._connection: sqlite3.Connection | None = None
        self._compiled: dict[Insert, _Compiled] = {}

    async def open(self, statements: Mapping[Table, Insert]) -> None:
        """Connect, and have these statements ready before the first save needs them.

        Building one takes longer than running it, and the first save may be of a bar's orders.
        """
        await self._begun(self._prepare, statements)

    def save(
        self, batches: Batches, meanwhile: Callable[[], None] | None = None
    ) -> asyncio.Future[None]:
        """Begin to make them durable, all or none; it goes on when nobody waits any more.

        Args:
            meanwhile: Called in the loop when only the disk is waited for. Sooner it would be in
                the way: between two statements the thread needs the interpreter.

        The future raises what the driver does, and what the columns' types do.
        """
        return self._begun(self._save, batches, asyncio.get_running_loop(), meanwhile)

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        await self._begun(self._close)
        self._thread.shutdown(wait=False)
        self._bell.shutdown(wait=False)

    def _begun(self, work: Callable[..., T], *given: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    # --- in the thread -----------------------------------------------------------------------

    def _prepare(self, statements: Mapping[Table, Insert]) -> None:
        """Run each with a row of nothing while the connection may not write; it stays prepared."""
        connection = self._opened()
        connection.execute("PRAGMA query_only=ON")
        for table, statement in statements.items():
            nothing = {column.name: None for column in table.columns if column.name != "seq"}
            with suppress(sqlite3.Error):  # refused, as it is meant to be
                self._run(connection, statement, [nothing])
        connection.execute("PRAGMA query_only=OFF")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # No transaction but those that `_save` begins.
            connection = sqlite3.connect(self._path, isolation_level=None)
            try:
                self._set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _save(
        self,
        batches: Batches,
        loop: asyncio.AbstractEventLoop,
        meanwhile: Callable[[], None] | None,
    ) -> None:
        connection = self._opened()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows in batches.items():
                self._run(connection, statement, rows)
            # From another thread: to wake the loop takes a system call, from which this one would
            # not come back to its commit before the loop has no more to do.
            rung = self._bell.submit(loop.call_soon_threadsafe, meanwhile) if meanwhile else None
            connection.execute("COMMIT")
            if rung is not None:
                rung.result()  # long done: `meanwhile` is called before the save has ended
        except BaseException:
            self._close()  # whatever it was: a connection whose state is in doubt is not used again
            raise

    def _run(
        self, connection: sqlite3.Connection, statement: Insert, rows: Sequence[Values]
    ) -> None:
        compiled = self._compiled.get(statement)
        if compiled is None:  # the rows of a table all have the same columns
            compiled = self._compiled[statement] = _Compiled(statement, rows[0])
        connection.executemany(compiled.sql, compiled.rows(rows))

    def _close(self) -> None:
        """Close the connection, which undoes what was not committed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
