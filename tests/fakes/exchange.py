"""The scripted exchange on a free port of this machine, and ccxt clients that talk to it.

    async with scripted_exchange() as venue:
        spot = venue.spot()  # ccxt.pro, REST and websockets
        await spot.create_order("BTC/USDT", "limit", "buy", 0.01, 40_000)
        venue.step(60_000)

`kraken()` makes a client of the same exchange's other protocol, whose markets are in dollars.

The exchange stands still unless it is stepped (`live=True` lets it follow the wall). Its markets
are BTC/USDT and ETH/USDT, spot and USD-M; the account "main" holds money in both wallets.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sandbox.certificate import ensure_certificate
from sandbox.exchange.core import Exchange, Liquidity, Market, linear, spot
from sandbox.exchange.core.kinds import Wallet
from sandbox.exchange.server import ExchangeServer, ServerSettings, wall_ms

ACCOUNT = "main"
KEY = "k3yOfTheMainAccount000000000000000000000"
SECRET = "s3cretOfTheMainAccount00000000000000000"
KRAKEN_KEY = "k3yOfTheMainAccountAtKraken"
KRAKEN_SECRET = base64.b64encode(b"s3cret of the main account at Kraken").decode()
DOLLARS = {"USD": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)}
MINUTE_MS = 60_000
START_MS = 1_767_614_400_000  # 5 January 2026, 12:00 UTC
# A stepped exchange stands still while the clients' clock goes on.
_PATIENT_MS = 3_600_000
FUNDS = {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)}


def usual_markets(points_per_minute: int = 60) -> list[Market]:
    """BTC and ETH against USDT, a price a second; a contract's core name ends in -PERP."""
    crowd = Liquidity(points_per_minute=points_per_minute)
    ether = {"start_price": Decimal(3000), "liquidity": replace(crowd, level_size=Decimal(10))}
    return [
        spot("BTCUSDT", "BTC", "USDT", liquidity=crowd),
        spot(
            *("ETHUSDT", "ETH", "USDT"),
            step=Decimal("0.0001"),
            min_quantity=Decimal("0.0001"),
            **ether,
        ),
        linear("BTCUSDT-PERP", "BTC", "USDT", liquidity=crowd),
        linear("ETHUSDT-PERP", "ETH", "USDT", tick=Decimal("0.01"), **ether),
    ]


def kraken_markets(points_per_minute: int = 60, **changes: Any) -> list[Market]:
    """BTC and ETH against USD as Kraken has them: fees in dollars, no bar without a trade."""
    crowd = Liquidity(points_per_minute=points_per_minute)
    both: dict[str, Any] = {
        "fees_in_received": False,
        "shows_empty_bars": False,
        "min_notional": Decimal("0.5"),
        "maker_fee": Decimal("0.0025"),
        "taker_fee": Decimal("0.004"),
        "liquidity": crowd,
        "step": Decimal("0.00000001"),
        **changes,
    }
    bitcoin = {"tick": Decimal("0.1"), "min_quantity": Decimal("0.00005"), **both}
    ether = {"start_price": Decimal(3000), "min_quantity": Decimal("0.001"), **both}
    return [spot("XBTUSD", "BTC", "USD", **bitcoin), spot("ETHUSD", "ETH", "USD", **ether)]


class ScriptedVenue:
    """A running exchange, and the clients that were made for it; all end with it."""

    def __init__(self, server: ExchangeServer, *, follows_wall: bool) -> None:
        self.server = server
        self.exchange: Exchange = server.exchange
        self._follows_wall = follows_wall
        self._clients: list[Any] = []
        self._sessions: list[aiohttp.ClientSession] = []

    @property
    def http(self) -> str:
        """The server's address, without a path."""
        return self.server.http

    def listeners(self) -> list[str]:
        """What clients are subscribed to: streams by name, accounts as `user:NAME`."""
        return self.server.binance.subscriptions() + self.server.kraken.subscriptions()

    @property
    def requests(self) -> Counter[str]:
        """How often each was asked so far, as "GET /api/v3/openOrders"; lost ones count."""
        return self.server.binance.requests.counts + self.server.kraken.requests.counts

    async def _changed(self) -> None:
        signals = (self.server.binance.changed, self.server.kraken.changed)
        waits = [asyncio.ensure_future(signal.wait()) for signal in signals]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def until_heard(self, number: int = 1) -> None:
        """Wait until clients have at least that many subscriptions."""
        while len(self.listeners()) < number:
            await self._changed()

    async def until_silent(self) -> None:
        """Wait until nobody is subscribed to anything."""
        while self.listeners():
            await self._changed()

    async def until_waiting(self) -> None:
        """Wait until the exchange holds something back for later."""
        while not self.server.waiting:
            await self.server.held.wait()

    def step(self, span_ms: int) -> None:
        """Move the exchange on at once; the clients that were made here keep up with it."""
        self.server.step(span_ms)
        for client in self._clients:
            self.set_clock(client)

    def spot(self, **config: Any) -> Any:
        """A ccxt.pro client of the spot half, REST and websockets."""
        return self._client("binance", {"fetchMarkets": {"types": ["spot"]}}, config)

    def linear(self, **config: Any) -> Any:
        """A ccxt.pro client of the USD-M half, REST and websockets."""
        return self._client("binanceusdm", {"fetchMarkets": {"types": ["linear"]}}, config)

    def both(self, **config: Any) -> Any:
        """A ccxt.pro client that knows the markets of both halves."""
        return self._client("binance", {"fetchMarkets": {"types": ["spot", "linear"]}}, config)

    def kraken(self, **config: Any) -> Any:
        """A ccxt.pro client that speaks Kraken's protocol, REST and websockets."""
        self.exchange.accounts.add_key(ACCOUNT, KRAKEN_KEY, KRAKEN_SECRET)
        keys = {"apiKey": KRAKEN_KEY, "secret": KRAKEN_SECRET}
        return self._client("kraken", {}, {**keys, **config})

    def plain(self) -> Any:
        """A ccxt.pro client with a key and otherwise ccxt's own defaults."""
        import ccxt.pro

        client = ccxt.pro.binance({"apiKey": KEY, "secret": SECRET})
        point_at(client, self.http)
        self._clients.append(client)
        self.set_clock(client)
        return client

    def really(self, name: str, types: Sequence[str], **config: Any) -> Any:
        """A ccxt.pro client with Binance's own addresses, whose names all lead here.

        ccxt looks at the address to tell what an error code means, so only such a client raises
        what it would raise in earnest. Needs `tls`.
        """
        if not self.server.tls_port:
            raise RuntimeError("the exchange was started without tls")
        connector = aiohttp.TCPConnector(resolver=_Here(self.server.tls_port), ssl=False)
        session = aiohttp.ClientSession(connector=connector)
        self._sessions.append(session)
        options = {"fetchMarkets": {"types": list(types)}}
        return self._client(name, options, {"session": session, **config}, real=True)

    def _client(
        self, name: str, options: dict[str, Any], config: dict[str, Any], *, real: bool = False
    ) -> Any:
        import ccxt.pro

        defaults = {
            "fetchCurrencies": False,
            "fetchMargins": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        }
        given = config.pop("options", {})
        client = getattr(ccxt.pro, name)(
            {
                "apiKey": KEY,
                "secret": SECRET,
                "enableRateLimit": False,
                "enableLastJsonResponse": True,
                "options": {**defaults, **options, **given},
                **config,
            }
        )
        if not real:
            point_at(client, self.http)
        self._clients.append(client)
        self.set_clock(client)
        return client

    def set_clock(self, client: Any) -> None:
        """Let a client stamp its requests with the exchange's time, as after a measurement."""
        if not self._follows_wall:
            shown = self.exchange.clock.shown(self.exchange.now_ms)
            client.options["timeDifference"] = client.milliseconds() - shown

    async def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            await client.close()
        for session in self._sessions:
            await session.close()


class _Here(AbstractResolver):
    """Every name is this machine, on one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def server_tls() -> ssl.SSLContext:
    """A certificate that nobody has to trust."""
    with TemporaryDirectory() as folder:
        return ensure_certificate(Path(folder), ("127.0.0.1",)).server_context()


def point_at(client: Any, http: str) -> None:
    """Point every address of a ccxt client at the exchange under `http`.

    Paths stay, and the host becomes the first part of the path: ccxt.pro tells spot streams from
    futures' by "/stream" in the address (`/stream.binance.com:9443/ws`).
    """
    client.urls["api"] = _pointed(client.urls["api"], http)


def _pointed(urls: Any, http: str) -> Any:
    if isinstance(urls, Mapping):
        return {name: _pointed(item, http) for name, item in urls.items()}
    parts = urlsplit(urls)
    base = http.replace("http", "ws", 1) if parts.scheme.startswith("ws") else http
    return f"{base}/{parts.netloc}{parts.path}"


@asynccontextmanager
async def scripted_exchange(
    *,
    markets: Sequence[Market] | None = None,
    seed: int = 7,
    live: bool = False,
    warm_up_minutes: int = 30,
    funds: Mapping[str, Decimal] = FUNDS,
    hedge_mode: bool = False,
    limits_enforced: bool = False,
    strict_clock: bool = False,
    accounts: Iterable[str] = (),
    tls: bool = False,
    settings: ServerSettings | None = None,
    **options: Any,
) -> AsyncIterator[ScriptedVenue]:
    """Run an exchange with one funded account, "main", until the block ends.

    `live` lets it follow the wall from now on; otherwise it starts at START_MS and stands still
    until it is stepped. `strict_clock` refuses requests stamped more than a second ahead, as a
    live one does always. `options` are those of `Exchange`.
    """
    start_ms = wall_ms() // MINUTE_MS * MINUTE_MS if live else START_MS
    exchange = Exchange(
        markets if markets is not None else usual_markets(),
        seed=seed,
        start_ms=start_ms,
        warm_up_minutes=warm_up_minutes,
        **options,
    )
    if live:
        exchange.advance(wall_ms())
    open_account(exchange, ACCOUNT, KEY, SECRET, funds, hedge_mode=hedge_mode)
    for name in accounts:
        open_account(exchange, name, f"{name}-{KEY}", f"{name}-{SECRET}", funds)
    chosen = settings or ServerSettings(
        pump_every_s=0.02 if live else None,
        limits_enforced=limits_enforced,
        tls=server_tls() if tls else None,
        **({} if live or strict_clock else {"ahead_ms": _PATIENT_MS}),
    )
    async with ExchangeServer(exchange, chosen) as server:
        venue = ScriptedVenue(server, follows_wall=live)
        try:
            yield venue
        finally:
            await venue.close()


def open_account(
    exchange: Exchange,
    name: str,
    api_key: str,
    secret: str,
    funds: Mapping[str, Decimal] = FUNDS,
    *,
    hedge_mode: bool = False,
) -> None:
    """Open an account with a key and money in both wallets (futures: USDT alone)."""
    exchange.accounts.open(name, hedge_mode=hedge_mode)
    exchange.accounts.add_key(name, api_key, secret)
    for asset, amount in funds.items():
        exchange.hands.deposit(name, asset, amount)
    if "USDT" in funds:
        exchange.hands.deposit(name, "USDT", funds["USDT"], Wallet.LINEAR)
