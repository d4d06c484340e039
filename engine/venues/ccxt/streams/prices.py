"""Order books and public trades, as paper fills need them.

Both are read from the library's own lists after each frame: of several markets watched together
it wakes the caller for one, and what the others had in the same moment would be lost.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from engine.domain.ids import InstrumentId
from engine.errors import TradingError
from engine.ports import BookChanged, TradePrinted
from engine.venues.ccxt.fields import amount, as_decimal, as_instant, as_text
from engine.venues.ccxt.streams.library import JsonObject, OrderBook, StreamClient
from engine.venues.ccxt.streams.watching import (
    Surroundings,
    Watches,
    bound,
    chunks,
    numbered,
    watched,
)

# Asks for one book over REST; raises only `engine.errors` types.
AskBook = Callable[[InstrumentId, int | None], Awaitable[OrderBook]]

BOOKS, TRADES = "books", "trades"

_REMEMBERED = 1_000  # public trades of one instrument, against their repetition

_log = structlog.get_logger(__name__)


class BookLane:
    """The best levels of each book whenever they change.

    Args:
        ask: For exchanges whose books the library can't watch.
        depth: Levels to ask for; None: the exchange's own.
    """

    def __init__(
        self,
        instruments: Collection[InstrumentId],
        *,
        client: StreamClient,
        ask: AskBook,
        depth: int | None,
        venue_now: Callable[[], datetime],
        emit: Callable[[BookChanged], None],
        around: Surroundings,
    ) -> None:
        self._instruments = sorted(instruments)
        self._client = client
        self._ask = ask
        self._depth = depth
        self._venue_now = venue_now
        self._emit = emit
        self._around = around
        self._stamps: dict[InstrumentId, tuple[object, object]] = {}
        self._told: dict[InstrumentId, object] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        watches = self._watches()
        await (watched(watches, self._frame, self._around) if watches else self._poll())

    def _watches(self) -> Watches:
        client, depth = self._client, self._depth
        symbols = [str(each) for each in self._instruments]
        if client.has.get("watchOrderBookForSymbols"):
            several = client.watch_order_book_for_symbols
            return [
                (numbered(BOOKS, number), bound(several, chunk, depth))
                for number, chunk in enumerate(chunks(symbols, self._around.policy.per_watch))
            ]
        if client.has.get("watchOrderBook"):
            watch = client.watch_order_book
            return [(f"{BOOKS} of {each}", bound(watch, each, depth)) for each in symbols]
        return []

    def _frame(self, message: object) -> None:
        for instrument_id in self._instruments:
            book = self._client.orderbooks.get(instrument_id)
            if book is None:
                continue
            stamp = book.get("nonce"), book.get("timestamp")
            if stamp == (None, None) or self._stamps.get(instrument_id) != stamp:
                self._stamps[instrument_id] = stamp
                self._tell(instrument_id, book)

    def _tell(self, instrument_id: InstrumentId, book: OrderBook) -> None:
        levels = self._around.policy.levels
        bids, asks = _levels(book["bids"], levels), _levels(book["asks"], levels)
        if self._told.get(instrument_id) == (bids, asks) or not (bids or asks):
            return
        self._told[instrument_id] = bids, asks
        time = as_instant(book.get("timestamp")) or self._venue_now()
        self._emit(BookChanged(instrument_id, time, _decimals(bids), _decimals(asks)))

    async def _poll(self) -> None:
        link = self._around.link
        link.expect(BOOKS)
        while True:
            for instrument_id in self._instruments:
                try:
                    self._tell(instrument_id, await self._ask(instrument_id, self._depth))
                except TradingError as exc:
                    link.down(BOOKS, str(exc))
                else:
                    link.up(BOOKS)
            await self._around.wall.sleep(self._around.policy.poll)


class TradeLane:
    """Everybody's trades, each once; none where the library can't watch them."""

    def __init__(
        self,
        instruments: Collection[InstrumentId],
        *,
        client: StreamClient,
        venue_now: Callable[[], datetime],
        emit: Callable[[TradePrinted], None],
        around: Surroundings,
    ) -> None:
        self._instruments = sorted(instruments)
        self._client = client
        self._venue_now = venue_now
        self._emit = emit
        self._around = around
        self._newest: dict[InstrumentId, JsonObject] = {}
        self._seen: dict[InstrumentId, OrderedDict[str, None]] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        await watched(self._watches(), self._frame, self._around)

    def _watches(self) -> Watches:
        client = self._client
        symbols = [str(each) for each in self._instruments]
        if client.has.get("watchTradesForSymbols"):
            return [
                (numbered(TRADES, number), bound(client.watch_trades_for_symbols, chunk))
                for number, chunk in enumerate(chunks(symbols, self._around.policy.per_watch))
            ]
        if client.has.get("watchTrades"):
            return [(f"{TRADES} of {each}", bound(client.watch_trades, each)) for each in symbols]
        return []

    def _frame(self, message: object) -> None:
        for instrument_id in self._instruments:
            entries = self._client.trades.get(instrument_id)
            if entries and entries[-1] is not self._newest.get(instrument_id):
                for entry in self._unread(instrument_id, entries):
                    self._print(instrument_id, entry)

    def _unread(
        self, instrument_id: InstrumentId, entries: Sequence[JsonObject]
    ) -> list[JsonObject]:
        """Return the entries behind the one that was newest last time, oldest first."""
        known = self._newest.get(instrument_id)
        found: list[JsonObject] = []
        for number in range(len(entries) - 1, -1, -1):
            if entries[number] is known:
                break
            found.append(entries[number])
        self._newest[instrument_id] = found[0]
        return found[::-1]

    def _print(self, instrument_id: InstrumentId, trade: JsonObject) -> None:
        price, quantity = as_decimal(trade.get("price")), as_decimal(trade.get("amount"))
        if price is None or quantity is None:
            _log.warning("a public trade can't be read", trade=repr(trade)[:200])
        elif self._is_new(instrument_id, as_text(trade.get("id"))):
            time = as_instant(trade.get("timestamp")) or self._venue_now()
            self._emit(TradePrinted(instrument_id, time, price, quantity))

    def _is_new(self, instrument_id: InstrumentId, trade_id: str) -> bool:
        seen = self._seen.setdefault(instrument_id, OrderedDict())
        if not trade_id:
            return True
        if trade_id in seen:
            return False
        seen[trade_id] = None
        if len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        return True


def _levels(side: object, count: int) -> list[tuple[object, object]]:
    """Return (price, quantity) of the best levels as the library keeps them."""
    return [(level[0], level[1]) for level in side[:count]] if isinstance(side, list) else []


def _decimals(levels: list[tuple[object, object]]) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return exact levels: the shortest text of the library's floats is what the venue wrote."""
    return tuple((amount(price), amount(quantity)) for price, quantity in levels)
