"""Order books as websockets tell them: the best levels, what changed among them, a checksum."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.exchange.core import Depth
from sandbox.exchange.core.public import Level
from sandbox.exchange.kraken.names import Pair
from sandbox.exchange.kraken.wirejson import JsonObject, fixed, number

ZERO = Decimal(0)
_CHECKED = 10  # levels a side


@dataclass(slots=True)
class ToldBook:
    """What one depth of a book was told last: price -> quantity, best first."""

    depth: int
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def whole(self, book: Depth) -> tuple[list[Level], list[Level]]:
        """Return every level, and remember them."""
        self.bids, self.asks = dict(book.bids[: self.depth]), dict(book.asks[: self.depth])
        return list(self.bids.items()), list(self.asks.items())

    def changes(self, book: Depth) -> tuple[list[Level], list[Level]]:
        """Return what changed among the best levels, and remember them.

        A level that better ones have pushed out is not told: whoever keeps so many levels drops
        it by himself. One that is gone from the book is told with quantity 0.
        """
        bids, asks = dict(book.bids[: self.depth]), dict(book.asks[: self.depth])
        changed = self._side(self.bids, bids, sign=-1), self._side(self.asks, asks, sign=1)
        self.bids, self.asks = bids, asks
        return changed

    def _side(
        self, old: Mapping[Decimal, Decimal], new: Mapping[Decimal, Decimal], sign: int
    ) -> list[Level]:
        full = len(new) >= self.depth
        worst = max((price * sign for price in new), default=ZERO)
        gone = [
            (price, ZERO)
            for price in old
            if price not in new and not (full and price * sign > worst)
        ]
        return gone + [(price, size) for price, size in new.items() if old.get(price) != size]


def checksum(pair: Pair, bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Return the CRC32 over the digits of the ten best asks, then bids.

    https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
    """
    text = "".join(
        _digits(fixed(price, pair.price_digits)) + _digits(fixed(size, pair.lot_digits))
        for levels in (asks, bids)
        for price, size in levels[:_CHECKED]
    )
    return zlib.crc32(text.encode())


def _digits(text: str) -> str:
    return text.replace(".", "").lstrip("0")


def rows(pair: Pair, levels: Sequence[Level]) -> list[JsonObject]:
    """Return levels as bare numbers."""
    return [
        {"price": number(price, pair.price_digits), "qty": number(size, pair.lot_digits)}
        for price, size in levels
    ]
