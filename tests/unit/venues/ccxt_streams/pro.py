"""A stand-in for a `ccxt.pro` client: sockets that a test feeds, cuts, silences and refuses."""

import asyncio
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.bars import Bars
from engine.domain.bars import Bar, Timeframe
from engine.domain.flows import AccountFlow, FlowKind
from engine.domain.ids import (
    AccountId,
    AssetId,
    ClientOrderId,
    InstrumentId,
    TradeId,
    VenueOrderId,
)
from engine.domain.orders import Fill, OrderSide, OrderState
from engine.errors import VenueUnavailable
from engine.ports import OrderReport
from engine.venues.ccxt.streams.link import Link
from engine.venues.ccxt.streams.quirks import StreamPolicy
from engine.venues.ccxt.streams.tap import Tap
from engine.venues.ccxt.streams.watching import Surroundings
from tests.fakes.clocks import FakeWallClock

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")
MINUTE = Timeframe(60)
URL = "wss://venue.test/ws"


class LibraryError(Exception):
    """Stands for ccxt's BaseError."""


class FakeSocket:
    def __init__(self, client: "FakePro", url: str) -> None:
        self.url = url
        self.isConnected = False
        self.client = client
        self.waiting: list[asyncio.Future[Any]] = []
        self.future = self._future

    def _future(self, message_hash: str) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return future

    def handle_text_or_binary_message(self, data: object) -> None:
        message = json.loads(data) if isinstance(data, str) else data
        self.client.handle_message(self, message)

    def on_error(self, error: Exception) -> None:
        self.isConnected = False
        if self.client.clients.get(self.url) is self:
            del self.client.clients[self.url]
        for future in self.waiting:
            if not future.done():
                future.set_exception(error)
        self.waiting.clear()


class FakePro:
    """Keeps lists as the library does; a frame {"order": ...} or {"trade": ...} goes into them."""

    id = "fake"

    def __init__(self, **has: bool) -> None:
        self.has: dict[str, object] = {
            "watchOHLCVForSymbols": True,
            "watchOrders": True,
            "watchMyTrades": True,
            **has,
        }
        self.options: dict[str, object] = {}
        self.streaming: dict[str, object] = {"keepAlive": 180_000}
        self.clients: dict[str, FakeSocket] = {}
        self.markets = {BTC: {"id": "BTCUSDT"}, ETH: {"id": "ETHUSDT"}}
        self.timeframes = {"1m": "1m", "5m": "5m"}
        self.orders: list[dict[str, object]] | None = None
        self.myTrades: list[dict[str, object]] | None = None
        self.ohlcvs: dict[str, dict[str, list[list[object]]]] = {}
        self.orderbooks: dict[str, dict[str, object]] = {}
        self.trades: dict[str, list[dict[str, object]]] = {}
        self.now: Callable[[], float] = lambda: 0.0
        self.asked: list[float] = []  # when something was watched
        self.dials = 0
        self.handled: list[object] = []  # frames that came as far as the library
        self.refusing: Exception | None = None
        self.handle_message = self._handle
        self.client = self._client
        self.on_connected = self._opened
        self.ws_dial_delay = lambda url: 30.0
        self.parse_order_book_bids_asks = lambda levels: levels

    # what the library does

    def _client(self, url: str) -> FakeSocket:
        if url not in self.clients:
            self.clients[url] = FakeSocket(self, url)
        return self.clients[url]

    def _opened(self, socket: FakeSocket, message: object = None) -> None:
        socket.isConnected = True

    def _handle(self, socket: FakeSocket, message: object) -> None:
        if not isinstance(message, dict):
            raise TypeError("not a message")
        self.handled.append(message)
        if "order" in message:
            self.orders = _moved_to_end(self.orders or [], message["order"])
        if "trade" in message:
            self.myTrades = _moved_to_end(self.myTrades or [], message["trade"])
        if "book" in message:
            symbol, bids, asks = message["book"]
            self.orderbooks[symbol] = {"bids": bids, "asks": asks, "timestamp": None}
        if "print" in message:
            symbol, printed = message["print"]
            self.trades.setdefault(symbol, []).append(printed)
        if "candle" in message:
            symbol, row = message["candle"]
            rows = self.ohlcvs.setdefault(symbol, {}).setdefault("1m", [])
            if rows and rows[-1][0] == row[0]:
                rows[-1] = row
            else:
                rows.append(row)
        result = message.get("result")
        for future in socket.waiting:
            if not future.done():
                future.set_result(result)
        socket.waiting.clear()

    async def _watch(self, *given: object) -> Any:
        await asyncio.sleep(0)
        self.asked.append(self.now())
        if self.refusing is not None:
            raise self.refusing
        socket = self.client(URL)
        if not socket.isConnected:
            self.dials += 1
            self.on_connected(socket)
        return await socket.future("update")

    watch_ohlcv = watch_ohlcv_for_symbols = _watch
    watch_order_book = watch_order_book_for_symbols = _watch
    watch_trades = watch_trades_for_symbols = _watch
    watch_orders = watch_my_trades = watch_balance = _watch

    # what the venue does

    def send(self, *frames: object) -> None:
        """Deliver frames as the socket would; nothing arrives while there is none."""
        for frame in frames:
            socket = self.clients.get(URL)
            if socket is not None and socket.isConnected:
                socket.handle_text_or_binary_message(frame)

    def drop(self, reason: str = "closed by the server") -> None:
        """Close the connection."""
        self.clients[URL].on_error(LibraryError(reason))

    def close_quietly(self) -> None:
        """Close as the library does on its own account: whoever waits is cancelled."""
        socket = self.clients.pop(URL)
        socket.isConnected = False
        for future in socket.waiting:
            future.cancel()


def _moved_to_end(
    entries: list[dict[str, object]], entry: dict[str, object]
) -> list[dict[str, object]]:
    key = entry["symbol"], entry["id"]
    return [each for each in entries if (each["symbol"], each["id"]) != key] + [dict(entry)]


def kline(
    start: datetime, close: str = "101.50", *, closed: bool = True, market: str = "BTCUSDT"
) -> dict[str, object]:
    """A frame as Binance's."""
    row = {
        **{"t": ms(start), "s": market, "i": "1m", "x": closed},
        **{"o": "100.10", "h": "102.00", "l": "99.90", "c": close, "v": "12.30000000"},
    }
    return {"e": "kline", "s": market, "k": row}


def ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class World:
    """Clock, client, tap and link of one test, and what was handed on."""

    def __init__(self, client: FakePro | None = None, **policy: Any) -> None:
        self.wall = FakeWallClock()
        self.client = client or FakePro()
        self.client.now = self.wall.monotonic
        self.tap = Tap(self.client, wall=self.wall, faults=(LibraryError,))
        self.tap.attach(10.0)
        self.told: list[Any] = []
        self.link = Link(venue="Fake", tell=self.told.append, wall=self.wall)
        self.policy = StreamPolicy(**policy)
        self.around = Surroundings(
            tap=self.tap, link=self.link, wall=self.wall, draw=lambda: 1.0, policy=self.policy
        )
        self.running: list[asyncio.Task[Any]] = []

    def run(self, work: Callable[[], Any]) -> None:
        self.running.append(asyncio.ensure_future(work()))

    async def settle(self) -> None:
        """Let everything that can go on do so, without moving the clock."""
        await self.wall.advance(0)

    async def __aenter__(self) -> "World":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self.running:
            task.cancel()
        results = await asyncio.gather(*self.running, return_exceptions=True)
        for result in results:
            if result is not None and not isinstance(result, asyncio.CancelledError):
                raise result


@dataclass
class RestHistory:
    """The newest closed bar over REST."""

    bars: dict[tuple[str, datetime], Bar] = field(default_factory=dict)
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    down: bool = False

    def put(self, instrument_id: InstrumentId, start: datetime, volume: str = "5") -> Bar:
        numbers = [Decimal(text) for text in ("100", "101", "99", "100.5", volume)]
        bar = Bar(instrument_id, MINUTE, start, *numbers)
        self.bars[instrument_id, start] = bar
        return bar

    async def last(self, instrument_id: InstrumentId, frame: Timeframe, before: datetime) -> Bars:
        self.asked.append((instrument_id, before))
        if self.down:
            raise VenueUnavailable("down")
        found = [
            bar
            for (symbol, start), bar in sorted(self.bars.items())
            if symbol == instrument_id and start + frame.delta <= before
        ]
        return Bars.from_bars(instrument_id, frame, found[-1:])


class Reader:
    """Reads the entries that `trade` and `order` make."""

    def order(self, order: Any) -> OrderReport:
        if order["status"] == "garbage":
            raise ValueError("no such status")
        return OrderReport(
            client_order_id=ClientOrderId(f"oc{order['id']}"),
            venue_order_id=VenueOrderId(order["id"]),
            instrument_id=InstrumentId(order["symbol"]),
            state=OrderState(order["status"]),
            filled_quantity=order["filled"],
            ts_event=instant(order["timestamp"]),
            quantity="10",
        )

    def fill(self, trade: Any) -> Fill:
        return Fill(
            account_id=AccountId("main"),
            instrument_id=InstrumentId(trade["symbol"]),
            trade_id=TradeId(trade["id"]),
            venue_order_id=VenueOrderId(trade["order"]),
            client_order_id=None,
            side=OrderSide.BUY,
            quantity=Decimal(1),
            price=Decimal(100),
            commission=Decimal(0),
            commission_asset=AssetId("USDT"),
            ts_event=instant(trade["timestamp"]),
        )


def trade(trade_id: str, at: datetime, order: str = "7") -> dict[str, Any]:
    return {"symbol": BTC, "id": trade_id, "order": order, "timestamp": ms(at)}


def order(
    at: datetime, status: str = "acknowledged", filled: str = "0", order_id: str = "7"
) -> dict[str, Any]:
    return {
        **{"symbol": BTC, "id": order_id, "status": status, "filled": filled},
        "timestamp": ms(at),
    }


@dataclass
class RestAccount:
    """The account over REST: what the venue really has."""

    fills: list[Fill] = field(default_factory=list)
    open: dict[str, OrderReport] = field(default_factory=dict)
    ended: dict[str, OrderReport] = field(default_factory=dict)
    flows: list[AccountFlow] = field(default_factory=list)
    asked: list[datetime | None] = field(default_factory=list)
    asked_of: list[Collection[InstrumentId] | None] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    held: dict[InstrumentId, Decimal] | None = None
    flow_questions: int = 0
    down: bool = False

    def filled(self, trade_id: str, at: datetime, order_id: str = "7") -> dict[str, Any]:
        """Book a fill at the venue; return the frame that tells of it."""
        entry = trade(trade_id, at, order_id)
        self.fills.append(Reader().fill(entry))
        return {"trade": entry}

    def flow(self, flow_id: str, at: datetime) -> None:
        self.flows.append(
            AccountFlow(
                account_id=AccountId("main"),
                flow_id=flow_id,
                kind=FlowKind.TRANSFER,
                asset=AssetId("USDT"),
                amount=Decimal(5),
                ts_event=at,
            )
        )

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        self.asked.append(since)
        self.asked_of.append(instruments)
        self._check()
        return tuple(
            fill
            for fill in self.fills
            if (since is None or fill.ts_event >= since)
            and (instruments is None or fill.instrument_id in instruments)
        )

    async def holdings(self) -> dict[InstrumentId, Decimal] | None:
        self._check()
        return None if self.held is None else dict(self.held)

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        self.flow_questions += 1
        self._check()
        return tuple(flow for flow in self.flows if since is None or flow.ts_event >= since)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        self._check()
        return tuple(self.open.values())

    async def order_now(self, last: OrderReport) -> OrderReport | None:
        self.looked_up.append(last.venue_order_id)
        self._check()
        return self.ended.get(last.venue_order_id)

    def _check(self) -> None:
        if self.down:
            raise VenueUnavailable("down")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
