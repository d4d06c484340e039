"""Venues under the acceptance suite: one harness each, so that another joins unchanged."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from engine.bars import from_ms
from engine.domain.bars import Timeframe
from engine.domain.ids import ClientOrderId, InstrumentId
from engine.domain.instruments import Instrument
from engine.ports import (
    BarsClosed,
    FillReported,
    OrderReported,
    Venue,
    VenueMessage,
    WallClock,
)
from engine.schedule.simulated import SimulatedClock
from engine.venues.bookstore import SqliteBookStore
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.connecting import connection
from engine.venues.ccxt.library import load
from engine.venues.ccxt.listing import fetch
from engine.venues.ccxt.markets import MarketFile, wanted
from engine.venues.ccxt.settings import CcxtSettings, Credentials, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from engine.venues.models import FeeModel, FillModels
from engine.venues.paper.venue import PaperVenue
from engine.venues.replay import ReplayVenue
from sandbox.exchange.core import Liquidity, linear, spot
from tests.fakes.clocks import FakeWallClock
from tests.fakes.exchange import KEY, SECRET, ScriptedVenue, scripted_exchange
from tests.fakes.marketdata import RisingMarket
from tests.fakes.markets import ACCOUNT, BTC, MINUTE, OPENS_AT, SPOT, USDT, bars
from tests.simulation.harness import Awaited, SimulatedMarket


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
    """A live market of gently rising minutes, 10,000 USDT, 5x leverage and a taker fee of 0.1 %."""

    timeframe = MINUTE

    def __init__(self, path: Path | None, instrument: Instrument = SPOT) -> None:
        self._path = path
        self.instrument = instrument
        self.survives = path is not None
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
            ),
        )

    async def price(self) -> Decimal:
        ask = (self.instrument.id, MINUTE)
        history = await self.venue.history(*ask, before=self._clock.now(), limit=1)
        return Decimal(str(history.close[-1]))

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
            await self._stream.aclose()  # type: ignore[attr-defined]
        await self.venue.close()


# Orders of tests are stamped with the start; nothing of that age can still be on its way.
_OPEN_FOR_MS = 120_000


async def list_here(settings: CcxtSettings, wall: WallClock) -> None:
    """Write the market list in this process: the venue's own one would take a second to start."""
    path = MarketFile(settings, wall).path()
    assert await fetch(wanted(settings, path, wall.now())) == ""


class ExchangeWall:
    """The wall as the scripted exchange shows it; what waits, waits in real time."""

    def __init__(self, running: ScriptedVenue) -> None:
        self._running = running

    def now(self) -> datetime:
        return from_ms(self._running.exchange.shown_ms)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class CcxtHarness:
    """The ccxt venue against the scripted exchange, spot or USD-M, with the unmodified library.

    Bitcoin begins at 100 USDT and hardly moves; the account holds 10,000 USDT and nothing else.
    Spot trades cost nothing: fees in the base would leave crumbs where the cases count whole coins.
    The exchange moves on whenever the stream has nothing to tell.
    """

    timeframe = MINUTE
    survives = True
    _START = 100

    def __init__(self, running: ScriptedVenue, kind: MarketKind, cache: Path) -> None:
        self._running = running
        self._kind = kind
        self._cache = cache
        self.seen: list[VenueMessage] = []
        self._messages: asyncio.Queue[VenueMessage] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self.venue: CcxtVenue
        self.instrument: Instrument

    @classmethod
    @asynccontextmanager
    async def against(cls, kind: MarketKind, cache: Path) -> "AsyncIterator[CcxtHarness]":
        calm = Liquidity(volatility=0.00002, level_size=Decimal(10_000))
        made = spot if kind is MarketKind.SPOT else linear
        name = "BTCUSDT" if kind is MarketKind.SPOT else "BTCUSDT-PERP"
        market = made(
            name,
            "BTC",
            "USDT",
            tick=Decimal("0.01"),
            step=Decimal("0.001"),
            min_quantity=Decimal("0.001"),
            max_quantity=Decimal(1_000_000),
            start_price=Decimal(cls._START),
            **({"maker_fee": Decimal(0), "taker_fee": Decimal(0)} if made is spot else {}),
            liquidity=calm,
        )
        async with scripted_exchange(
            markets=[market], funds={"USDT": Decimal(10_000)}, warm_up_minutes=20
        ) as running:
            running.step(_OPEN_FOR_MS)
            harness = cls(running, kind, cache)
            await harness._open()
            try:
                yield harness
            finally:
                await harness.close()

    async def _open(self) -> None:
        symbol = InstrumentId("BTC/USDT" if self._kind is MarketKind.SPOT else "BTC/USDT:USDT")
        http = self._running.http
        settings = CcxtSettings(
            name="scripted",
            exchange="binance",
            market=self._kind,
            instruments=(symbol,),
            credentials=Credentials(api_key=KEY, secret=SECRET),
            urls={"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws')}/{{host}}"},
            cache=self._cache,
        )
        self.venue = await self.venue_on_time(self._running, settings)
        (self.instrument,) = await self.venue.instruments()
        stream = self.venue.stream([(symbol, MINUTE)])
        self._reading = asyncio.create_task(self._read(stream), name="messages of the venue")
        while not self.venue.vitals().connected:
            self._running.step(100)  # a market that stands still has no frames
            await asyncio.wait([self._reading], timeout=0.01)
            assert not self._reading.done(), "the stream ended at once"

    @staticmethod
    async def venue_on_time(running: ScriptedVenue, settings: CcxtSettings) -> CcxtVenue:
        """Return a venue whose library stamps its requests with the time the exchange shows."""
        library = load(settings.exchange)

        def on_time(config: dict[str, object]) -> CcxtClient:
            client: Any = library.client(config)
            client.milliseconds = lambda: running.exchange.shown_ms
            client.timeout_on_exit = 0
            return client

        wall = ExchangeWall(running)
        await list_here(settings, wall)
        made = connection(settings, replace(library, client=on_time))
        return CcxtVenue(made, ACCOUNT, wall, random.Random(7).random)

    async def _read(self, stream: AsyncIterator[VenueMessage]) -> None:
        try:
            async for message in stream:
                self._messages.put_nowait(message)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def price(self) -> Decimal:
        now = ExchangeWall(self._running).now()
        history = await self.venue.history(self.instrument.id, MINUTE, before=now, limit=1)
        return Decimal(str(history.close[-1]))

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        for _ in range(2_000):
            try:
                message = await asyncio.wait_for(self._messages.get(), 0.01)
            except TimeoutError:
                self._running.step(2_000)
                continue
            self.seen.append(message)
            if until(message):
                return message
        raise AssertionError("the stream did not tell it")

    async def reopen(self) -> CcxtVenue:
        await self.close()
        self._messages = asyncio.Queue()
        await self._open()
        return self.venue

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            self._reading = None
        await self.venue.close()


class SimulatedHarness:
    """The core of the scripted exchange in process, on virtual time: spot, or a perpetual."""

    timeframe = MINUTE
    survives = True  # the exchange lives through the end of the process

    def __init__(self, *, is_linear: bool) -> None:
        self._market = SimulatedMarket(is_linear=is_linear)
        self.instrument = self._market.instrument
        self.seen: list[VenueMessage] = []
        self._open()

    def _open(self) -> None:
        self._process = self._market.venue(ACCOUNT)
        self.venue: Any = Awaited(self._process, self._market.loop)
        self._stream = self.venue.stream([(self.instrument.id, MINUTE)])

    async def price(self) -> Decimal:
        return self._market.price()

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
