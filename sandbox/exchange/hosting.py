"""The exchange of a sandbox: which markets it has, whose account, how a service gets there.

It lives as long as the sandbox: prices, books and accounts are in memory, and a new sandbox opens
a new exchange. It keeps real time, so that a service on it needs no clock but its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.exchange.control.panel import PanelApi
from sandbox.exchange.core import Exchange, Liquidity, Market, linear, spot
from sandbox.exchange.core.kinds import MarketKind, Wallet
from sandbox.exchange.server import ExchangeServer, ServerSettings, wall_ms
from sandbox.jsontypes import JsonObject

ACCOUNT = "main"
CCXT_ID = "binance"  # whose protocol it speaks
FUNDS = Decimal(100_000)  # USDT
LEVERAGE = 5  # of perpetuals; a service compares it with its own setting and never switches it

_MINUTE_MS = 60_000
_WARM_UP_MINUTES = 400  # bars that are there already, for strategies that look back
_SEED = 16  # whose prices give the demo's runs something to do soon
# A price a second; twice as lively as the default, so that a rehearsal has something to do.
_CROWD = Liquidity(points_per_minute=60, volatility=0.0014)


def markets_of(kind: MarketKind) -> list[Market]:
    """Return BTC and ETH against USDT, spot or perpetual."""
    ether = replace(_CROWD, level_size=Decimal(15), minute_volume=Decimal(600))
    if kind is MarketKind.SPOT:
        return [
            spot(
                *("BTCUSDT", "BTC", "USDT"),
                liquidity=_CROWD,
                start_price=Decimal(97_000),
                shows_seconds=True,
            ),
            spot(
                *("ETHUSDT", "ETH", "USDT"),
                liquidity=ether,
                start_price=Decimal(3_400),
                step=Decimal("0.0001"),
                min_quantity=Decimal("0.0001"),
                shows_seconds=True,
            ),
        ]
    return [
        linear("BTCUSDT-PERP", "BTC", "USDT", liquidity=_CROWD, start_price=Decimal(97_000)),
        linear(
            *("ETHUSDT-PERP", "ETH", "USDT"),
            liquidity=ether,
            start_price=Decimal(3_400),
            tick=Decimal("0.01"),
        ),
    ]


class HostedExchange:
    """A running exchange on a port of its own, with one funded account and its key."""

    def __init__(
        self, kind: MarketKind, *, host: str = "127.0.0.1", clock_ms: Callable[[], int] = wall_ms
    ) -> None:
        """`clock_ms` is the clock that it follows, milliseconds UTC."""
        self.kind = kind
        self._clock_ms = clock_ms
        self._api_key, self._secret = secrets.token_hex(32), secrets.token_hex(32)
        self.exchange = self._opened()
        # Without the control API: the page serves it, behind its guard against other sites.
        self.server = ExchangeServer(
            self.exchange, ServerSettings(host=host, control=False), wall_ms=clock_ms
        )

    def _opened(self) -> Exchange:
        now_ms = self._clock_ms()
        exchange = Exchange(
            markets_of(self.kind),
            seed=_SEED,
            start_ms=now_ms // _MINUTE_MS * _MINUTE_MS,
            warm_up_minutes=_WARM_UP_MINUTES,
        )
        exchange.advance(now_ms)
        exchange.accounts.open(ACCOUNT)
        exchange.accounts.add_key(ACCOUNT, self._api_key, self._secret)
        wallet = Wallet.SPOT if self.kind is MarketKind.SPOT else Wallet.LINEAR
        for market in exchange.markets:
            if not market.is_spot:
                exchange.accounts.set_leverage(ACCOUNT, market.symbol, LEVERAGE)
        exchange.hands.deposit(ACCOUNT, "USDT", FUNDS, wallet)
        return exchange

    async def __aenter__(self) -> Self:
        self.exchange.advance(self._clock_ms())  # opening took a moment
        await self.server.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.server.__aexit__(kind, error, trace)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add what the page shows and does of the exchange."""
        self.server.add_control(router)
        PanelApi(self.exchange, ACCOUNT).add_routes(router)

    def announcement(self) -> JsonObject:
        """Return what a service needs to trade here."""
        http = self.server.http
        return {
            "exchange": CCXT_ID,
            "market": self.kind.value,
            "rest": f"{http}/{{host}}",
            "ws": f"{http.replace('http', 'ws', 1)}/{{host}}",
            "key": self._api_key,
            "secret": self._secret,
        }
