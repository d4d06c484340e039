"""A book that a store keeps: taken up where it stood, and written as it moves.

Orders that have ended and fills leave the book once they are on disk; from then on the store is
asked for them.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from engine.domain.ids import ClientOrderId
from engine.domain.orders import Fill
from engine.errors import ConfigError
from engine.venues.book import Book, WorkingOrder
from engine.venues.bookstore import BookStore, Journal, encode, fill_of, order_of, restore


class BookKeeper:
    """Ties a book to its store; without a store the book itself keeps everything.

    Args:
        prints: What the books belong to: a digest by series name.
        seed: Of everything random; the books belong to it as well.
        owner: Whose books they are, for messages.

    Attributes:
        notes: What else was kept with the books, by name, as `load` found it.
    """

    def __init__(
        self,
        book: Book,
        store: BookStore | None,
        *,
        prints: Mapping[str, str],
        seed: int,
        owner: str = "replay",
    ) -> None:
        self.notes: dict[str, str] = {}
        self._owner = owner
        self._book = book
        self._store = store
        self._journal = None if store is None else Journal(store)
        self._origin = {"data": json.dumps(dict(prints)), "seed": str(seed)}
        self._is_marked = False  # the store knows where the books belong

    @property
    def keeps(self) -> bool:
        """Tell whether there is a store."""
        return self._journal is not None

    def load(self) -> int | None:
        """Restore the book; return the instant it stood at (ms since the epoch), None if new.

        Raises:
            ConfigError: The stored books belong to other data or another seed.
            StorageError: They can't be read.
        """
        page = None if self._store is None else self._store.read()
        if page is None or not page.markers:
            return None
        self._check_origin(page.markers)
        self._is_marked = page.markers["data"] == self._origin["data"]
        restore(self._book, page)
        ours = {"cursor", *self._origin}
        self.notes = {name: text for name, text in page.markers.items() if name not in ours}
        return int(page.markers["cursor"])

    def _check_origin(self, markers: Mapping[str, str]) -> None:
        """Series may join; those that the books were made with have to be there unchanged."""
        stored: dict[str, str] = json.loads(markers["data"])
        present: dict[str, str] = json.loads(self._origin["data"])
        changed = sorted(name for name, digest in stored.items() if present.get(name) != digest)
        if changed or markers["seed"] != self._origin["seed"]:
            raise ConfigError(
                f"The {self._owner} stands in the middle of other data "
                f"({', '.join(changed) or 'another seed'}). Nothing was changed. "
                "Bring back the same files and settings, or start afresh (--fresh)."
            )

    async def commit(self, now_ms: int, notes: Mapping[str, str] | None = None) -> None:
        """Write what moved, together with the instant; return when it is on disk.

        Args:
            notes: More to keep in the same transaction, by name; None leaves the notes alone.

        Raises:
            StorageError: It can't be written.
        """
        if self._journal is None:
            return
        markers = {"cursor": str(now_ms), **(notes or {})}
        if not self._is_marked:
            markers |= self._origin
            self._is_marked = True
        change = self._book.take_dirty()
        # told now: what ends while this is written is on disk with a later page
        ended = [name for name, working in change.orders.items() if not working.is_live]
        await self._journal.write(encode(self._book, change, markers))
        self._book.forget(ended, change.fills)

    # --- what the book and its store know -------------------------------------------------

    def order(self, client_order_id: ClientOrderId) -> WorkingOrder | None:
        """Return an order, live or ended; None when there never was one.

        Raises:
            StorageError: It can't be read.
        """
        working = self._book.orders.get(client_order_id)
        if working is not None or self._store is None:
            return working
        body = self._store.find_order(client_order_id)
        return None if body is None else order_of(body)

    def orders_since(self, since: datetime) -> list[WorkingOrder]:
        """Return the orders on disk that moved last at `since` or later, as they came.

        Raises:
            StorageError: They can't be read.
        """
        bodies = {} if self._store is None else self._store.orders_since(since)
        return [order_of(body) for body in bodies.values()]

    def fills_since(self, since: datetime | None) -> list[Fill]:
        """Return fills of `since` or later (None: all), oldest first; with a store, those on disk.

        Raises:
            StorageError: They can't be read.
        """
        if self._store is not None:
            return [fill_of(body) for body in self._store.fills_since(since).values()]
        return [fill for fill in self._book.fills if since is None or fill.ts_event >= since]

    # --- the end --------------------------------------------------------------------------

    async def flush(self) -> None:
        """Return when everything committed so far is on disk."""
        if self._journal is not None:
            await self._journal.flush()

    async def close(self) -> None:
        """Write what waits and let go of the store."""
        if self._journal is not None:
            await self._journal.close()
