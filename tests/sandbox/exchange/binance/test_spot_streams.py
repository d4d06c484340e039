"""Spot's streams, watched by an unmodified ccxt.pro client."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from ccxt import BadRequest

from sandbox.exchange.core import Interval
from tests.fakes.exchange import (
    ACCOUNT,
    MINUTE_MS,
    ScriptedVenue,
    scripted_exchange,
    usual_markets,
)
from tests.sandbox.exchange.binance.waiting import begun, soon

BTC = "BTC/USDT"


async def test_an_order_is_told_from_its_birth_to_its_end(venue: ScriptedVenue, spot: Any) -> None:
    watching = await begun(venue, spot.watch_orders())
    price = (venue.exchange.data.last_price("BTCUSDT") * Decimal("0.9")).quantize(Decimal("0.01"))
    placed = await spot.create_order(
        BTC, "limit", "buy", "0.01", str(price), {"clientOrderId": "oc-1"}
    )
    (born,) = await watching
    assert (born["id"], born["clientOrderId"], born["status"]) == (placed["id"], "oc-1", "open")
    watching = asyncio.ensure_future(soon(spot.watch_orders()))
    await spot.cancel_order(placed["id"], BTC)
    (ended,) = await watching
    assert (ended["clientOrderId"], ended["status"]) == ("oc-1", "canceled")


async def test_fills_arrive_with_price_and_commission(venue: ScriptedVenue, spot: Any) -> None:
    watching = await begun(venue, spot.watch_my_trades())
    await spot.create_order(BTC, "market", "buy", "0.001")
    trades = await watching
    fills = venue.exchange.history.fills(ACCOUNT, "BTCUSDT")
    assert [Decimal(trade["price"]) for trade in trades] == [fill.price for fill in fills]
    assert Decimal(str(trades[0]["fee"]["cost"])) == fills[0].commission
    assert trades[0]["fee"]["currency"] == "BTC"


async def test_a_deposit_changes_the_watched_balance(venue: ScriptedVenue, spot: Any) -> None:
    watching = await begun(venue, spot.watch_balance())
    venue.exchange.hands.deposit(ACCOUNT, "BTC", Decimal("0.5"))
    balance = await watching
    assert Decimal(str(balance["BTC"]["free"])) in (Decimal("0.5"), Decimal("2.5"))


async def test_a_closed_bar_is_sent_at_the_turn_of_the_minute(
    venue: ScriptedVenue, spot: Any
) -> None:
    watching = await begun(venue, spot.watch_ohlcv(BTC, "1m"))
    venue.step(MINUTE_MS)
    (row,) = await watching
    bar = venue.exchange.data.bars("BTCUSDT", limit=2)[0]
    assert (row[0], Decimal(str(row[4]))) == (bar.start_ms, bar.close)


async def test_seconds_are_streamed_and_listed_where_a_market_has_them() -> None:
    (bitcoin, ether, *_) = usual_markets()
    markets = [replace(bitcoin, shows_seconds=True), ether]
    async with scripted_exchange(markets=markets) as venue:
        spot = venue.spot()
        watching = await begun(venue, spot.watch_ohlcv(BTC, "1s"))
        venue.step(1000)
        (row,) = await watching
        bar = venue.exchange.data.bars("BTCUSDT", Interval.S1, limit=2)[0]
        assert (row[0], Decimal(str(row[4]))) == (bar.start_ms, bar.close)
        rows = await spot.fetch_ohlcv(BTC, "1s", bar.start_ms - 5000, 4)
        assert [row[0] for row in rows] == [bar.start_ms - 5000 + at * 1000 for at in range(4)]
        with pytest.raises(BadRequest, match="Invalid interval"):
            await spot.fetch_ohlcv("ETH/USDT", "1s")


async def test_the_watched_book_stays_equal_to_the_cores(venue: ScriptedVenue, spot: Any) -> None:
    watching = await begun(venue, spot.watch_order_book(BTC))
    book = await watching
    for _ in range(20):
        venue.step(2000)
        book = await soon(spot.watch_order_book(BTC))
    depth = venue.exchange.data.depth("BTCUSDT", 10)
    assert [(Decimal(str(p)), Decimal(str(q))) for p, q in book["bids"][:10]] == list(depth.bids)
    assert [(Decimal(str(p)), Decimal(str(q))) for p, q in book["asks"][:10]] == list(depth.asks)
    assert book["nonce"] == depth.update_id


@pytest.mark.parametrize("name", ["trade", "aggTrade"])
async def test_prints_arrive_as_they_happen(venue: ScriptedVenue, spot: Any, name: str) -> None:
    spot.options["watchTrades"] = {"name": name}
    spot.options["watchTradesForSymbols"] = {"name": name}
    watching = await begun(venue, spot.watch_trades(BTC))
    venue.step(MINUTE_MS)
    trades = await watching
    known = {trade.trade_id: trade for trade in venue.exchange.data.trades("BTCUSDT", limit=1000)}
    assert all(Decimal(t["price"]) == known[int(t["id"])].price for t in trades)


WATCHES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "btcusdt@ticker": lambda spot: spot.watch_ticker(BTC, {"name": "ticker"}),
    "btcusdt@miniTicker": lambda spot: spot.watch_tickers([BTC]),
    "!miniTicker@arr": lambda spot: spot.watch_tickers(),
    "btcusdt@bookTicker": lambda spot: spot.watch_bids_asks([BTC]),
}


@pytest.mark.parametrize("stream", WATCHES)
async def test_tickers_and_best_prices_arrive(venue: ScriptedVenue, spot: Any, stream: str) -> None:
    watching = await begun(venue, WATCHES[stream](spot))
    assert venue.listeners() == [stream]
    venue.step(2000)
    told = await watching
    ticker = told if "symbol" in told else told[BTC]
    assert ticker["symbol"] == BTC
    assert Decimal(str(ticker["last"] or ticker["bid"])) > 0


async def test_orders_are_placed_and_cancelled_over_the_websocket(
    venue: ScriptedVenue, spot: Any
) -> None:
    price = (venue.exchange.data.last_price("BTCUSDT") * Decimal("0.9")).quantize(Decimal("0.01"))
    placed = await soon(
        spot.create_order_ws(BTC, "limit", "buy", "0.01", str(price), {"clientOrderId": "w-1"})
    )
    assert (placed["status"], placed["clientOrderId"]) == ("open", "w-1")
    found = await soon(spot.fetch_order_ws(placed["id"], BTC))
    assert found["id"] == placed["id"]
    assert len(await soon(spot.fetch_open_orders_ws(BTC))) == 1
    cancelled = await soon(spot.cancel_order_ws(placed["id"], BTC))
    assert cancelled["status"] == "canceled"


async def test_what_is_not_watched_any_more_is_not_sent(venue: ScriptedVenue, spot: Any) -> None:
    watching = await begun(venue, spot.watch_trades(BTC))
    venue.step(2000)
    await watching
    await soon(spot.un_watch_trades(BTC))
    assert venue.listeners() == []
