"""The replay venue under the acceptance suite: bars from memory, books in memory or on file."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from engine.domain.orders import Order
from engine.ports import VenueMessage
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import SqliteBookStore
from engine.venues.models import FeeModel, FillModels
from engine.venues.replay import ReplayVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.markets import ACCOUNT, BTC, MINUTE, OPENS_AT, SPOT, USDT, bars


class ReplayHarness:
    """A replay of 200 gently rising minutes with 10,000 USDT and a taker fee of 0.1 %.

    Each ranges from 1 below its close to 1 above, and lets us have 10 coins at most.
    """

    instrument = SPOT
    timeframe = MINUTE

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.seen: list[VenueMessage] = []
        self.venue: ReplayVenue = self._made()
        self._stream: AsyncIterator[VenueMessage] | None = None

    def _made(self) -> ReplayVenue:
        rows = [
            f"{100 + n / 100} {101 + n / 100} {99 + n / 100} {100 + n / 100} 40" for n in range(200)
        ]
        return ReplayVenue(
            account_id=ACCOUNT,
            instruments=[SPOT],
            series=[bars(rows)],
            clock=SimulatedClock(OPENS_AT),
            wall=FakeWallClock(),
            opening_balances={USDT: Decimal(10_000)},
            store=None if self._path is None else SqliteBookStore(self._path),
            models=FillModels(
                fees=FeeModel(maker=Decimal("0.0005"), taker=Decimal("0.001")),
                volume_share=Decimal("0.25"),
            ),
            start_after=10,
        )

    async def price(self) -> Decimal:
        history = await self.venue.history(BTC, MINUTE, before=self.venue.now, limit=1)
        return Decimal(str(history.close[-1]))

    def now(self) -> datetime:
        return self.venue.now

    async def reach(self, price: Decimal) -> None:
        """Every minute does."""

    async def trade_part(self, placed: Order) -> None:
        """A minute has not enough for all of it."""

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
            await self._stream.aclose()
        await self.venue.close()
