"""The scripted exchange in a process of its own, that lays orders and counts requests.

    python -m benchmarks.exchange SYMBOLS

It prints its port, and runs until its standard input ends. POST /bench/N lays N resting buys, ids
"bench-N", over the symbols. GET /bench tells how many signed requests came in all.
"""

import asyncio
import os
import sys
from decimal import Decimal

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.exchange.core import Exchange, Liquidity, OrderRequest, spot
from sandbox.exchange.core.kinds import OrderType, Side, Wallet
from sandbox.exchange.server import ExchangeServer, ServerSettings, wall_ms

ACCOUNT = "bench"
KEY = "benchKey000000000000000000000000"
SECRET = "benchSecret000000000000000000000"
PRICE = 100
_MINUTE_MS = 60_000
_GIVES_WAY = 10  # a real exchange has machines of its own: ours takes what the service leaves


class CountingServer(ExchangeServer):
    """Counts what the benchmark asks for."""

    def __init__(self, exchange: Exchange, settings: ServerSettings) -> None:
        super().__init__(exchange, settings)
        self.signed = 0

    def make_app(self) -> web.Application:
        app = super().make_app()
        app.middlewares.append(self._count)
        app.router.add_get("/bench", self._tell)
        app.router.add_post("/bench/{number}", self._place)
        return app

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        told = request.path.startswith("/bench")
        if not told and ("signature" in request.query_string or request.method == "POST"):
            self.signed += 1
        return await handler(request)

    async def _tell(self, request: web.Request) -> web.Response:
        return web.json_response({"signed": self.signed})

    async def _place(self, request: web.Request) -> web.Response:
        symbols = [market.symbol for market in self.exchange.markets]
        for number in range(int(request.match_info["number"])):
            order = OrderRequest(
                symbol=symbols[number % len(symbols)],
                side=Side.BUY,
                order_type=OrderType.LIMIT,
                quantity=Decimal(1),
                price=Decimal(PRICE // 2),
                client_order_id=f"bench-{number}",
            )
            self.exchange.orders.submit(ACCOUNT, order)
        return web.Response()


def exchange_of(symbols: int) -> Exchange:
    """Return spot markets at about PRICE, deep enough, with bars of one second."""
    crowd = Liquidity(points_per_minute=60, volatility=0.0001, level_size=Decimal(10_000))
    markets = [
        spot(
            f"S{number:03}USDT",
            f"S{number:03}",
            "USDT",
            start_price=Decimal(PRICE),
            shows_seconds=True,
            liquidity=crowd,
        )
        for number in range(symbols)
    ]
    start = wall_ms() // _MINUTE_MS * _MINUTE_MS
    exchange = Exchange(markets, seed=1, start_ms=start, warm_up_minutes=3)
    exchange.advance(wall_ms())
    exchange.accounts.open(ACCOUNT)
    exchange.accounts.add_key(ACCOUNT, KEY, SECRET)
    exchange.hands.deposit(ACCOUNT, "USDT", Decimal(100_000_000), Wallet.SPOT)
    return exchange


async def _serve(symbols: int) -> None:
    settings = ServerSettings(pump_every_s=0.02, limits_enforced=False)
    async with CountingServer(exchange_of(symbols), settings) as server:
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    os.nice(_GIVES_WAY)
    asyncio.run(_serve(int(sys.argv[1])))
