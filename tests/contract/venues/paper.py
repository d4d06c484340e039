"""The paper venue under the acceptance suite, on a live market that is made up."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from engine.domain.instruments import Instrument
from engine.domain.orders import Order
from engine.ports import VenueMessage
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import SqliteBookStore
from engine.venues.models import FeeModel, FillModels
from engine.venues.paper.venue import PaperVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.marketdata import RisingMarket
from tests.fakes.markets import ACCOUNT, MINUTE, OPENS_AT, SPOT, USDT


class PaperHarness:
    """A live market of gently rising minutes, 10,000 USDT, 5x leverage and a taker fee of 0.1 %.

    A print lets us have 10 coins at most.
    """

    timeframe = MINUTE

    def __init__(self, path: Path | None, instrument: Instrument = SPOT) -> None:
        self._path = path
        self.instrument = instrument
        self.seen: list[VenueMessage] = []
        self._clock = SimulatedClock(OPENS_AT + 10 * MINUTE.delta)
        self._data = RisingMarket(self._clock, instrument)
        self.venue: PaperVenue = self._made()
        self._stream: AsyncIterator[VenueMessage] | None = None

    def _made(self) -> PaperVenue:
        return PaperVenue(
            data=self._data,
            source="rising",
            symbols=[self.instrument.id],
            account_id=ACCOUNT,
            clock=self._clock,
            wall=FakeWallClock(),
            opening_balances={USDT: Decimal(10_000)},
            store=None if self._path is None else SqliteBookStore(self._path, owner="paper"),
            models=FillModels(
                fees=FeeModel(maker=Decimal("0.0005"), taker=Decimal("0.001")),
                leverage=Decimal(5),
                volume_share=Decimal("0.1"),
            ),
        )

    async def price(self) -> Decimal:
        ask = (self.instrument.id, MINUTE)
        history = await self.venue.history(*ask, before=self._clock.now(), limit=1)
        return Decimal(str(history.close[-1]))

    def now(self) -> datetime:
        return self._clock.now()

    async def reach(self, price: Decimal) -> None:
        """Every minute does."""

    async def trade_part(self, placed: Order) -> None:
        """A minute has not enough for all of it."""

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        if self._stream is None:
            self._stream = self.venue.stream([(self.instrument.id, MINUTE)])
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
            await self._stream.aclose()
        await self.venue.close()
