"""One SQL transaction: reads that wait for nobody, writes one at a time, saves in batches."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import CursorResult, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Insert

from engine.errors import StorageError
from engine.storage.sql.errors import readable, storage_errors
from engine.storage.sql.mapping import RowMapping, Values, record
from engine.storage.sql.saving import Saver
from engine.storage.writer import WriterLock

T = TypeVar("T")


class Connections(Protocol):
    """What a transaction needs of the storage it belongs to."""

    place: str
    writer_lock: WriterLock
    statements: "Statements"
    saver: Saver | None  # None where a transaction goes statement by statement

    async def reader(self) -> AsyncConnection:
        """Return a connection of the pool, each statement its own snapshot."""
        ...

    async def begin(self) -> AsyncConnection:
        """Return the one connection that writes, in a transaction that holds the write lock."""
        ...

    async def rollback(self) -> None:
        """Undo what `begin` began; a connection that can't is replaced."""
        ...

    async def commit(self) -> None:
        """Make it durable."""
        ...

    def committed(self) -> None:
        """Note that `saver` has ended a transaction."""
        ...


class Statements:
    """Inserts in the dialect of a database, built once: building costs more than running."""

    def __init__(self, dialect: str) -> None:
        """Store the dialect's name, "sqlite" or "postgresql"."""
        self._insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
        self._upserts: dict[str, Insert] = {}
        self._insert_once: dict[str, Insert] = {}

    def upsert(self, table: Table, *keys: str) -> Insert:
        """Insert, or replace the row with the same keys; `seq` keeps the order of first writing."""
        statement = self._upserts.get(table.name)
        if statement is None:
            insert = self._insert(table)
            changed = {
                column.name: insert.excluded[column.name]
                for column in table.columns
                if column.name not in keys and column.name != "seq"
            }
            statement = insert.on_conflict_do_update(index_elements=keys, set_=changed)
            self._upserts[table.name] = statement
        return statement

    def insert_once(self, table: Table) -> Insert:
        """Insert; no change and no error when a unique key is there."""
        statement = self._insert_once.get(table.name)
        if statement is None:
            statement = self._insert(table).on_conflict_do_nothing()
            self._insert_once[table.name] = statement
        return statement


class SqlTransaction:
    """Read committed: before its first write a unit of work sees each statement's present.

    SQLite can't promote a snapshot to a writer once somebody else has committed (it answers
    SQLITE_BUSY_SNAPSHOT), so reads take no snapshot; the first write takes the lock and from
    there nothing changes underneath. This is what PostgreSQL calls READ COMMITTED, and what the
    storage in memory does.

    Saves have no answer, so they wait in `_staged` and go as one batch per table before the next
    read or the commit; a transaction that only saves goes as a whole.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._entered = False
        self._failed = False
        self._reader: AsyncConnection | None = None
        self._writer: AsyncConnection | None = None
        self._staged: dict[Insert, list[Values]] = {}
        self._saving: asyncio.Future[None] | None = None

    def enter(self) -> None:
        self._entered = True

    async def rows(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[RowMapping]:
        """Run a query; sees what this transaction has staged or written."""
        if self._staged:
            await self._flush()
        self._check()
        connection = self._writer or self._reader
        with storage_errors(self._connections.place):
            if connection is None:
                connection = self._reader = await self._connections.reader()
            try:
                result = await connection.execute(statement, parameters)
            except BaseException:
                self._failed = self._writer is not None
                raise
            with readable(self._connections.place):
                names = tuple(result.keys())
                return [dict(zip(names, row, strict=True)) for row in result]

    async def records(
        self,
        kind: type[T],
        statement: Executable,
        parameters: Mapping[str, object] | None = None,
        *,
        build: Callable[[type[T], RowMapping], T] = record,
    ) -> tuple[T, ...]:
        """Run a query and rebuild what its rows are of; StorageError for one that does not fit."""
        rows = await self.rows(statement, parameters)
        with readable(self._connections.place):
            return tuple(build(kind, row) for row in rows)

    async def record(
        self,
        kind: type[T],
        statement: Executable,
        parameters: Mapping[str, object] | None = None,
    ) -> T | None:
        """Return the first of `records`."""
        found = await self.records(kind, statement, parameters)
        return found[0] if found else None

    async def scalar(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Any:
        """Return the first column of the first row."""
        rows = await self.rows(statement, parameters)
        return next(iter(rows[0].values())) if rows else None

    async def write(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> int:
        """Run a change now and return the number of rows changed."""
        await self.begin_writing()
        return (await self._execute(statement, parameters)).rowcount

    async def insert_once(self, table: Table, values: Values) -> bool:
        """Insert now; False and no change when a unique key is there."""
        return await self.write(self._connections.statements.insert_once(table), values) == 1

    async def write_all(
        self, statement: Executable, parameters: Sequence[Mapping[str, object]]
    ) -> None:
        """Run a change once for each of the parameters, in one round trip; for none do nothing."""
        if parameters:
            await self.begin_writing()
            await self._execute(statement, parameters)

    async def insert_all(self, table: Table, rows: Sequence[Values]) -> None:
        """Insert several at once; those whose unique key is there are left out."""
        await self.write_all(self._connections.statements.insert_once(table), rows)

    def save(self, table: Table, values: Values, *keys: str) -> None:
        """Insert or replace by `keys`, before the next read or the commit."""
        self._check()
        statement = self._connections.statements.upsert(table, *keys)
        self._staged.setdefault(statement, []).append(values)

    async def begin_writing(self) -> None:
        """Wait until no other unit of work writes; held until commit or leaving.

        What is staged goes first: a change that follows must find it.
        """
        self._check()
        if self._writer is None:
            await self._become_writer()
        if self._staged:
            await self._flush()

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Send what is staged and make all of it durable; see `UnitOfWork.commit`."""
        self._check()
        if self._staged and self._writer is None and self._connections.saver is not None:
            await self._commit_at_once(self._connections.saver, meanwhile)
            return
        if self._staged:
            await self._flush()
        if self._writer is None:
            return
        with storage_errors(self._connections.place):
            if meanwhile is not None:
                meanwhile()
            try:
                await self._connections.commit()
            except BaseException:
                self._failed = True  # `leave` rolls back what may be left of it
                raise
        self._writer = None
        self._connections.writer_lock.release()

    async def _commit_at_once(self, saver: Saver, meanwhile: Callable[[], None] | None) -> None:
        await self._close_reader()  # as for every other writer
        await self._connections.writer_lock.acquire()
        staged, self._staged = self._staged, {}
        self._saving = saver.save(staged, meanwhile)
        # Who is cancelled stops waiting, not the thread: the next writer waits for that.
        self._saving.add_done_callback(lambda _: self._saved())
        with storage_errors(self._connections.place):
            try:
                await asyncio.shield(self._saving)
            except BaseException:
                self._failed = True
                raise
        self._saving = None

    def _saved(self) -> None:
        self._connections.writer_lock.release()
        self._connections.committed()

    async def leave(self) -> None:
        """Undo what was not committed, and give the connections back."""
        self._staged.clear()
        self._entered = False
        if self._reader is None and self._writer is None and self._saving is None:
            return
        # Shielded: a task that is cancelled twice must not leave the write lock taken.
        await asyncio.shield(asyncio.ensure_future(self._release()))

    async def _release(self) -> None:
        try:
            if self._saving is not None:
                await asyncio.wait((self._saving,))
            await self._close_reader()
        finally:
            if self._writer is not None:
                self._writer = None
                try:
                    await self._connections.rollback()
                finally:
                    self._connections.writer_lock.release()

    async def _become_writer(self) -> None:
        # A reader that waits for the lock would keep a connection from those that hold it.
        await self._close_reader()
        await self._connections.writer_lock.acquire()
        try:
            with storage_errors(self._connections.place):
                self._writer = await self._connections.begin()
        except BaseException:
            self._connections.writer_lock.release()
            raise

    async def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    async def _flush(self) -> None:
        if self._writer is None:
            await self._become_writer()
        staged, self._staged = self._staged, {}
        for statement, rows in staged.items():
            await self._execute(statement, rows)

    async def _execute(
        self,
        statement: Executable,
        parameters: Mapping[str, object] | Sequence[Mapping[str, object]] | None,
    ) -> CursorResult[Any]:
        if self._writer is None:
            raise RuntimeError("a change needs begin_writing first")
        with storage_errors(self._connections.place):
            try:
                return await self._writer.execute(statement, parameters)
            except BaseException:
                self._failed = True
                raise

    def _check(self) -> None:
        if not self._entered:
            raise RuntimeError("a unit of work is used inside its `async with` only")
        if self._failed:
            raise StorageError(
                f"database {self._connections.place}: an earlier statement of this transaction"
                " failed. Nothing was changed."
            )
