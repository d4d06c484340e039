"""USD-M futures over REST, asked by an unmodified ccxt client."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core.kinds import MarginMode, Wallet
from tests.fakes.exchange import ACCOUNT, MINUTE_MS, ScriptedVenue, scripted_exchange

BTC = "BTC/USDT:USDT"
CORE = "BTCUSDT-PERP"


def price_at(venue: ScriptedVenue, fraction: str) -> str:
    """A price that many times the last one, on the tick."""
    last = venue.exchange.data.last_price(CORE)
    return str((last * Decimal(fraction)).quantize(Decimal("0.1")))


async def resting(venue: ScriptedVenue, linear: Any, client_id: str = "oc-1") -> dict[str, Any]:
    return await linear.create_order(
        BTC, "limit", "buy", "0.01", price_at(venue, "0.9"), {"clientOrderId": client_id}
    )


async def test_contracts_have_their_increments(linear: Any) -> None:
    market = linear.market(BTC)
    assert (market["swap"], market["linear"], market["contractSize"]) == (True, True, "1")
    assert Decimal(market["precision"]["price"]) == Decimal("0.1")
    assert Decimal(market["precision"]["amount"]) == Decimal("0.001")
    assert Decimal(market["limits"]["cost"]["min"]) == 5


async def test_a_market_known_to_both_halves_is_two_markets(venue: ScriptedVenue) -> None:
    client = venue.both(number=str)
    await client.load_markets()
    assert client.market("BTC/USDT")["id"] == client.market(BTC)["id"] == "BTCUSDT"
    contract = await client.fetch_ticker(BTC)
    assert Decimal(contract["last"]) == venue.exchange.data.last_price(CORE)
    spot = await client.fetch_ticker("BTC/USDT")
    assert Decimal(spot["last"]) == venue.exchange.data.last_price("BTCUSDT")


async def test_public_data_agree_with_the_core(venue: ScriptedVenue, linear: Any) -> None:
    venue.step(MINUTE_MS)
    rows = await linear.fetch_ohlcv(BTC, "1m", limit=2)
    bars = venue.exchange.data.bars(CORE, limit=2)
    assert [Decimal(row[4]) for row in rows] == [bar.close for bar in bars]
    book = await linear.fetch_order_book(BTC, 5)
    best = venue.exchange.data.best(CORE)
    assert best.ask is not None
    assert Decimal(str(book["asks"][0][0])) == best.ask[0]
    assert len(await linear.fetch_trades(BTC, limit=3)) == 3
    funding = await linear.fetch_funding_rate(BTC)
    assert Decimal(funding["markPrice"]) == venue.exchange.data.mark_price(CORE)
    assert await linear.fetch_time() == venue.exchange.now_ms


async def test_the_balance_is_the_futures_wallet(linear: Any) -> None:
    for params in ({}, {"useV2": True}):
        balance = await linear.fetch_balance(params)
        assert Decimal(balance["USDT"]["free"]) == 100_000
        assert "BTC" not in balance


async def test_a_market_order_opens_a_position(venue: ScriptedVenue, linear: Any) -> None:
    order = await linear.create_order(BTC, "market", "buy", "0.5")
    assert (order["status"], Decimal(order["filled"])) == ("closed", Decimal("0.5"))
    (core,) = venue.exchange.accounts.positions(ACCOUNT)
    assert Decimal(order["average"]).quantize(Decimal("0.01")) == core.entry_price.quantize(
        Decimal("0.01")
    )
    for params in ({}, {"useV2": True}):
        (position,) = [
            item for item in await linear.fetch_positions(None, params) if item["contracts"] != "0"
        ]
        assert (position["symbol"], position["side"]) == (BTC, "long")
        assert Decimal(position["contracts"]) == Decimal("0.5")
        assert Decimal(position["entryPrice"]) == core.entry_price
        assert Decimal(position["unrealizedPnl"]).quantize(Decimal("0.01")) == (
            core.unrealized_pnl.quantize(Decimal("0.01"))
        )
    (by_account,) = [
        item
        for item in await linear.fetch_positions(None, {"method": "account"})
        if item["contracts"] != "0"
    ]
    assert Decimal(by_account["contracts"]) == Decimal("0.5")


async def test_shorts_are_negative_and_closing_realizes(venue: ScriptedVenue, linear: Any) -> None:
    await linear.create_order(BTC, "market", "sell", "0.2")
    (position,) = await linear.fetch_positions([BTC])
    assert (position["side"], Decimal(position["contracts"])) == ("short", Decimal("0.2"))
    venue.exchange.hands.shock(CORE, Decimal("-0.02"))
    venue.step(1000)
    await linear.create_order(BTC, "market", "buy", "0.2", params={"reduceOnly": True})
    trades = await linear.fetch_my_trades(BTC)
    realized = sum(Decimal(trade["info"]["realizedPnl"]) for trade in trades)
    assert realized > 0
    income = await linear.fapiprivate_get_income({"incomeType": "REALIZED_PNL"})
    assert sum(Decimal(entry["income"]) for entry in income) == realized
    assert [item for item in await linear.fetch_positions() if item["contracts"] != "0"] == []


async def test_an_order_rests_is_found_amended_and_cancelled(
    venue: ScriptedVenue, linear: Any
) -> None:
    placed = await resting(venue, linear)
    assert placed["status"] == "open"
    assert (await linear.fetch_order(None, BTC, {"clientOrderId": "oc-1"}))["id"] == placed["id"]
    assert (await linear.fetch_open_order(placed["id"], BTC))["id"] == placed["id"]
    assert [order["id"] for order in await linear.fetch_open_orders()] == [placed["id"]]
    changed = await linear.edit_order(
        placed["id"], BTC, "limit", "buy", "0.02", price_at(venue, "0.91")
    )
    assert (changed["id"], Decimal(changed["amount"])) == (placed["id"], Decimal("0.02"))
    cancelled = await linear.cancel_order(placed["id"], BTC)
    assert (cancelled["status"], cancelled["clientOrderId"]) == ("canceled", "oc-1")
    with pytest.raises(ccxt.OrderNotFound):
        await linear.fetch_open_order(placed["id"], BTC)
    assert (await linear.fetch_orders(BTC))[0]["status"] == "canceled"


async def test_many_orders_at_once_succeed_or_fail_each_for_itself(
    venue: ScriptedVenue, linear: Any
) -> None:
    price = price_at(venue, "0.9")
    orders = await linear.create_orders(
        [
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": "0.01", "price": price},
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": "5000", "price": price},
        ]
    )
    told = {order["status"]: order for order in orders}  # ccxt sorts them
    assert set(told) == {"open", "rejected"}
    assert told["rejected"]["info"]["code"] == -4005
    (cancelled,) = await linear.cancel_orders([told["open"]["id"], "999"], BTC)
    assert cancelled["status"] == "canceled"  # ccxt leaves the failed one out
    assert [item.get("code") for item in linear.last_json_response] == [None, -2011]


async def test_many_orders_are_amended_at_once(venue: ScriptedVenue, linear: Any) -> None:
    placed = [await resting(venue, linear, name) for name in ("a", "b")]
    changed = await linear.edit_orders(
        [
            {
                **{"id": order["id"], "symbol": BTC, "type": "limit", "side": "buy"},
                **{"amount": "0.02", "price": price_at(venue, "0.91")},
            }
            for order in placed
        ]
    )
    assert [Decimal(order["amount"]) for order in changed] == [Decimal("0.02")] * 2


async def test_a_client_with_nothing_but_a_key_loads_every_market(venue: ScriptedVenue) -> None:
    """ccxt then asks for currencies, margin pairs and COIN-M markets as well."""
    client = venue.plain()
    assert set(await client.load_markets()) == {
        *("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT", "ETH/USDT:USDT")
    }


async def test_conditional_orders_live_in_the_algo_service(
    venue: ScriptedVenue, linear: Any
) -> None:
    await linear.create_order(BTC, "market", "buy", "0.1")
    stop = await linear.create_order(
        *(BTC, "market", "sell", "0.1"),
        params={
            "stopLossPrice": price_at(venue, "0.95"),
            "reduceOnly": True,
            "clientOrderId": "stop-1",
        },
    )
    assert (stop["status"], stop["clientOrderId"]) == ("open", "stop-1")
    assert await linear.fetch_open_orders(BTC) == []
    (waiting,) = await linear.fetch_open_orders(BTC, params={"trigger": True})
    assert (waiting["id"], waiting["info"]["orderType"]) == (stop["id"], "STOP_MARKET")
    found = await linear.fetch_order(None, BTC, {"trigger": True, "clientOrderId": "stop-1"})
    assert found["id"] == stop["id"]
    with pytest.raises(ccxt.OrderNotFound):
        await linear.fetch_order(stop["id"], BTC)
    await linear.cancel_all_orders(BTC)  # spares it
    assert len(await linear.fetch_open_orders(BTC, params={"trigger": True})) == 1
    await linear.cancel_order(stop["id"], BTC, {"trigger": True})
    with pytest.raises(ccxt.OrderNotFound):
        await linear.cancel_order(stop["id"], BTC, {"trigger": True})
    (ended,) = await linear.fetch_orders(BTC, params={"trigger": True})
    assert ended["status"] == "canceled"


async def test_a_triggered_algo_makes_an_order_of_its_own(
    venue: ScriptedVenue, linear: Any
) -> None:
    await linear.create_order(BTC, "market", "buy", "0.1")
    stop = await linear.create_order(
        *(BTC, "market", "sell", "0.1"),
        params={"stopLossPrice": price_at(venue, "0.97"), "reduceOnly": True},
    )
    venue.exchange.hands.shock(CORE, Decimal("-0.05"))
    venue.step(1000)
    ended = await linear.fetch_order(stop["id"], BTC, {"trigger": True})
    assert ended["status"] == "closed"
    made = await linear.fetch_order(ended["info"]["actualOrderId"], BTC)
    assert (made["side"], made["status"]) == ("sell", "closed")
    assert venue.exchange.accounts.positions(ACCOUNT) == ()


async def test_the_old_way_of_conditional_orders_is_refused(linear: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-4120"):
        await linear.fapiprivate_post_order(
            {
                "symbol": "BTCUSDT",
                "side": "SELL",
                "type": "STOP_MARKET",
                "quantity": "0.01",
                "stopPrice": "40000",
            }
        )


async def test_the_dead_man_timer_cancels_and_spares_algos(
    venue: ScriptedVenue, linear: Any
) -> None:
    placed = await resting(venue, linear)
    await linear.create_order(
        BTC, "market", "sell", "0.1", params={"stopLossPrice": price_at(venue, "0.9")}
    )
    await linear.fapiprivate_post_countdowncancelall({"symbol": "BTCUSDT", "countdownTime": 5000})
    venue.step(4_999)
    assert (await linear.fetch_order(placed["id"], BTC))["status"] == "open"
    venue.step(1)
    assert (await linear.fetch_order(placed["id"], BTC))["status"] in ("canceled", "expired")
    assert len(await linear.fetch_open_orders(BTC, params={"trigger": True})) == 1


async def test_settings_are_read_and_written(venue: ScriptedVenue, linear: Any) -> None:
    assert (await linear.fetch_position_mode())["hedged"] is False
    assert (await linear.fetch_margin_mode(BTC))["marginMode"] == "cross"
    assert (await linear.fetch_leverages([BTC]))[BTC]["longLeverage"] == 20
    await linear.set_leverage(10, BTC)
    await linear.set_margin_mode("isolated", BTC)
    await linear.set_position_mode(True)
    desk = venue.exchange.accounts
    assert (desk.leverage(ACCOUNT, CORE), desk.margin_mode(ACCOUNT, CORE)) == (
        10,
        MarginMode.ISOLATED,
    )
    assert desk.hedge_mode(ACCOUNT) is True
    with pytest.raises(ccxt.MarginModeAlreadySet):
        await linear.set_margin_mode("isolated", BTC)
    with pytest.raises(ccxt.ExchangeError, match="-4028"):
        await linear.fapiprivate_post_leverage({"symbol": "BTCUSDT", "leverage": 999})


async def test_longs_and_shorts_are_kept_apart_in_hedge_mode() -> None:
    async with scripted_exchange(hedge_mode=True) as venue:
        linear = venue.linear(number=str)
        await linear.create_order(BTC, "market", "buy", "0.2", params={"hedged": True})
        await linear.create_order(BTC, "market", "sell", "0.1", params={"hedged": True})
        positions = await linear.fetch_positions([BTC])
        assert {(item["side"], Decimal(item["contracts"])) for item in positions} == {
            ("long", Decimal("0.2")),
            ("short", Decimal("0.1")),
        }
        with pytest.raises(ccxt.ExchangeError, match="-4061"):
            await linear.create_order(BTC, "market", "buy", "0.2")


async def test_funding_and_transfers_are_income(venue: ScriptedVenue, linear: Any) -> None:
    await linear.create_order(BTC, "market", "buy", "0.1")
    venue.exchange.hands.fund(CORE, Decimal("0.0005"))
    (paid,) = await linear.fetch_funding_history(BTC)
    assert Decimal(paid["amount"]) < 0
    venue.exchange.accounts.transfer(ACCOUNT, "USDT", Decimal(50), Wallet.SPOT, Wallet.LINEAR)
    ledger = await linear.fetch_ledger("USDT")
    kinds = {entry["info"]["incomeType"] for entry in ledger}
    assert kinds == {"TRANSFER", "COMMISSION", "FUNDING_FEE"}
    rates = await linear.fetch_funding_rate_history(BTC)
    assert Decimal(rates[-1]["fundingRate"]) == Decimal("0.0005")


async def test_brackets_and_configuration_are_told(linear: Any) -> None:
    tiers = await linear.fetch_leverage_tiers([BTC])
    assert Decimal(tiers[BTC][0]["maxLeverage"]) == 125
    config = await linear.fapiprivate_get_accountconfig()
    assert config["dualSidePosition"] is False
