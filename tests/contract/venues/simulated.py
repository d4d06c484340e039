"""The in-process venue of the simulation under the acceptance suite."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine.domain.orders import Order
from engine.ports import Venue, VenueMessage
from tests.contract.venues.outside import Outside
from tests.fakes.markets import ACCOUNT, MINUTE
from tests.simulation.clocks import instant
from tests.simulation.harness import HOLDER, Awaited, SimulatedMarket


class SimulatedHarness:
    """The core of the scripted exchange in process, on virtual time: spot, or a perpetual."""

    timeframe = MINUTE

    def __init__(self, *, is_linear: bool) -> None:
        self._market = SimulatedMarket(is_linear=is_linear)
        self.instrument = self._market.instrument
        self.seen: list[VenueMessage] = []
        market = self._market.market
        self.outside = Outside(self._market.exchange, HOLDER, market.symbol, market.wallet)
        self._open()

    def _open(self) -> None:
        self._process = self._market.venue(ACCOUNT)
        self.venue: Any = Awaited(self._process, self._market.loop)
        self._stream = self.venue.stream([(self.instrument.id, MINUTE)])

    async def price(self) -> Decimal:
        return self._market.price()

    def now(self) -> datetime:
        return instant(self._market.loop.time())

    async def reach(self, price: Decimal) -> None:
        self.outside.set_price(price)

    async def trade_part(self, placed: Order) -> None:
        self.outside.fill("10")

    async def let_pass(self, seconds: float) -> None:
        self._market.loop.run_until(self._market.loop.time() + seconds)

    async def pass_window(self) -> None:
        await self.let_pass(30.0)

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        async for message in self._stream:
            self.seen.append(message)
            if until(message):
                return message
        raise AssertionError("the stream ended")

    async def reopen(self) -> Venue:
        self._end()
        self._open()
        return self.venue

    def _end(self) -> None:
        self._process.die()
        self._market.loop.drop_process()

    async def close(self) -> None:
        self._end()
