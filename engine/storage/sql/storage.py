"""The database of a process: its engine, its one writing connection, its units of work."""

import asyncio
import sqlite3
from contextlib import closing
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Table, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.dml import Insert

from engine.storage.sql.checkpoints import Checkpoints
from engine.storage.sql.errors import place_of, storage_errors
from engine.storage.sql.saving import Saver
from engine.storage.sql.tables import trading
from engine.storage.sql.transaction import Statements
from engine.storage.sql.unit_of_work import SqlUnitOfWork
from engine.storage.writer import WriterLock

# FULL: a commit that was reported is there after a power cut. The lock time is for other
# processes (`outcry kill`, a backup); our own tasks queue up before the database. No commit makes
# a checkpoint: `Checkpoints` does.
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=5000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=0",
)


class SqlStorage:
    """A database of ours, open while entered: `async with SqlStorage(url) as storage`.

    The tables must be there: `engine.storage.sql.schema.upgrade` makes them.
    """

    def __init__(self, url: str) -> None:
        """Store the address, e.g. "sqlite+aiosqlite:///var/outcry.db"; nothing is opened yet."""
        self.place = place_of(url)
        self.writer_lock = WriterLock()
        self.statements = Statements(make_url(url).get_backend_name())
        self.reported_events: set[int] = set()  # unreadable ones, each told once per process
        self.saver: Saver | None = None
        self._checkpoints: Checkpoints | None = None
        self._url = make_url(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine: AsyncEngine | None = None
        self._writer: AsyncConnection | None = None

    def unit_of_work(self) -> SqlUnitOfWork:
        """Return a new transaction; this method is a `UnitOfWorkFactory`."""
        return SqlUnitOfWork(self)

    async def __aenter__(self) -> Self:
        """Connect once.

        Raises:
            StorageError: It can't be opened.
        """
        if self._is_sqlite:
            with storage_errors(self.place):
                await asyncio.to_thread(_probe, self.place)
        # AUTOCOMMIT: SQLAlchemy and the driver begin nothing by themselves; `begin` does.
        self._engine = create_async_engine(
            self._url,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
        )
        if self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _set_pragmas)
            self.saver = Saver(self.place, _execute_pragmas)
            self._checkpoints = Checkpoints(self.place, _execute_pragmas)
        try:
            with storage_errors(self.place):
                self._writer = await self._engine.connect()
                if self.saver is not None:
                    await self.saver.open(self._hot())
        except BaseException:
            await self._close()
            raise
        return self

    def _hot(self) -> dict[Table, Insert]:
        """Return what the commit of a bar close's intents saves."""
        upsert = self.statements.upsert
        return {
            trading.orders: upsert(trading.orders, "client_order_id"),
            trading.runs: upsert(trading.runs, "id"),
        }

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection once the transaction that writes at present has ended."""
        await self.writer_lock.acquire()
        try:
            await asyncio.shield(asyncio.ensure_future(self._close()))
        finally:
            self.writer_lock.release()

    async def reader(self) -> AsyncConnection:
        return await self._opened().connect()

    async def begin(self) -> AsyncConnection:
        if self._writer is None:
            self._writer = await self._opened().connect()
        try:
            await self._writer.exec_driver_sql("BEGIN IMMEDIATE" if self._is_sqlite else "BEGIN")
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(self._drop_writer()))
            raise
        return self._writer

    async def commit(self) -> None:
        if self._writer is not None:
            await self._writer.exec_driver_sql("COMMIT")
            self.committed()

    def committed(self) -> None:
        """Count a transaction that has ended: from time to time the log is copied back."""
        if self._checkpoints is not None:
            self._checkpoints.committed()

    async def rollback(self) -> None:
        writer = self._writer
        if writer is None:
            return
        try:
            if not writer.invalidated:
                await writer.exec_driver_sql("ROLLBACK")
                return
        except SQLAlchemyError:
            # SQLite undoes by itself after some errors and then knows no transaction; whatever
            # it was, a connection whose state is in doubt is not used again.
            await writer.invalidate()
        await self._drop_writer()

    async def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            if not writer.invalidated:
                await writer.invalidate()
            await writer.close()

    async def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()
        saver, self.saver = self.saver, None
        if saver is not None:
            await saver.close()
        checkpoints, self._checkpoints = self._checkpoints, None
        if checkpoints is not None:
            await checkpoints.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("SqlStorage is used inside its `async with` only")
        return self._engine


def _probe(path: str) -> None:
    """Open the file as the service will, and let go: what is wrong with it shows here.

    The asynchronous driver leaves a thread behind when it can't open a file, which then complains
    on standard error beside our one clear line.
    """
    with closing(sqlite3.connect(path)) as connection:
        _execute_pragmas(connection)


def _execute_pragmas(connection: sqlite3.Connection) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _set_pragmas(connection: Any, record: ConnectionPoolEntry) -> None:
    """Set up each new SQLite connection; they are per connection, but for the journal mode."""
    try:
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()
    except BaseException:
        connection.close()  # the pool does not know it yet, and its thread would live on
        raise
