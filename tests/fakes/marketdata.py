"""Public market data for tests of paper trading: a script, or a market that never ends."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from engine.bars import Bars
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.instruments import Instrument
from engine.errors import VenueUnavailable
from engine.ports import (
    BarsClosed,
    BookChanged,
    MarketMessage,
    SettableClock,
    TradePrinted,
    VenueVitals,
)
from tests.fakes.markets import BTC, MINUTE, OPENS_AT, SPOT

Levels = Sequence[tuple[str, str]]


def book(
    bids: Levels, asks: Levels, *, at: datetime = OPENS_AT, of: InstrumentId = BTC
) -> BookChanged:
    """Return a book; each level is (price, quantity), best first."""
    return BookChanged(of, at, _levels(bids), _levels(asks))


def _levels(levels: Levels) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(price), Decimal(quantity)) for price, quantity in levels)


def printed(
    price: str, quantity: str = "1000", *, at: datetime = OPENS_AT, of: InstrumentId = BTC
) -> TradePrinted:
    return TradePrinted(of, at, Decimal(price), Decimal(quantity))


class FakeMarketData:
    """A `MarketData` that tells what a test tells it, in order.

    Attributes:
        closed: Bars that `history` knows, once the clock has passed their end.
        is_down: `history` and `instruments` raise VenueUnavailable.
        asked: What `history` was asked for: (instrument, before, limit).
        subscribed: What `market` was asked for, one entry per stream.
        is_closed: `close` was called.
    """

    def __init__(self, clock: SettableClock, instruments: Iterable[Instrument] = (SPOT,)) -> None:
        self.clock = clock
        self.listed = tuple(instruments)
        self.closed: list[Bar] = []
        self.is_down = False
        self.asked: list[tuple[InstrumentId, datetime, int]] = []
        self.subscribed: list[frozenset[tuple[InstrumentId, Timeframe]]] = []
        self.is_closed = False
        self._messages: asyncio.Queue[MarketMessage | None] = asyncio.Queue()

    def tell(self, *messages: MarketMessage) -> None:
        """Queue messages; the clock moves on to each one's time when it is taken."""
        for message in messages:
            self._messages.put_nowait(message)

    def end(self) -> None:
        """End the present stream after what is queued."""
        self._messages.put_nowait(None)

    async def instruments(self) -> tuple[Instrument, ...]:
        self._check()
        return self.listed

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        self.asked.append((instrument_id, before, limit))
        self._check()
        until = min(before, self.clock.now())
        found = [
            bar
            for bar in self.closed
            if (bar.instrument_id, bar.timeframe) == (instrument_id, timeframe) and bar.end <= until
        ]
        found.sort(key=lambda bar: bar.timestamp)
        return Bars.from_bars(instrument_id, timeframe, found[-limit:])

    async def market(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]], *, books: bool
    ) -> AsyncIterator[MarketMessage]:
        assert books
        self.subscribed.append(frozenset(subscriptions))
        while (message := await self._messages.get()) is not None:
            self.pass_on(message)
            yield message

    def pass_on(self, message: MarketMessage) -> None:
        """Move the clock to a message, and let history know its bars."""
        when = getattr(message, "time", None)
        if when is not None and when > self.clock.now():
            self.clock.advance_to(when)
        if isinstance(message, BarsClosed):
            self.closed += message.bars

    def vitals(self) -> VenueVitals:
        return VenueVitals(name="fake", connected=not self.is_down)

    async def close(self) -> None:
        self.is_closed = True

    def _check(self) -> None:
        if self.is_down:
            raise VenueUnavailable("the fake market is down")


class RisingMarket(FakeMarketData):
    """Minutes that rise gently for ever, as the acceptance suite wants them.

    Each has a deep book, four prints a unit around its price, and a closed bar.
    """

    def __init__(self, clock: SettableClock, instrument: Instrument = SPOT) -> None:
        super().__init__(clock, (instrument,))
        self._of = instrument.id
        self._number = 0
        for _ in range(10):
            self.closed.append(self._bar(self._next()))

    @property
    def price(self) -> Decimal:
        return 100 + Decimal(self._number) / 100

    async def market(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]], *, books: bool
    ) -> AsyncIterator[MarketMessage]:
        wanted = set(subscriptions)
        self.subscribed.append(frozenset(wanted))
        while True:
            number = self._next()
            for message in self._minute(number):
                self.pass_on(message)
                if not isinstance(message, BarsClosed) or (self._of, MINUTE) in wanted:
                    yield message

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _minute(self, number: int) -> list[MarketMessage]:
        start, price = OPENS_AT + number * MINUTE.delta, self.price
        cent, deep = Decimal("0.01"), Decimal(500 + number)
        shown = [
            BookChanged(
                self._of,
                start + timedelta(seconds=second),
                tuple((price - cent * n, deep + second) for n in range(1, 6)),
                tuple((price + cent * n, deep + second) for n in range(1, 6)),
            )
            for second in (1, 30)
        ]
        trades = [
            TradePrinted(self._of, start + timedelta(seconds=10 * n), at, Decimal(100))
            for n, at in enumerate((price, price + 1, price - 1, price), 1)
        ]
        bar = self._bar(number)
        within = sorted([*shown, *trades], key=lambda message: message.time)
        return [*within, BarsClosed(bar.end, (bar,))]

    def _bar(self, number: int) -> Bar:
        start, price = OPENS_AT + number * MINUTE.delta, self.price
        prices = (price, price + 1, price - 1, price)
        return Bar(self._of, MINUTE, start, *prices, Decimal(400))
