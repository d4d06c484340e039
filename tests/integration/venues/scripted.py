"""A ccxt venue at the scripted exchange, over REST; their clocks agree."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.domain.ids import InstrumentId
from engine.domain.orders import Order
from engine.venues.ccxt.settings import CcxtSettings, Credentials, KeyPolicy, MarketKind, Terms
from engine.venues.ccxt.venue import CcxtVenue
from sandbox.exchange.core import Act, Effect, Rule
from tests.contract.venues import CcxtHarness, ExchangeWall
from tests.fakes.exchange import ACCOUNT, KEY, SECRET, ScriptedVenue, scripted_exchange
from tests.fakes.markets import order

SYMBOLS = {MarketKind.SPOT: "BTC/USDT", MarketKind.LINEAR: "BTC/USDT:USDT"}
# What may befall a submit: it was acted upon, or not, and nobody said so; or it was refused.
ACTED = [Effect.LOSE_REPLY, Effect.SERVER_ERROR_ACTED, Effect.TIMEOUT_ACTED, Effect.GARBLED_REPLY]
NOT_ACTED = [Effect.LOSE_REQUEST, Effect.SERVER_ERROR, Effect.TIMEOUT]
REFUSED = [Effect.RATE_LIMITED, Effect.BANNED, Effect.CLOCK_REFUSED]
OWN_NAMES = {MarketKind.SPOT: "BTCUSDT", MarketKind.LINEAR: "BTCUSDT-PERP"}


@dataclass
class Trading:
    """A venue and the exchange behind it."""

    running: ScriptedVenue
    venue: CcxtVenue
    kind: MarketKind

    @property
    def symbol(self) -> InstrumentId:
        return InstrumentId(SYMBOLS[self.kind])

    @property
    def own_name(self) -> str:
        return OWN_NAMES[self.kind]

    def now(self) -> datetime:
        return ExchangeWall(self.running).now()

    def order(self, side: str, quantity: str, kind: str = "market", **more: Any) -> Order:
        """Return an order decided now."""
        given = {"instrument_id": self.symbol, "at": self.now(), **more}
        return order(side, quantity, kind, **given)

    def fault(self, operation: str, effect: Effect, times: int | None = 1, **more: Any) -> None:
        rule = Rule(
            name=f"{operation} {effect}",
            operation=operation,
            effect=effect,
            remaining=times,
            **more,
        )
        self.running.exchange.faults.add(rule)

    def submitted(self, placed: Order) -> int:
        """Return how many orders the exchange itself says it took under an id."""
        entries = self.running.exchange.journal.of(Act.SUBMIT, Act.ALGO, account=ACCOUNT)
        return sum(one.client_order_id == placed.client_order_id for one in entries)

    async def pass_window(self) -> None:
        """Let the time go by in which a request could still arrive."""
        self.running.step(40_000)


@asynccontextmanager
async def trading(
    kind: MarketKind,
    cache: Path,
    *,
    terms: Terms | None = None,
    key_policy: KeyPolicy = KeyPolicy.REPORTED,
    **options: Any,
) -> AsyncIterator[Trading]:
    funds = {"USDT": Decimal(1_000_000), "BTC": Decimal(2)}
    async with scripted_exchange(warm_up_minutes=20, funds=funds, **options) as running:
        http = running.http
        settings = CcxtSettings(
            name="scripted",
            exchange="binance",
            market=kind,
            instruments=(InstrumentId(SYMBOLS[kind]),),
            credentials=Credentials(api_key=KEY, secret=SECRET),
            urls={"rest": f"{http}/{{host}}", "ws": f"{http.replace('http', 'ws')}/{{host}}"},
            cache=cache,
            terms=terms or Terms(),
            key_policy=key_policy,
        )
        venue = await CcxtHarness.venue_on_time(running, settings)
        await venue.instruments()
        try:
            yield Trading(running, venue, kind)
        finally:
            await venue.close()
