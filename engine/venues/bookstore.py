"""Where a simulated venue keeps its books: a database of its own, never the engine's.

The books are encoded on the event loop and written by one thread, so that a slow disk delays
the answer to an order and nothing else.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec

from engine.domain.ids import AssetId, ClientOrderId, InstrumentId
from engine.domain.money import to_text
from engine.domain.orders import Fill, OrderState
from engine.errors import StorageError
from engine.venues.book import Book, BookChange, Holding, VolumeTaken, WorkingOrder

_CACHED_KIB = 256

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
# Instants in the rows are UTC text; without its Z the text sorts as time does.
_FILLS_SINCE = """SELECT seq, body FROM fills
    WHERE rtrim(json_extract(body, '$.ts_event'), 'Z') >= ? ORDER BY seq"""
_ORDERS_SINCE = """SELECT id, body FROM orders
    WHERE rtrim(json_extract(body, '$.ts_last'), 'Z') >= ? ORDER BY seq"""
_LIVE_ORDERS = """SELECT id, body FROM orders
    WHERE json_extract(body, '$.state') NOT IN (SELECT value FROM json_each(?)) ORDER BY seq"""
_ENDED = json.dumps([state for state in OrderState if state.is_terminal])


@dataclass(frozen=True, slots=True)
class Page:
    """Rows to write in one transaction, or what stands as read back; money is plain text.

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
    """Keeps pages, and is asked for what has left the books. Raises only StorageError.

    It is read on one thread while another one may write.
    """

    def read(self) -> Page:
        """Return what stands: everything written but orders that have ended and all fills
        before the last; an empty page when nothing was written."""
        ...

    def find_order(self, client_order_id: ClientOrderId) -> str | None:
        """Return an order, live or ended, as it was last written; None: it never was."""
        ...

    def orders_since(self, since: datetime | None) -> dict[str, str]:
        """Return orders that moved last at `since` or later (None: all), as they came."""
        ...

    def fills_since(self, since: datetime | None) -> dict[int, str]:
        """Return fills of `since` or later (None: all) by their sequence, in its order."""
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
        self._reader: sqlite3.Connection | None = None
        self._full = True

    def read(self) -> Page:
        page = Page()
        with self._reading() as connection:
            page.markers.update(connection.execute("SELECT name, value FROM marker"))
            page.orders.update(connection.execute(_LIVE_ORDERS, (_ENDED,)))
            page.fills.update(
                connection.execute("SELECT seq, body FROM fills ORDER BY seq DESC LIMIT 1")
            )
            page.cash.update(connection.execute("SELECT asset, total FROM cash"))
            for name, quantity, value in connection.execute("SELECT * FROM holdings"):
                page.holdings[name] = (quantity, value)
            for name, start, quantity in connection.execute("SELECT * FROM volumes"):
                page.volumes[name] = (start, quantity)
        return page

    def find_order(self, client_order_id: ClientOrderId) -> str | None:
        with self._reading() as connection:
            rows: list[tuple[str]] = connection.execute(
                "SELECT body FROM orders WHERE id = ?", (client_order_id,)
            ).fetchall()
        return rows[0][0] if rows else None

    def orders_since(self, since: datetime | None) -> dict[str, str]:
        with self._reading() as connection:
            return dict(connection.execute(_ORDERS_SINCE, (_sorted_text(since),)))

    def fills_since(self, since: datetime | None) -> dict[int, str]:
        with self._reading() as connection:
            return dict(connection.execute(_FILLS_SINCE, (_sorted_text(since),)))

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
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of its own to read by: it waits for no write, however slow the disk."""
        try:
            if self._reader is None:
                self._connect()
                self._reader = self._opened()
            yield self._reader
        except (sqlite3.Error, OSError) as exc:
            raise StorageError(
                f"The {self._owner} venue's books in {self._path} can't be read ({exc}). "
                "Nothing was changed. Check the file's permissions, or start afresh."
            ) from exc

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._opened()
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_SCHEMA)
            self._connection = connection
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        # One thread at a time uses a connection (Journal); which one it is changes.
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=5.0
        )
        # What is written comes at the end and is seldom read again: SQLite's own 2 MB of pages
        # each would hold little but orders that are over.
        connection.execute(f"PRAGMA cache_size=-{_CACHED_KIB}")
        return connection

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


def _sorted_text(since: datetime | None) -> str:
    """Return an instant as the rows have it, without its Z; None sorts before all of them."""
    return "" if since is None else since.astimezone(UTC).replace(tzinfo=None).isoformat()


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
    with _readable():
        book.cash = {AssetId(asset): Decimal(total) for asset, total in page.cash.items()}
        book.holdings = {
            InstrumentId(name): Holding(Decimal(quantity), Decimal(value))
            for name, (quantity, value) in page.holdings.items()
        }
        book.volumes = {
            InstrumentId(name): VolumeTaken(datetime.fromisoformat(start), Decimal(quantity))
            for name, (start, quantity) in page.volumes.items()
        }
        book.last_fill = fill_of(page.fills[max(page.fills)]) if page.fills else None
        for body in page.orders.values():
            book.restore_order(order_of(body))
    book.take_dirty()


def order_of(body: str) -> WorkingOrder:
    """Return an order as its row has it.

    Raises:
        StorageError: The row can't be understood.
    """
    with _readable():
        return msgspec.json.decode(body, type=WorkingOrder)


def fill_of(body: str) -> Fill:
    """Return a fill as its row has it.

    Raises:
        StorageError: The row can't be understood.
    """
    with _readable():
        return msgspec.json.decode(body, type=Fill)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, ArithmeticError, ValueError) as exc:
        raise StorageError(
            f"The venue's books are not readable ({exc}). Nothing was changed. "
            "Start afresh, or bring back the file as it was."
        ) from exc


def _text(value: WorkingOrder | Fill) -> str:
    return msgspec.json.encode(value).decode()


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
