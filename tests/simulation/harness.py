"""The in-process venue for the acceptance suite: a call runs virtual time until its answer."""

from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AbstractContextManager
from decimal import Decimal
from random import Random
from typing import Any

from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.instruments import Instrument
from engine.ports import Prepare, VenueMessage
from sandbox.exchange.core import Exchange, Liquidity, Market, linear, spot
from tests.simulation.clocks import milliseconds
from tests.simulation.loop import DeterministicLoop
from tests.simulation.venue import translate
from tests.simulation.venue.simulated import SimulatedVenue
from tests.simulation.venue.wire import Disturbances

_OPENS_AT = 13 * 3_600.0
_TICK = 5.0
HOLDER = "acceptance"


class Awaited:
    """A venue whose coroutines run on the loop of the simulation, whatever loop awaits them."""

    def __init__(self, venue: SimulatedVenue, loop: DeterministicLoop) -> None:
        self._venue = venue
        self._loop = loop
        self.capabilities = venue.capabilities

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._venue, name)

        async def call(*args: object, **named: object) -> object:
            answer: Awaitable[object] = method(*args, **named)
            return self._loop.run_until_complete(answer)

        return call

    def vitals(self) -> object:
        return self._venue.vitals()

    def preparation(self) -> AbstractContextManager[Prepare]:
        return self._venue.preparation()

    def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        return self._heard(self._venue.stream(subscriptions))

    async def _heard(self, messages: AsyncIterator[VenueMessage]) -> AsyncIterator[VenueMessage]:
        async def following() -> VenueMessage:
            return await anext(messages)

        while True:
            yield self._loop.run_until_complete(following())


class SimulatedMarket:
    """An exchange with one market and one funded account, and the venue of one process to it."""

    def __init__(self, *, is_linear: bool, funds: str = "10000") -> None:
        self.loop = DeterministicLoop(Random(7), start=_OPENS_AT)
        self.market = _market(is_linear=is_linear)
        self.exchange = Exchange(
            [self.market], seed=7, start_ms=milliseconds(_OPENS_AT), warm_up_minutes=60
        )
        self.exchange.accounts.open(HOLDER)
        self.exchange.hands.deposit(HOLDER, "USDT", Decimal(funds), self.market.wallet)
        self._tick()

    def _tick(self) -> None:
        self.exchange.advance(milliseconds(self.loop.time()))
        self.loop.world_at(self.loop.time() + _TICK, self._tick)

    def venue(self, account_id: AccountId) -> SimulatedVenue:
        """Return the venue of a new process."""
        return SimulatedVenue(
            loop=self.loop,
            exchange=self.exchange,
            account=HOLDER,
            account_id=account_id,
            draw=Random(8),
            disturbances=Disturbances(),
        )

    @property
    def instrument(self) -> Instrument:
        return translate.instrument(self.market)

    def price(self) -> Decimal:
        return self.exchange.data.last_price(self.market.symbol)


def _market(*, is_linear: bool) -> Market:
    make = linear if is_linear else spot
    return make(
        "BTCUSDT",
        "BTC",
        "USDT",
        tick=Decimal("0.01"),
        step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(1_000_000),
        fees_in_received=False,
        liquidity=Liquidity(level_size=Decimal(50)),
        start_price=Decimal(100),
    )
