"""Order books and public trades, as paper fills need them."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Coroutine
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog

from engine.domain.ids import InstrumentId
from engine.errors import TradingError
from engine.ports import BookChanged, TradePrinted
from engine.venues.ccxt.fields import amount, as_decimal, as_instant, as_text
from engine.venues.ccxt.streams.library import JsonObject, OrderBook, StreamClient
from engine.venues.ccxt.streams.watching import Surroundings, Watching

# Asks for one book over REST; raises only `engine.errors` types.
AskBook = Callable[[InstrumentId, int | None], Awaitable[OrderBook]]
Lane = tuple[str, Callable[[], Coroutine[Any, Any, None]]]  # its name, and what runs it

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
        self._told: dict[InstrumentId, object] = {}

    def lanes(self) -> list[Lane]:
        """Return what is to run side by side."""
        client, depth = self._client, self._depth
        if client.has.get("watchOrderBookForSymbols"):
            symbols = [str(each) for each in self._instruments]
            return [self._watching("books", lambda: _books(client, symbols, depth))]
        if client.has.get("watchOrderBook"):
            return [
                self._watching(f"books of {each}", _bound(_book, client, str(each), depth))
                for each in self._instruments
            ]
        return [("books", self._poll)]

    def _watching(self, part: str, watch: Callable[[], Coroutine[Any, Any, OrderBook]]) -> Lane:
        return part, Watching(
            part=part, watch=watch, taken=lambda book: self._changed(), around=self._around
        ).run

    def _changed(self) -> None:
        """Tell of every book that changed: one wake-up may stand for several."""
        for instrument_id in self._instruments:
            book = self._client.orderbooks.get(instrument_id)
            if book is not None:
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
        link, part = self._around.link, "books"
        link.expect(part)
        while True:
            for instrument_id in self._instruments:
                try:
                    self._tell(instrument_id, await self._ask(instrument_id, self._depth))
                except TradingError as exc:
                    link.down(part, str(exc))
                else:
                    link.up(part)
            await self._around.wall.sleep(self._around.policy.poll)


class TradeLane:
    """Everybody's trades, each once."""

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
        self._seen: dict[str, OrderedDict[str, None]] = {}

    def lanes(self) -> list[Lane]:
        """Return what is to run side by side; nothing where trades can't be watched."""
        client = self._client
        if client.has.get("watchTradesForSymbols"):
            symbols = [str(each) for each in self._instruments]
            return [self._watching("trades", lambda: client.watch_trades_for_symbols(symbols))]
        if client.has.get("watchTrades"):
            return [
                self._watching(f"trades of {each}", _bound(client.watch_trades, str(each)))
                for each in self._instruments
            ]
        return []

    def _watching(
        self, part: str, watch: Callable[[], Coroutine[Any, Any, list[JsonObject]]]
    ) -> Lane:
        watching = Watching(part=part, watch=watch, taken=self._printed, around=self._around)
        return part, watching.run

    def _printed(self, trades: list[JsonObject]) -> None:
        for trade in trades:
            symbol, price = as_text(trade.get("symbol")), as_decimal(trade.get("price"))
            quantity = as_decimal(trade.get("amount"))
            if not symbol or price is None or quantity is None:
                _log.warning("a public trade can't be read", trade=repr(trade)[:200])
                continue
            if self._is_new(symbol, as_text(trade.get("id"))):
                time = as_instant(trade.get("timestamp")) or self._venue_now()
                self._emit(TradePrinted(InstrumentId(symbol), time, price, quantity))

    def _is_new(self, symbol: str, trade_id: str) -> bool:
        seen = self._seen.setdefault(symbol, OrderedDict())
        if not trade_id:
            return True
        if trade_id in seen:
            return False
        seen[trade_id] = None
        if len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        return True


async def _books(client: StreamClient, symbols: list[str], depth: int | None) -> OrderBook:
    return await client.watch_order_book_for_symbols(symbols, depth)


async def _book(client: StreamClient, symbol: str, depth: int | None) -> OrderBook:
    return await client.watch_order_book(symbol, depth)


def _bound(
    watch: Callable[..., Coroutine[Any, Any, Any]], *given: object
) -> Callable[[], Coroutine[Any, Any, Any]]:
    return lambda: watch(*given)


def _levels(side: object, count: int) -> list[tuple[object, object]]:
    """Return (price, quantity) of the best levels as the library keeps them."""
    return [(level[0], level[1]) for level in side[:count]] if isinstance(side, list) else []


def _decimals(levels: list[tuple[object, object]]) -> tuple[tuple[Decimal, Decimal], ...]:
    """Return exact levels: the shortest text of the library's floats is what the venue wrote."""
    return tuple((amount(price), amount(quantity)) for price, quantity in levels)
