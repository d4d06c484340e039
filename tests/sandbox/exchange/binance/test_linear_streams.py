"""The streams of USD-M futures, watched by an unmodified ccxt.pro client."""

import asyncio
from decimal import Decimal
from typing import Any

from sandbox.exchange.core.kinds import Wallet
from tests.fakes.exchange import ACCOUNT, MINUTE_MS, ScriptedVenue
from tests.sandbox.exchange.binance.waiting import begun, soon

BTC = "BTC/USDT:USDT"
CORE = "BTCUSDT-PERP"


def price_at(venue: ScriptedVenue, fraction: str) -> str:
    last = venue.exchange.data.last_price(CORE)
    return str((last * Decimal(fraction)).quantize(Decimal("0.1")))


async def test_an_order_and_its_fills_are_told(venue: ScriptedVenue, linear: Any) -> None:
    watching = await begun(venue, linear.watch_my_trades())
    placed = await linear.create_order(
        BTC, "market", "buy", "0.1", params={"clientOrderId": "oc-1"}
    )
    trades = await watching
    fills = venue.exchange.history.fills(ACCOUNT, CORE)
    assert [Decimal(str(trade["price"])) for trade in trades] == [fill.price for fill in fills]
    assert {trade["order"] for trade in trades} == {placed["id"]}
    assert Decimal(str(trades[0]["fee"]["cost"])) == fills[0].commission
    assert linear.orders[0]["clientOrderId"] == "oc-1"


async def test_a_position_and_its_balance_come_in_one_message(
    venue: ScriptedVenue, linear: Any
) -> None:
    await linear.load_leverage_brackets()
    linear.options["watchPositions"] = {"fetchPositionsSnapshot": False}
    watching = await begun(venue, linear.watch_positions())
    balance = asyncio.ensure_future(soon(linear.watch_balance()))
    await linear.create_order(BTC, "market", "buy", "0.1")
    (position,) = await watching
    assert (position["symbol"], position["side"]) == (BTC, "long")
    (core,) = venue.exchange.accounts.positions(ACCOUNT)
    assert Decimal(str((await balance)["USDT"]["total"])) == (
        venue.exchange.accounts.balance(ACCOUNT, "USDT", Wallet.LINEAR).total
    )
    assert Decimal(str(position["entryPrice"])) == core.entry_price


async def test_a_conditional_order_is_told_by_the_algo_service(
    venue: ScriptedVenue, linear: Any
) -> None:
    await linear.create_order(BTC, "market", "buy", "0.1")
    watching = await begun(venue, linear.watch_orders())
    stop = await linear.create_order(
        *(BTC, "market", "sell", "0.1"),
        params={"stopLossPrice": price_at(venue, "0.97"), "clientOrderId": "stop-1"},
    )
    (born,) = await watching
    assert (born["id"], born["clientOrderId"], born["status"]) == (stop["id"], "stop-1", "open")
    venue.exchange.hands.shock(CORE, Decimal("-0.05"))
    venue.step(1000)
    seen: dict[str, str] = {}
    while seen.get(stop["id"]) != "closed" or len(seen) < 2:
        for order in await soon(linear.watch_orders()):
            seen[order["id"]] = order["status"]
    assert set(seen.values()) == {"closed"}  # the algo and the order that it made


async def test_a_liquidation_is_told_with_its_foreign_name(
    venue: ScriptedVenue, linear: Any
) -> None:
    await linear.create_order(BTC, "market", "buy", "0.1")
    watching = await begun(venue, linear.watch_orders())
    venue.exchange.hands.liquidate(ACCOUNT, CORE)
    venue.step(0)
    (order,) = await watching
    assert order["clientOrderId"].startswith("autoclose-")
    assert order["info"]["x"] in ("NEW", "CALCULATED")


async def test_funding_is_told_as_its_own_reason(venue: ScriptedVenue, linear: Any) -> None:
    await linear.create_order(BTC, "market", "buy", "0.1")
    watching = await begun(venue, linear.watch_balance())
    venue.exchange.hands.fund(CORE, Decimal("0.0005"))
    venue.step(0)
    balance = await watching
    assert balance["info"]["a"]["m"] == "FUNDING_FEE"
    assert Decimal(balance["info"]["a"]["B"][0]["bc"]) < 0


async def test_the_watched_book_stays_equal_to_the_cores(venue: ScriptedVenue, linear: Any) -> None:
    book = await (await begun(venue, linear.watch_order_book(BTC)))
    for _ in range(20):
        venue.step(2000)
        book = await soon(linear.watch_order_book(BTC))
    depth = venue.exchange.data.depth(CORE, 10)
    assert [(Decimal(str(p)), Decimal(str(q))) for p, q in book["bids"][:10]] == list(depth.bids)
    assert [(Decimal(str(p)), Decimal(str(q))) for p, q in book["asks"][:10]] == list(depth.asks)


async def test_bars_prints_marks_and_tickers_arrive(venue: ScriptedVenue, linear: Any) -> None:
    bars = await begun(venue, linear.watch_ohlcv(BTC, "1m"))
    prints = await begun(venue, linear.watch_trades(BTC))
    marks = await begun(venue, linear.watch_mark_price(BTC))
    ticker = await begun(venue, linear.watch_ticker(BTC, {"name": "ticker"}))
    best = await begun(venue, linear.watch_bids_asks([BTC]))
    venue.step(MINUTE_MS)
    (row,) = await bars
    closed = venue.exchange.data.bars(CORE, limit=2)[0]
    assert (row[0], Decimal(str(row[4]))) == (closed.start_ms, closed.close)
    assert (await prints)[0]["symbol"] == BTC
    assert Decimal(str((await marks)["markPrice"])) > 0
    assert Decimal(str((await ticker)["last"])) == venue.exchange.data.last_price(CORE)
    assert BTC in await best


async def test_a_listen_key_that_was_not_kept_ends_its_stream(
    venue: ScriptedVenue, linear: Any
) -> None:
    watching = await begun(venue, linear.watch_orders())
    watching.cancel()
    assert venue.listeners() == ["user:main"]
    await linear.fapiprivate_put_listenkey()
    venue.step(59 * MINUTE_MS)
    assert venue.listeners() == ["user:main"]
    venue.step(MINUTE_MS)
    await soon(venue.until_silent())


async def test_orders_are_placed_and_cancelled_over_the_websocket(
    venue: ScriptedVenue, linear: Any
) -> None:
    placed = await soon(
        linear.create_order_ws(
            BTC, "limit", "buy", "0.01", price_at(venue, "0.9"), {"clientOrderId": "w-1"}
        )
    )
    assert (placed["status"], placed["clientOrderId"]) == ("open", "w-1")
    stop = await soon(
        linear.create_order_ws(
            *(BTC, "market", "sell", "0.01"), params={"stopLossPrice": price_at(venue, "0.9")}
        )
    )
    assert stop["info"]["algoStatus"] == "NEW"
    cancelled = await soon(linear.cancel_order_ws(placed["id"], BTC))
    assert cancelled["status"] == "canceled"
    await soon(linear.cancel_order_ws(stop["id"], BTC, {"trigger": True}))
    assert venue.exchange.history.open_algos(ACCOUNT) == ()
