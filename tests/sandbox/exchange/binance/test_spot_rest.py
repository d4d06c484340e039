"""Spot over REST, asked by an unmodified ccxt client: what it parses is what the core holds."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core.kinds import Permission, Side, Wallet
from tests.fakes.exchange import ACCOUNT, MINUTE_MS, ScriptedVenue

BTC = "BTC/USDT"


def last(venue: ScriptedVenue, symbol: str = "BTCUSDT") -> Decimal:
    return venue.exchange.data.last_price(symbol)


def far_below(venue: ScriptedVenue) -> str:
    return str((last(venue) * Decimal("0.9")).quantize(Decimal("0.01")))


async def resting(venue: ScriptedVenue, spot: Any, client_id: str = "oc-1") -> dict[str, Any]:
    return await spot.create_order(
        BTC, "limit", "buy", "0.01", far_below(venue), {"clientOrderId": client_id}
    )


async def test_markets_have_their_increments_and_bounds(spot: Any) -> None:
    market = spot.market(BTC)
    assert (market["spot"], market["active"]) == (True, True)
    assert Decimal(market["precision"]["price"]) == Decimal("0.01")
    assert Decimal(market["precision"]["amount"]) == Decimal("0.00001")
    assert Decimal(market["limits"]["cost"]["min"]) == 5
    assert Decimal(market["limits"]["amount"]["max"]) == 9000


async def test_time_is_the_shown_one(venue: ScriptedVenue, spot: Any) -> None:
    assert await spot.fetch_time() == venue.exchange.now_ms
    venue.exchange.clock.set(venue.exchange.now_ms, 700)
    assert await spot.fetch_time() == venue.exchange.now_ms + 700


async def test_bars_are_the_cores_and_the_last_one_is_forming(
    venue: ScriptedVenue, spot: Any
) -> None:
    venue.step(30_000)
    rows = await spot.fetch_ohlcv(BTC, "1m", limit=3)
    bars = venue.exchange.data.bars("BTCUSDT", limit=3)
    assert [[row[0], *map(Decimal, row[1:])] for row in rows] == [
        [bar.start_ms, bar.open, bar.high, bar.low, bar.close, bar.volume] for bar in bars
    ]
    assert not bars[-1].is_closed


async def test_bars_are_found_from_a_time_on(venue: ScriptedVenue, spot: Any) -> None:
    since = venue.exchange.now_ms - 10 * MINUTE_MS
    rows = await spot.fetch_ohlcv(BTC, "1m", since, 4)
    assert [row[0] for row in rows] == [since + index * MINUTE_MS for index in range(4)]
    assert len(await spot.fetch_ohlcv(BTC, "5m", limit=2)) == 2


async def test_book_ticker_and_prints_agree_with_the_core(venue: ScriptedVenue, spot: Any) -> None:
    venue.step(MINUTE_MS)
    book = await spot.fetch_order_book(BTC, 5)
    best = venue.exchange.data.best("BTCUSDT")
    assert best.bid is not None
    assert Decimal(str(book["bids"][0][0])) == best.bid[0]
    assert book["nonce"] == best.update_id
    ticker = await spot.fetch_ticker(BTC)
    assert Decimal(ticker["last"]) == last(venue)
    assert set(await spot.fetch_tickers()) == {BTC, "ETH/USDT"}
    prints = await spot.fetch_trades(BTC, limit=5)
    newest = venue.exchange.data.trades("BTCUSDT", limit=1)[0]
    assert Decimal(prints[-1]["price"]) == newest.price
    assert prints[-1]["side"] == newest.taker_side.value


async def test_balances_are_the_spot_wallet(spot: Any) -> None:
    balance = await spot.fetch_balance()
    assert Decimal(balance["USDT"]["free"]) == 100_000
    assert Decimal(balance["BTC"]["total"]) == 2


async def test_a_market_order_is_answered_with_all_its_fills(
    venue: ScriptedVenue, spot: Any
) -> None:
    order = await spot.create_order(BTC, "market", "buy", "1.9", params={"clientOrderId": "oc-m"})
    fills = venue.exchange.history.fills(ACCOUNT, "BTCUSDT")
    assert len(fills) > 1  # it walked the book
    assert (order["status"], order["clientOrderId"]) == ("closed", "oc-m")
    assert Decimal(order["filled"]) == Decimal("1.9")
    assert Decimal(order["cost"]) == sum(fill.value for fill in fills)
    assert [Decimal(trade["price"]) for trade in order["trades"]] == [f.price for f in fills]
    assert {fee["currency"] for fee in order["fees"]} == {"BTC"}


async def test_a_market_order_can_be_sized_in_the_quote(spot: Any) -> None:
    order = await spot.create_market_buy_order_with_cost(BTC, 1000)
    assert Decimal("990") < Decimal(order["cost"]) <= 1000


async def test_a_limit_order_rests_is_found_and_is_cancelled(
    venue: ScriptedVenue, spot: Any
) -> None:
    placed = await resting(venue, spot)
    assert placed["status"] == "open"
    assert Decimal((await spot.fetch_balance())["USDT"]["used"]) > 0
    by_id = await spot.fetch_order(placed["id"], BTC)
    by_client_id = await spot.fetch_order(None, BTC, {"clientOrderId": "oc-1"})
    assert by_id["id"] == by_client_id["id"] == placed["id"]
    assert [order["id"] for order in await spot.fetch_open_orders(BTC)] == [placed["id"]]
    assert [order["id"] for order in await spot.fetch_open_orders()] == [placed["id"]]
    cancelled = await spot.cancel_order(None, BTC, {"clientOrderId": "oc-1"})
    assert cancelled["status"] == "canceled"
    assert await spot.fetch_open_orders(BTC) == []
    orders = await spot.fetch_orders(BTC)
    assert [(order["id"], order["status"]) for order in orders] == [(placed["id"], "canceled")]
    assert Decimal((await spot.fetch_balance())["USDT"]["used"]) == 0


async def test_cancelling_all_leaves_nothing_open(venue: ScriptedVenue, spot: Any) -> None:
    for client_id in ("a-1", "a-2"):
        await resting(venue, spot, client_id)
    cancelled = await spot.cancel_all_orders(BTC)
    assert [order["status"] for order in cancelled] == ["canceled", "canceled"]
    with pytest.raises(ccxt.OrderNotFound):
        await spot.cancel_all_orders(BTC)


async def test_own_trades_are_paged_by_id(venue: ScriptedVenue, spot: Any) -> None:
    await spot.create_order(BTC, "market", "buy", "1.9")
    fills = venue.exchange.history.fills(ACCOUNT, "BTCUSDT")
    page = await spot.fetch_my_trades(BTC, limit=2, params={"fromId": fills[1].trade_id})
    assert [int(trade["id"]) for trade in page] == [fill.trade_id for fill in fills[1:3]]
    assert Decimal(page[0]["fee"]["cost"]) == fills[1].commission
    assert page[0]["takerOrMaker"] == "taker"


async def test_amending_cancels_one_order_and_places_another(
    venue: ScriptedVenue, spot: Any
) -> None:
    placed = await resting(venue, spot)
    changed = await spot.edit_order(
        placed["id"], BTC, "limit", "buy", "0.02", far_below(venue), {"clientOrderId": "oc-2"}
    )
    assert (changed["status"], changed["clientOrderId"]) == ("open", "oc-2")
    assert (await spot.fetch_order(placed["id"], BTC))["status"] == "canceled"


async def test_amending_an_order_that_is_gone_places_nothing(
    venue: ScriptedVenue, spot: Any
) -> None:
    placed = await resting(venue, spot)
    await spot.cancel_order(placed["id"], BTC)
    with pytest.raises(ccxt.ExchangeError, match="cancel-replace failed"):
        await spot.edit_order(placed["id"], BTC, "limit", "buy", "0.02", far_below(venue))
    assert await spot.fetch_open_orders(BTC) == []


async def test_a_stop_waits_and_becomes_a_market_order(venue: ScriptedVenue, spot: Any) -> None:
    trigger = str((last(venue) * Decimal("0.98")).quantize(Decimal("0.01")))
    stop = await spot.create_order(
        BTC, "market", "sell", "0.5", params={"stopLossPrice": trigger, "clientOrderId": "s-1"}
    )
    assert stop["id"] is not None
    waiting = await spot.fetch_order(stop["id"], BTC)
    assert (waiting["status"], Decimal(waiting["triggerPrice"])) == ("open", Decimal(trigger))
    assert waiting["info"]["type"] == "STOP_LOSS"
    venue.exchange.hands.shock("BTCUSDT", Decimal("-0.05"))
    venue.step(1000)
    assert (await spot.fetch_order(stop["id"], BTC))["status"] == "closed"


async def test_a_test_order_places_nothing(venue: ScriptedVenue, spot: Any) -> None:
    await spot.create_order(BTC, "limit", "buy", "0.01", far_below(venue), {"test": True})
    assert await spot.fetch_orders(BTC) == []


async def test_post_only_and_immediate_orders_keep_their_word(
    venue: ScriptedVenue, spot: Any
) -> None:
    above = str((last(venue) * Decimal("1.01")).quantize(Decimal("0.01")))
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await spot.create_order(BTC, "limit", "buy", "0.01", above, {"postOnly": True})
    maker = await spot.create_order(
        BTC, "limit", "buy", "0.01", far_below(venue), {"postOnly": True}
    )
    assert (maker["status"], maker["postOnly"]) == ("open", True)
    ioc = await spot.create_order(
        BTC, "limit", "buy", "0.01", far_below(venue), {"timeInForce": "IOC"}
    )
    assert ioc["status"] == "expired"


async def test_deposits_and_withdrawals_are_listed(venue: ScriptedVenue, spot: Any) -> None:
    since = venue.exchange.now_ms
    venue.step(1000)
    venue.exchange.hands.deposit(ACCOUNT, "BTC", Decimal("0.5"))
    venue.exchange.hands.withdraw(ACCOUNT, "USDT", Decimal(100))
    venue.exchange.hands.deposit(ACCOUNT, "USDT", Decimal(7), Wallet.LINEAR)
    deposits = await spot.fetch_deposits(None, since + 1)
    assert [(item["currency"], Decimal(item["amount"])) for item in deposits] == [
        ("BTC", Decimal("0.5"))
    ]
    withdrawals = await spot.fetch_withdrawals()
    assert [(item["status"], Decimal(item["amount"])) for item in withdrawals] == [("ok", 100)]


async def test_the_rights_of_the_key_are_told(venue: ScriptedVenue, spot: Any) -> None:
    told = await spot.sapi_get_account_apirestrictions()
    assert (told["enableSpotAndMarginTrading"], told["enableWithdrawals"]) == (True, False)
    assert told["ipRestrict"] is True
    venue.exchange.accounts.add_key(
        ACCOUNT,
        spot.apiKey,
        spot.secret,
        permissions={Permission.READ, Permission.WITHDRAW},
        ip_restricted=False,
    )
    told = await spot.sapi_get_account_apirestrictions()
    assert (told["enableSpotAndMarginTrading"], told["enableWithdrawals"]) == (False, True)


async def test_used_weight_and_orders_are_in_the_headers(venue: ScriptedVenue, spot: Any) -> None:
    await resting(venue, spot)
    headers = spot.last_response_headers
    assert int(headers["X-MBX-USED-WEIGHT-1M"]) >= 21  # markets and an order
    assert headers["X-MBX-ORDER-COUNT-10S"] == "1"


async def test_the_retired_listen_key_of_spot_is_gone(spot: Any) -> None:
    with pytest.raises(ccxt.ExchangeNotAvailable, match="410"):
        await spot.public_post_userdatastream()


async def test_trades_of_the_owner_by_hand_are_seen(venue: ScriptedVenue, spot: Any) -> None:
    venue.exchange.hands.manual_trade(ACCOUNT, "BTCUSDT", Side.SELL, Decimal("0.1"))
    (trade,) = await spot.fetch_my_trades(BTC)
    order = await spot.fetch_order(trade["order"], BTC)
    assert (trade["side"], order["status"]) == ("sell", "closed")
    assert order["clientOrderId"].startswith("web_")
