"""Kraken as the scripted exchange speaks it, under the acceptance suite: another shape."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.domain.ids import InstrumentId
from engine.domain.orders import Order
from engine.ports import WallClock
from engine.venues.ccxt.budget import RateBudget
from engine.venues.ccxt.client import CcxtClient
from engine.venues.ccxt.connecting import connection
from engine.venues.ccxt.library import load
from engine.venues.ccxt.rows.kraken import SPOT
from engine.venues.ccxt.settings import CcxtSettings, Credentials, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from sandbox.exchange.core import Act, Liquidity, Market, spot
from sandbox.exchange.core.kinds import Wallet
from tests.contract.venues.binance import CcxtHarness, list_once
from tests.contract.venues.outside import Outside
from tests.fakes.exchange import (
    ACCOUNT,
    KRAKEN_KEY,
    KRAKEN_SECRET,
    ScriptedVenue,
    scripted_exchange,
)
from tests.fakes.markets import ACCOUNT as OURS
from tests.fakes.markets import MINUTE

SYMBOL = InstrumentId("BTC/USDT")
_OPEN_FOR_MS = 120_000


class KrakenOutside(Outside):
    """There our ids are written another way."""

    def submitted(self, placed: Order) -> int:
        entries = self.exchange.journal.of(Act.SUBMIT, account=self.account)
        return sum(one.client_order_id == written(placed) for one in entries)


def written(placed: Order) -> str | None:
    """Return an order's id as Kraken gets it."""
    assert SPOT.client_id is not None
    return SPOT.client_id.to_venue(placed.client_order_id)


@dataclass
class Nonces:
    """The clock of a stepped exchange stands still: all clients of a key share their numbers."""

    running: ScriptedVenue
    last: int = 0

    def next(self) -> int:
        self.last = max(self.last + 1, self.running.exchange.shown_ms)
        return self.last


def kraken_settings(running: ScriptedVenue, symbol: InstrumentId, cache: Path) -> CcxtSettings:
    """Return settings of a venue there, and let its key in."""
    running.exchange.accounts.add_key(ACCOUNT, KRAKEN_KEY, KRAKEN_SECRET)
    http = running.http
    return CcxtSettings(
        name="scripted",
        exchange="kraken",
        instruments=(symbol,),
        credentials=Credentials(api_key=KRAKEN_KEY, secret=KRAKEN_SECRET),
        urls={"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws')}/{{host}}"},
        cache=cache,
    )


def kraken_venue(running: ScriptedVenue, settings: CcxtSettings, wall: WallClock) -> CcxtVenue:
    """Return a venue whose library goes by the time that the exchange shows."""
    library, nonces = load("kraken"), Nonces(running)

    def on_time(config: dict[str, object]) -> CcxtClient:
        client: Any = library.client(config)
        client.milliseconds = lambda: running.exchange.shown_ms
        client.nonce = nonces.next
        client.timeout_on_exit = 0
        return client

    made = connection(settings, replace(library, client=on_time))
    return CcxtVenue(made, OURS, wall, random.Random(7).random)


class KrakenHarness(CcxtHarness):
    """The ccxt venue against the scripted exchange's Kraken face; else as its Binance half.

    No bar is told of a minute without a trade, and none says that it is final.
    """

    def __init__(self, running: ScriptedVenue, cache: Path, lists: Path) -> None:
        super().__init__(running, MarketKind.SPOT, cache, lists)
        market: Market
        (market,) = running.exchange.markets
        self.outside = KrakenOutside(running.exchange, ACCOUNT, market.symbol, Wallet.SPOT)

    @classmethod
    @asynccontextmanager
    async def at_kraken(cls, cache: Path, lists: Path) -> "AsyncIterator[KrakenHarness]":
        market = spot(
            *("BTCUSDT", "BTC", "USDT"),
            tick=Decimal("0.01"),
            step=Decimal("0.001"),
            min_quantity=Decimal("0.001"),
            max_quantity=Decimal(1_000_000),
            start_price=Decimal(cls._START),
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
            fees_in_received=False,
            shows_empty_bars=False,
            liquidity=Liquidity(volatility=0.00002, level_size=Decimal(10_000)),
        )
        async with scripted_exchange(
            markets=[market], funds={"USDT": Decimal(10_000)}, warm_up_minutes=20
        ) as running:
            running.step(_OPEN_FOR_MS)
            harness = cls(running, cache, lists)
            await harness._open()
            try:
                yield harness
            finally:
                await harness.close()

    async def _open(self) -> None:
        running = self._running
        settings = kraken_settings(running, SYMBOL, self._cache)
        await list_once(settings, self._wall, self._lists)
        self.venue = kraken_venue(running, settings, self._wall)
        # of the lowest tier, which the cases would spend their time waiting for
        self.venue._session.gate._budget = RateBudget((), self._wall)
        (self.instrument,) = await self.venue.instruments()
        stream = self.venue.stream([(SYMBOL, MINUTE)])
        self._reading = asyncio.create_task(self._read(stream), name="messages of the venue")
        while not any(one.startswith("executions") for one in running.listeners()):
            await self._wait()
        while not self.venue.vitals().connected:
            running.step(1_000)  # a market that stands still has no frames
            await self._wait()
