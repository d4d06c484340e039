"""Venues under the acceptance suite: one harness each, so that another joins unchanged."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from engine.domain.bars import Timeframe
from engine.domain.ids import ClientOrderId
from engine.domain.instruments import Instrument
from engine.ports import (
    BarsClosed,
    FillReported,
    OrderReported,
    Venue,
    VenueMessage,
)
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import SqliteBookStore
from engine.venues.models import FeeModel, FillModels
from engine.venues.paper.venue import PaperVenue
from engine.venues.replay import ReplayVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.marketdata import RisingMarket
from tests.fakes.markets import ACCOUNT, BTC, MINUTE, OPENS_AT, SPOT, USDT, bars


class VenueHarness(Protocol):
    """A venue with a funded spot account, and a market that moves when it is pumped."""

    venue: Venue
    instrument: Instrument
    timeframe: Timeframe
    seen: list[VenueMessage]  # everything the stream has yielded, in order
    survives: bool  # `reopen` brings the books back

    async def price(self) -> Decimal:
        """Return about what the instrument trades at."""
        ...

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        """Handle the stream's messages until one matches, and return it."""
        ...

    async def reopen(self) -> Venue:
        """Come back after the end of the process, to the same account."""
        ...

    async def close(self) -> None: ...


class ReplayHarness:
    """A replay of 200 gently rising minutes with 10,000 USDT and a taker fee of 0.1 %."""

    instrument = SPOT
    timeframe = MINUTE

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.survives = path is not None
        self.seen: list[VenueMessage] = []
        self.venue: ReplayVenue = self._made()
        self._stream: AsyncIterator[VenueMessage] | None = None

    def _made(self) -> ReplayVenue:
        rows = [
            f"{100 + n / 100} {101 + n / 100} {99 + n / 100} {100 + n / 100}" for n in range(200)
        ]
        return ReplayVenue(
            account_id=ACCOUNT,
            instruments=[SPOT],
            series=[bars(rows)],
            clock=SimulatedClock(OPENS_AT),
            wall=FakeWallClock(),
            opening_balances={USDT: Decimal(10_000)},
            store=None if self._path is None else SqliteBookStore(self._path),
            models=FillModels(fees=FeeModel(maker=Decimal("0.0005"), taker=Decimal("0.001"))),
            start_after=10,
        )

    async def price(self) -> Decimal:
        history = await self.venue.history(BTC, MINUTE, before=self.venue.now, limit=1)
        return Decimal(str(history.close[-1]))

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        if self._stream is None:
            self._stream = self.venue.stream([(BTC, MINUTE)])
        async for message in self._stream:
            self.seen.append(message)
            if until(message):
                return message
        raise AssertionError("the stream ended")

    async def reopen(self) -> ReplayVenue:
        await self.close()
        self.venue, self._stream = self._made(), None
        return self.venue

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()  # type: ignore[attr-defined]
        await self.venue.close()


class PaperHarness:
    """A live market of gently rising minutes, 10,000 USDT and a taker fee of 0.1 %."""

    instrument = SPOT
    timeframe = MINUTE

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.survives = path is not None
        self.seen: list[VenueMessage] = []
        self._clock = SimulatedClock(OPENS_AT + 10 * MINUTE.delta)
        self._data = RisingMarket(self._clock, SPOT)
        self.venue: PaperVenue = self._made()
        self._stream: AsyncIterator[VenueMessage] | None = None

    def _made(self) -> PaperVenue:
        return PaperVenue(
            data=self._data,
            source="rising",
            symbols=[BTC],
            account_id=ACCOUNT,
            clock=self._clock,
            wall=FakeWallClock(),
            opening_balances={USDT: Decimal(10_000)},
            store=None if self._path is None else SqliteBookStore(self._path, owner="paper"),
            models=FillModels(fees=FeeModel(maker=Decimal("0.0005"), taker=Decimal("0.001"))),
        )

    async def price(self) -> Decimal:
        history = await self.venue.history(BTC, MINUTE, before=self._clock.now(), limit=1)
        return Decimal(str(history.close[-1]))

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        if self._stream is None:
            self._stream = self.venue.stream([(BTC, MINUTE)])
        async for message in self._stream:
            self.seen.append(message)
            if until(message):
                return message
        raise AssertionError("the stream ended")

    async def reopen(self) -> PaperVenue:
        await self.close()
        self.venue, self._stream = self._made(), None
        return self.venue

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()  # type: ignore[attr-defined]
        await self.venue.close()


def ended(client_order_id: ClientOrderId) -> Callable[[VenueMessage], bool]:
    """Match the report of an order's end."""

    def matches(message: VenueMessage) -> bool:
        return (
            isinstance(message, OrderReported)
            and message.report.client_order_id == client_order_id
            and message.report.state.is_terminal
        )

    return matches


def is_bars(message: VenueMessage) -> bool:
    return isinstance(message, BarsClosed)


def is_fill(message: VenueMessage) -> bool:
    return isinstance(message, FillReported)
