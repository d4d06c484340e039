"""Where a simulated venue keeps its books: a database of its own, never the engine's.

The books are encoded on the event loop and written by one thread, so that a slow disk delays
the answer to an order and nothing else.
"""

import asyncio
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec

from engine.domain.ids import AssetId, InstrumentId
from engine.domain.money import to_text
from engine.domain.orders import Fill
from engine.errors import StorageError
from engine.venues.book import Book, BookChange, Holding, VolumeTaken, WorkingOrder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS marker (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fills (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cash (asset TEXT PRIMARY KEY, total TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holdings (instrument TEXT PRIMARY KEY, quantity TEXT NOT NULL,
    value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS volumes (instrument TEXT PRIMARY KEY, bar_start TEXT NOT NULL,
    quantity TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows to write in one transaction, or all rows as read back; money is plain text.

    Attributes:
        markers: Named texts: the cursor, and what the books belong to.
        orders: (client order id, JSON), in the order they came.
        fills: (sequence, JSON).
    """

    markers: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    fills: dict[int, str] = field(default_factory=dict)
    cash: dict[str, str] = field(default_factory=dict)
    holdings: dict[str, tuple[str, str]] = field(default_factory=dict)
    volumes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, later: "Page") -> None:
        """Put a later page on top of this one."""
        self.markers.update(later.markers)
        self.orders.update(later.orders)
        self.fills.update(later.fills)
        self.cash.update(later.cash)
        self.holdings.update(later.holdings)
        self.volumes.update(later.volumes)

    @property
    def has_books(self) -> bool:
        """Tell whether it says more than where the clock stands."""
        return bool(self.orders or self.fills or self.cash or self.holdings)


class BookStore(Protocol):
    """Keeps pages. Raises only StorageError."""

    def read(self) -> Page:
        """Return everything that was written; an empty page when nothing was."""
        ...

    def write(self, page: Page, *, durable: bool) -> None:
        """Write one page whole or not at all.

        Args:
            durable: Return only when it survives a loss of power; otherwise it survives the
                end of the process, and power may take the newest pages together.
        """
        ...

    def close(self) -> None: ...


class SqliteBookStore:
    """Pages in one SQLite file (write-ahead log), opened at the first use.

    Args:
        owner: Whose books they are, for messages.
    """

    def __init__(self, path: Path, *, owner: str = "replay") -> None:
        self._path = path
        self._owner = owner
        self._connection: sqlite3.Connection | None = None
        self._full = True

    def read(self) -> Page:
        try:
            connection = self._connect()
            page = Page()
            page.markers.update(connection.execute("SELECT name, value FROM marker"))
            page.orders.update(connection.execute("SELECT id, body FROM orders ORDER BY seq"))
            page.fills.update(connection.execute("SELECT seq, body FROM fills ORDER BY seq"))
            page.cash.update(connection.execute("SELECT asset, total FROM cash"))
            for name, quantity, value in connection.execute("SELECT * FROM holdings"):
                page.holdings[name] = (quantity, value)
            for name, start, quantity in connection.execute("SELECT * FROM volumes"):
                page.volumes[name] = (start, quantity)
        except (sqlite3.Error, OSError) as exc:
            raise StorageError(
                f"The {self._owner} venue's books in {self._path} can't be read ({exc}). "
                "Nothing was changed. Check the file's permissions, or start afresh."
            ) from exc
        return page

    def write(self, page: Page, *, durable: bool) -> None:
        try:
            connection = self._connect()
            if durable is not self._full:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._full = durable
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                self._put(connection, page)
        except (sqlite3.Error, OSError) as exc:
            raise StorageError(
                f"The {self._owner} venue's books in {self._path} can't be written ({exc}). What "
                "it answered before is kept. Free the disk or fix its permissions, then restart."
            ) from exc

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # One thread at a time uses it (Journal); which one it is changes.
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, timeout=5.0
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_SCHEMA)
            self._connection = connection
        return self._connection

    @staticmethod
    def _put(connection: sqlite3.Connection, page: Page) -> None:
        if page.orders:
            connection.executemany(
                "INSERT INTO orders (id, body) VALUES (?, ?) "
                "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                page.orders.items(),
            )
        if page.fills:
            connection.executemany("INSERT INTO fills VALUES (?, ?)", page.fills.items())
        if page.cash:
            connection.executemany("REPLACE INTO cash VALUES (?, ?)", page.cash.items())
        if page.holdings:
            rows = [(name, *values) for name, values in page.holdings.items()]
            connection.executemany("REPLACE INTO holdings VALUES (?, ?, ?)", rows)
        if page.volumes:
            rows = [(name, *values) for name, values in page.volumes.items()]
            connection.executemany("REPLACE INTO volumes VALUES (?, ?, ?)", rows)
        if page.markers:
            connection.executemany("REPLACE INTO marker VALUES (?, ?)", page.markers.items())


# --- pages from books and back ----------------------------------------------------------------


def encode(book: Book, change: BookChange, markers: dict[str, str]) -> Page:
    """Return the rows of what moved, as they stand now."""
    return Page(
        markers=markers,
        orders={key: _text(working) for key, working in change.orders.items()},
        fills={fill.sequence: _text(fill) for fill in change.fills},
        cash={asset: to_text(book.cash[asset]) for asset in change.assets},
        holdings={
            name: (to_text(book.holdings[name].quantity), to_text(book.holdings[name].value))
            for name in change.holdings
        },
        volumes={
            name: (
                book.volumes[name].bar_start.isoformat(),
                to_text(book.volumes[name].quantity),
            )
            for name in change.volumes
        },
    )


def restore(book: Book, page: Page) -> None:
    """Fill a fresh book with what a store has kept.

    Raises:
        StorageError: The rows can't be understood.
    """
    try:
        book.cash = {AssetId(asset): Decimal(total) for asset, total in page.cash.items()}
        book.holdings = {
            InstrumentId(name): Holding(Decimal(quantity), Decimal(value))
            for name, (quantity, value) in page.holdings.items()
        }
        book.volumes = {
            InstrumentId(name): VolumeTaken(datetime.fromisoformat(start), Decimal(quantity))
            for name, (start, quantity) in page.volumes.items()
        }
        book.fills = [msgspec.json.decode(body, type=Fill) for body in page.fills.values()]
        for working in _decoded(page.orders.values()):
            book.restore_order(working)
    except (msgspec.MsgspecError, ArithmeticError, ValueError) as exc:
        raise StorageError(
            f"The venue's books are not readable ({exc}). Nothing was changed. "
            "Start afresh, or bring back the file as it was."
        ) from exc
    book.take_dirty()


def _text(value: WorkingOrder | Fill) -> str:
    return msgspec.json.encode(value).decode()


def _decoded(bodies: Iterable[str]) -> Iterable[WorkingOrder]:
    return (msgspec.json.decode(body, type=WorkingOrder) for body in bodies)


class Journal:
    """Writes pages behind the event loop, in order; what waits together is written together.

    A write that fails breaks the journal: the books in memory are ahead of the file then, and
    nothing may be answered from them any more.
    """

    def __init__(self, store: BookStore) -> None:
        self._store = store
        self._waiting: Page | None = None
        self._writing: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="venue-books")

    async def write(self, page: Page) -> None:
        """Write a page and return when it is on disk; without books in it, when it is handed
        to the operating system."""
        self._check()
        if not page.has_books and self._waiting is None and self._writing is None:
            self._store_now(page)
            return
        if self._waiting is None:
            self._waiting = page
        else:
            self._waiting.add(page)
        await self.flush()

    async def flush(self) -> None:
        """Return when everything given so far is on disk."""
        awaited = self._waiting
        while self._writing is not None or (self._waiting is awaited and awaited is not None):
            if self._writing is None:
                self._begin()
            writing = self._writing
            if writing is not None:
                await asyncio.shield(writing)  # a cancelled caller does not undo the write
        self._check()

    def _begin(self) -> None:
        page, self._waiting = self._waiting, None
        if page is None:
            return
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._thread, self._store_durably, page)
        self._writing.add_done_callback(self._ended)

    def _store_durably(self, page: Page) -> None:
        self._store.write(page, durable=True)

    def _store_now(self, page: Page) -> None:
        try:
            self._store.write(page, durable=False)
        except StorageError as exc:
            self._failure = exc
            raise

    def _ended(self, writing: "asyncio.Future[None]") -> None:
        self._writing = None
        if not writing.cancelled():
            self._failure = writing.exception() or self._failure

    def _check(self) -> None:
        if self._failure is not None:
            raise StorageError(str(self._failure)) from self._failure

    async def close(self) -> None:
        """Write what waits and let go of the store."""
        try:
            await self.flush()
        finally:
            self._thread.shutdown()
            self._store.close()
