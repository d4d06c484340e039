"""ccxt.pro's websockets against the Kraken face."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest

from sandbox.exchange.core import Effect, Liquidity, Rule
from tests.fakes.exchange import (
    ACCOUNT,
    DOLLARS,
    MINUTE_MS,
    START_MS,
    ScriptedVenue,
    kraken_markets,
    scripted_exchange,
)
from tests.sandbox.exchange.binance.waiting import begun, soon

BTC = "BTC/USD"


@pytest.fixture
async def floats(venue: ScriptedVenue) -> Any:
    """The library can't sort a book of text."""
    made = venue.kraken()
    await made.load_markets()
    return made


@asynccontextmanager
async def wire(venue: ScriptedVenue, host: str = "ws") -> AsyncIterator[Any]:
    """A bare websocket; frames are read with their digits."""
    url = f"{venue.http.replace('http', 'ws', 1)}/{host}.kraken.com/v2"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield socket


async def heard(socket: Any, channel: str, kind: str = "") -> dict[str, Any]:
    """The next message of a channel."""
    while True:
        frame = json.loads((await soon(socket.receive())).data, parse_float=str)
        if frame.get("channel") == channel and kind in {"", frame.get("type")}:
            return dict(frame)


async def ask(socket: Any, method: str, **params: Any) -> dict[str, Any]:
    """Send a request and return its answer."""
    await socket.send_str(json.dumps({"method": method, "req_id": 3, "params": params}))
    while True:
        frame = json.loads((await soon(socket.receive())).data)
        if frame.get("req_id") == 3:
            return dict(frame)


async def test_bars_move_with_trades_and_the_next_one_ends_the_last(
    venue: ScriptedVenue, client: Any
) -> None:
    watching = await begun(venue, client.watch_ohlcv(BTC, "1m"))
    shown = await watching
    assert shown[-1][0] == START_MS
    for _ in range(70):
        venue.step(1_000)
    rows = await soon(client.watch_ohlcv(BTC, "1m"))
    while not rows or rows[-1][0] < START_MS + MINUTE_MS:
        rows = await soon(client.watch_ohlcv(BTC, "1m"))
    stored = {row[0]: row for row in client.ohlcvs[BTC]["1m"]}
    (own,) = venue.exchange.data.bars("XBTUSD", start_ms=START_MS, limit=1)
    assert [Decimal(text) for text in stored[START_MS][1:]] == [
        *(own.open, own.high, own.low),
        *(own.close, own.volume),
    ]


async def test_nothing_is_told_of_a_minute_without_a_trade() -> None:
    silent = Liquidity(points_per_minute=60, quiet_fraction=1.0)
    markets = kraken_markets(liquidity=silent)
    async with scripted_exchange(markets=markets) as venue, wire(venue) as socket:
        await ask(socket, "subscribe", channel="ohlc", symbol=[BTC], interval=1)
        assert (await heard(socket, "ohlc"))["data"] == []
        venue.step(3 * MINUTE_MS)
        frame = json.loads((await soon(socket.receive())).data)
        assert frame == {"channel": "heartbeat"}


async def test_a_kept_book_equals_the_exchange_s(venue: ScriptedVenue, floats: Any) -> None:
    watching = await begun(venue, floats.watch_order_book(BTC, 10))
    await watching
    for _ in range(30):
        venue.step(2_000)
        await soon(floats.watch_order_book(BTC, 10))
    book = floats.orderbooks[BTC]
    own = venue.exchange.data.depth("XBTUSD", 10)
    assert [(price, size) for price, size, *_ in book["bids"]] == [
        (float(price), float(size)) for price, size in own.bids
    ]
    assert [(price, size) for price, size, *_ in book["asks"]] == [
        (float(price), float(size)) for price, size in own.asks
    ]


async def test_checksums_fit_the_digits_that_were_sent(venue: ScriptedVenue) -> None:
    book: dict[str, dict[Decimal, tuple[str, str]]] = {"bids": {}, "asks": {}}
    async with wire(venue) as socket:
        await ask(socket, "subscribe", channel="book", symbol=[BTC], depth=10)
        for step in range(10):
            (row,) = (await heard(socket, "book"))["data"]
            for side, levels in book.items():
                for level in row[side]:
                    levels[Decimal(level["price"])] = (level["price"], level["qty"])
                best = sorted(
                    (price for price, (_, size) in levels.items() if Decimal(size)),
                    reverse=side == "bids",
                )[:10]
                book[side] = {price: levels[price] for price in best}
            text = "".join(
                part.replace(".", "").lstrip("0")
                for side in ("asks", "bids")
                for level in book[side].values()
                for part in level
            )
            assert row["checksum"] == zlib.crc32(text.encode()), step
            venue.step(2_000)


async def test_prints_and_tickers_are_streamed(venue: ScriptedVenue, client: Any) -> None:
    watching = await begun(venue, client.watch_trades(BTC))
    assert await watching
    venue.step(5_000)
    (newest,) = venue.exchange.data.trades("XBTUSD", limit=1)
    trades = await soon(client.watch_trades(BTC))
    while trades[-1]["id"] != str(newest.trade_id):
        trades = await soon(client.watch_trades(BTC))
    assert Decimal(trades[-1]["price"]) == newest.price
    watching = await begun(venue, client.watch_ticker(BTC))
    assert (await watching)["symbol"] == BTC
    venue.step(5_000)
    ticker = await soon(client.watch_ticker(BTC))
    assert Decimal(ticker["last"]) == venue.exchange.data.last_price("XBTUSD")


async def test_a_fill_and_the_end_it_brings_are_two_messages(venue: ScriptedVenue) -> None:
    client = venue.kraken()
    await client.load_markets()
    token = (await client.privatePostGetWebSocketsToken())["result"]["token"]
    async with wire(venue, "ws-auth") as socket:
        await ask(socket, "subscribe", channel="executions", token=token)
        assert (await heard(socket, "executions", "snapshot"))["data"] == []
        params = {"clientOrderId": "mine"}
        await client.create_order(BTC, "market", "buy", 0.01, None, params)
        told = [(await heard(socket, "executions"))["data"][0] for _ in range(4)]
    assert [row["exec_type"] for row in told] == ["pending_new", "new", "trade", "filled"]
    first, _, trade, last = told
    assert (first["symbol"], first["cl_ord_id"], first["order_qty"]) == (
        *(BTC, "mine"),
        "0.01000000",
    )
    assert (trade["order_status"], trade["fees"][0]["asset"]) == ("partially_filled", "USD")
    assert last["cum_qty"] == "0.01000000"
    assert "symbol" not in last


async def test_own_orders_and_fills_are_streamed(venue: ScriptedVenue, client: Any) -> None:
    orders = await begun(venue, client.watch_orders())
    fills = asyncio.ensure_future(soon(client.watch_my_trades()))
    await client.create_order(BTC, "market", "buy", "0.01")
    (first, *_) = await orders
    assert (first["status"], first["symbol"]) == ("open", BTC)
    (fill,) = await fills
    (own,) = venue.exchange.journal.fills(ACCOUNT)
    (asked,) = await client.fetch_my_trades()
    assert (fill["id"], fill["order"]) == (asked["id"], asked["order"])
    assert (Decimal(fill["price"]), Decimal(fill["fee"]["cost"])) == (own.price, own.fee)
    assert fill["timestamp"] == asked["timestamp"]


async def test_open_orders_are_told_to_whoever_begins_to_listen(
    venue: ScriptedVenue, client: Any
) -> None:
    placed = await client.create_order(BTC, "limit", "buy", "0.01", "40000")
    (order,) = await soon(client.watch_orders())
    assert (order["id"], order["status"], order["price"]) == (placed["id"], "open", "40000.0")


async def test_balances_are_streamed(venue: ScriptedVenue, client: Any) -> None:
    watching = await begun(venue, client.watch_balance())
    held = await watching
    assert Decimal(held["total"]["USD"]) == DOLLARS["USD"]
    waiting = asyncio.ensure_future(soon(client.watch_balance()))
    await asyncio.sleep(0)
    venue.exchange.hands.deposit(ACCOUNT, "USD", Decimal("0.5"))
    assert Decimal((await waiting)["total"]["USD"]) == DOLLARS["USD"] + Decimal("0.5")


async def test_orders_go_over_the_websocket_too(venue: ScriptedVenue, client: Any) -> None:
    placed = await client.create_order_ws(BTC, "limit", "buy", "0.01", "40000")
    await client.edit_order_ws(placed["id"], BTC, "limit", "buy", "0.02", "41000")
    (order,) = await client.fetch_open_orders()
    assert (order["id"], order["amount"], order["price"]) == (
        *(placed["id"], "0.02000000"),
        "41000.0",
    )
    await client.cancel_order_ws(placed["id"])
    with pytest.raises(ccxt.OrderNotFound, match="EOrder:Unknown order"):
        await client.cancel_order_ws(placed["id"])
    for _ in range(2):
        await client.create_order_ws(BTC, "limit", "buy", "0.01", "40000")
    assert (await client.cancel_all_orders_ws())["result"]["count"] == 2


async def test_a_private_channel_needs_a_good_token(venue: ScriptedVenue, client: Any) -> None:
    async with wire(venue, "ws-auth") as socket:
        answer = await ask(socket, "subscribe", channel="executions", token="guessed")
        assert answer["error"] == "ESession:Invalid session"
        token = (await client.privatePostGetWebSocketsToken())["result"]["token"]
        venue.step(901_000)
        answer = await ask(socket, "subscribe", channel="executions", token=token)
        assert answer["success"] is False


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"channel": "ticker", "symbol": ["NO/SUCH"]}, "Currency pair not supported NO/SUCH"),
        ({"channel": "weather", "symbol": [BTC]}, "Subscription name invalid"),
        ({"channel": "ohlc", "symbol": [BTC], "interval": 7}, "interval not supported"),
        ({"channel": "book", "symbol": [BTC], "depth": 7}, "depth not supported"),
    ],
)
async def test_a_subscription_that_can_not_be_is_refused(
    venue: ScriptedVenue, params: dict[str, Any], text: str
) -> None:
    async with wire(venue) as socket:
        assert text in (await ask(socket, "subscribe", **params))["error"]


async def test_a_second_subscription_is_refused_and_an_end_ends_it(venue: ScriptedVenue) -> None:
    async with wire(venue) as socket:
        ticker = {"channel": "ticker", "symbol": [BTC]}
        assert (await ask(socket, "subscribe", **ticker))["success"] is True
        assert (await ask(socket, "subscribe", **ticker))["error"] == "Already subscribed"
        assert venue.listeners() == ["ticker:BTC/USD:0"]
        assert (await ask(socket, "unsubscribe", **ticker))["success"] is True
        assert venue.listeners() == []


async def test_pings_are_answered(venue: ScriptedVenue) -> None:
    async with wire(venue) as socket:
        assert (await ask(socket, "ping"))["method"] == "pong"


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect.DUPLICATE, [1, 1, 2]),
        (Effect.DROP, [2]),
        (Effect.REORDER, [2, 1]),
    ],
)
async def test_messages_go_wrong_by_the_script(
    venue: ScriptedVenue, client: Any, effect: Effect, expected: list[int]
) -> None:
    token = (await client.privatePostGetWebSocketsToken())["result"]["token"]
    async with wire(venue, "ws-auth") as socket:
        params = {"channel": "executions", "token": token, "snap_orders": False}
        await ask(socket, "subscribe", **params)
        rule = Rule(name="odd", operation="stream.user", effect=effect, remaining=1)
        venue.exchange.faults.add(rule)
        await client.create_order(BTC, "limit", "buy", "0.01", "40000")
        heard_ = [(await heard(socket, "executions"))["sequence"] for _ in expected]
    assert heard_ == expected


async def test_a_cut_stream_is_an_error_and_the_next_watch_connects_anew(
    venue: ScriptedVenue, client: Any
) -> None:
    watching = await begun(venue, client.watch_orders())
    venue.server.kraken.cut()
    with pytest.raises(ccxt.NetworkError):
        await watching
    await soon(venue.until_silent())
    await begun(venue, client.watch_orders())
    assert venue.listeners() == ["executions:main"]
