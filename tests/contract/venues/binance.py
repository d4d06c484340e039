"""Binance as the scripted exchange speaks it, under the acceptance suite: spot and USD-M."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from shutil import copyfile
from typing import Any

from engine.bars import from_ms
from engine.domain.ids import InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.orders import Order
from engine.ports import VenueMessage, WallClock
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.connecting import connection
from engine.venues.ccxt.library import load
from engine.venues.ccxt.listing import fetch
from engine.venues.ccxt.markets import MarketFile, wanted
from engine.venues.ccxt.settings import CcxtSettings, Credentials, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from sandbox.exchange.core import Liquidity, linear, spot
from tests.contract.venues.outside import Outside
from tests.fakes.clocks import timed_out
from tests.fakes.exchange import ACCOUNT as HOLDER
from tests.fakes.exchange import KEY, SECRET, ScriptedVenue, scripted_exchange
from tests.fakes.markets import ACCOUNT, MINUTE

# Orders of tests are stamped with the start; nothing of that age can still be on its way.
_OPEN_FOR_MS = 120_000
# So far the exchange moves on whenever there is nothing to hear: a request that is on its way
# meanwhile must not be too old when it arrives.
_STEP_MS = 2_000
# Longer than any request stays valid.
_WINDOW_MS = 40_000


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

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[None]:
        return timed_out(self, seconds)


class QuickWall(ExchangeWall):
    """One on which pauses pass five times faster; only the library's own take their time."""

    _FASTER = 5

    def monotonic(self) -> float:
        return super().monotonic() * self._FASTER

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self._FASTER)


async def list_once(settings: CcxtSettings, wall: WallClock, lists: Path) -> None:
    """Write the market list as `list_here` does, or copy it from an exchange with the same one."""
    path = MarketFile(settings, wall).path()
    first = lists / f"{settings.exchange}-{settings.market}"
    if not first.exists():
        await list_here(settings, wall)
        copyfile(path, first)
    path.parent.mkdir(parents=True, exist_ok=True)
    copyfile(first, path)


class CcxtHarness:
    """The ccxt venue against the scripted exchange, spot or USD-M, with the unmodified library.

    Bitcoin begins at 100 USDT and hardly moves; the account holds 10,000 USDT and nothing else.
    Spot trades cost nothing: fees in the base would leave crumbs where the cases count whole coins.
    The exchange moves on whenever the stream has nothing to tell.
    """

    timeframe = MINUTE
    _START = 100

    def __init__(self, running: ScriptedVenue, kind: MarketKind, cache: Path, lists: Path) -> None:
        """Keep market lists in `cache`, copied from `lists`, which several exchanges share."""
        (market,) = running.exchange.markets
        self._running = running
        self._kind = kind
        self._cache = cache
        self._lists = lists
        self._wall = QuickWall(running)
        self.outside = Outside(running.exchange, HOLDER, market.symbol, market.wallet)
        self.seen: list[VenueMessage] = []
        self._messages: asyncio.Queue[VenueMessage] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self.venue: CcxtVenue
        self.instrument: Instrument

    @classmethod
    @asynccontextmanager
    async def against(
        cls, kind: MarketKind, cache: Path, lists: Path
    ) -> "AsyncIterator[CcxtHarness]":
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
            harness = cls(running, kind, cache, lists)
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
            validity_ms=5_000,  # a late request still arrives: case 619
        )
        await list_once(settings, self._wall, self._lists)
        self.venue = self._made(self._running, settings, self._wall)
        (self.instrument,) = await self.venue.instruments()
        stream = self.venue.stream([(symbol, MINUTE)])
        self._reading = asyncio.create_task(self._read(stream), name="messages of the venue")
        while not any(one.startswith("user") for one in self._running.listeners()):
            await self._wait()
        while not self.venue.vitals().connected:
            self._running.step(_STEP_MS // 2)  # a market that stands still has no frames
            await self._wait()

    async def _wait(self) -> None:
        """Let the venue work for a moment."""
        assert self._reading is not None
        await asyncio.wait([self._reading], timeout=0.01)
        assert not self._reading.done(), "the stream ended at once"

    @staticmethod
    async def venue_on_time(running: ScriptedVenue, settings: CcxtSettings) -> CcxtVenue:
        """Return a venue whose library stamps its requests with the time the exchange shows."""
        wall = ExchangeWall(running)
        await list_here(settings, wall)
        return CcxtHarness._made(running, settings, wall)

    @staticmethod
    def _made(running: ScriptedVenue, settings: CcxtSettings, wall: WallClock) -> CcxtVenue:
        library = load(settings.exchange)

        def on_time(config: dict[str, object]) -> CcxtClient:
            client: Any = library.client(config)
            client.milliseconds = lambda: running.exchange.shown_ms
            client.timeout_on_exit = 0
            return client

        made = connection(settings, replace(library, client=on_time))
        return CcxtVenue(made, ACCOUNT, wall, random.Random(7).random)

    async def _read(self, stream: AsyncIterator[VenueMessage]) -> None:
        try:
            async for message in stream:
                self._messages.put_nowait(message)
        finally:
            await stream.aclose()

    async def price(self) -> Decimal:
        return self.outside.exchange.data.last_price(self.outside.symbol)

    def now(self) -> datetime:
        return self._wall.now()

    async def reach(self, price: Decimal) -> None:
        self.outside.set_price(price)

    async def trade_part(self, placed: Order) -> None:
        self.outside.fill("10")

    async def let_pass(self, seconds: float) -> None:
        self._running.step(round(seconds * 1_000))
        await self._wait()

    async def pass_window(self) -> None:
        self._running.step(_WINDOW_MS)

    async def pump(self, until: Callable[[VenueMessage], bool]) -> VenueMessage:
        for _ in range(2_000):
            try:
                message = await asyncio.wait_for(self._messages.get(), 0.01)
            except TimeoutError:
                self._running.step(_STEP_MS)
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
