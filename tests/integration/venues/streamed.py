"""The ccxt venue streaming from the scripted exchange over real sockets, on a clock of the test's.

Sockets need real time to carry frames, everything else goes by the fake clock: `move` lets both
the exchange and the clock go on a second at a time and gives the sockets a moment after each.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, InstrumentId
from engine.ports import (
    BarsClosed,
    BookChanged,
    ConnectionChanged,
    FillReported,
    OrderReported,
    TradePrinted,
)
from engine.venues.ccxt.connecting import connection
from engine.venues.ccxt.library import load
from engine.venues.ccxt.marketdata import CcxtMarketData
from engine.venues.ccxt.settings import CcxtSettings, Credentials, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from tests.fakes.clocks import FakeWallClock
from tests.fakes.exchange import KEY, SECRET, ScriptedVenue, scripted_exchange

MINUTE = Timeframe(60)
MOMENT_S = 0.01
PATIENCE_S = 10


class Streamed:
    """One venue whose stream is being read."""

    def __init__(
        self, venue: CcxtVenue | CcxtMarketData, server: ScriptedVenue, wall: FakeWallClock
    ) -> None:
        self.venue = venue
        self.server = server
        self.wall = wall
        self.told: list[Any] = []

    async def read(self, series: Iterable[tuple[InstrumentId, Timeframe]]) -> None:
        if isinstance(self.venue, CcxtMarketData):
            async for price in self.venue.market(series, books=True):
                self.told.append(price)
        else:
            async for message in self.venue.stream(series):
                self.told.append(message)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for what real sockets bring; the clock stands still."""
        end = time.perf_counter() + PATIENCE_S
        while not condition():
            assert time.perf_counter() < end, f"not within {PATIENCE_S} s: {self.told}"
            await self.moment()

    async def moment(self) -> None:
        """Let the sockets carry what is on them."""
        loop = asyncio.get_running_loop()
        later = loop.create_future()
        loop.call_later(MOMENT_S, later.set_result, None)
        await later

    async def move(self, seconds: int) -> None:
        """Let the exchange and the clock go on."""
        for _ in range(seconds):
            self.server.step(1_000)
            await self.wall.advance(1)
            await self.moment()

    async def move_until(self, condition: Callable[[], Any], *, seconds: int = 150) -> None:
        """Let time go on until something has happened; fail when it does not."""
        for _ in range(seconds):
            if condition():
                return
            await self.move(1)
        raise AssertionError(f"not within {seconds} s: {self.told}")

    def bars(self) -> list[Any]:
        return [bar for told in self.told if isinstance(told, BarsClosed) for bar in told.bars]

    def fills(self) -> list[Any]:
        return [told.fill for told in self.told if isinstance(told, FillReported)]

    def reports(self) -> list[Any]:
        return [told.report for told in self.told if isinstance(told, OrderReported)]

    def books(self) -> list[BookChanged]:
        return [told for told in self.told if isinstance(told, BookChanged)]

    def trades(self) -> list[TradePrinted]:
        return [told for told in self.told if isinstance(told, TradePrinted)]

    def connections(self) -> list[bool]:
        return [told.connected for told in self.told if isinstance(told, ConnectionChanged)]


@asynccontextmanager
async def streamed(
    kind: MarketKind = MarketKind.SPOT,
    *,
    books: bool = False,
    bases: Sequence[str] = ("BTC", "ETH"),
    **options: Any,
) -> AsyncIterator[Streamed]:
    """Run the exchange and a venue that streams `bases` against USDT, connected and whole.

    With `books` it is the public data alone: bars, books and trades.
    """
    suffix = "" if kind is MarketKind.SPOT else ":USDT"
    series = [(InstrumentId(f"{base}/USDT{suffix}"), MINUTE) for base in bases]
    wall = FakeWallClock()
    async with scripted_exchange(**options) as server:
        library = load("binance" if kind is MarketKind.SPOT else "binanceusdm")

        def client(config: dict[str, object]) -> Any:
            made: Any = library.client(config)
            made.milliseconds = lambda: round(wall.now().timestamp() * 1000)
            return made

        bare: Any = library.client({})
        settings = CcxtSettings(
            name="Scripted",
            exchange="binance",
            market=kind,
            instruments=tuple(instrument for instrument, _ in series),
            credentials=Credentials(api_key=KEY, secret=SECRET),
            urls=_addresses(bare.urls["api"], server.http),
        )
        made = connection(settings, replace(library, client=client))
        venue: CcxtVenue | CcxtMarketData
        if books:
            venue = CcxtMarketData(made, wall, lambda: 0.5)
        else:
            venue = CcxtVenue(made, AccountId("main"), wall, lambda: 0.5)
        world = Streamed(venue, server, wall)
        reading = asyncio.ensure_future(world.read(series))
        try:
            await world.until(lambda: len(server.listeners()) >= 3)
            await world.move_until(lambda: venue.vitals().connected, seconds=30)
            yield world
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await venue.close()


def _addresses(api: Any, http: str, path: str = "") -> dict[str, str]:
    """Return each of the library's addresses behind `http`, its host as the first part."""
    if isinstance(api, Mapping):
        found: dict[str, str] = {}
        for key, value in api.items():
            found |= _addresses(value, http, f"{path}.{key}" if path else str(key))
        return found
    parts = urlsplit(api)
    base = http.replace("http", "ws", 1) if parts.scheme.startswith("ws") else http
    return {path: f"{base}/{parts.netloc}"}
