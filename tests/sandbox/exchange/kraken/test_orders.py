"""ccxt's orders, histories and money against the Kraken face."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from sandbox.exchange.core import OrderRequest
from sandbox.exchange.core.kinds import OrderType, Permission, Side
from tests.fakes.exchange import ACCOUNT, KRAKEN_KEY, KRAKEN_SECRET, MINUTE_MS, ScriptedVenue

BTC = "BTC/USD"
UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"


async def bought(client: Any, quantity: str = "0.5", **params: Any) -> str:
    placed = await client.create_order(BTC, "market", "buy", quantity, None, params)
    return str(placed["id"])


async def rests(client: Any, price: str = "40000", **params: Any) -> str:
    placed = await client.create_order(BTC, "limit", "buy", "0.01", price, params)
    return str(placed["id"])


async def test_a_market_order_fills_and_pays_its_fee_in_the_quote(
    venue: ScriptedVenue, client: Any
) -> None:
    order = await client.fetch_order(await bought(client, clientOrderId=UUID))
    assert (order["status"], order["clientOrderId"], order["filled"]) == (
        *("closed", UUID),
        "0.50000000",
    )
    trades = await client.fetch_my_trades(BTC)
    own = venue.exchange.journal.fills(ACCOUNT)
    told = {(t["price"], t["amount"], t["fee"]["cost"]) for t in trades}
    assert {tuple(map(Decimal, texts)) for texts in told} == {
        (entry.price, entry.quantity, entry.fee) for entry in own
    }
    assert {trade["fee"]["currency"] for trade in trades} == {"USD"}
    assert sorted(order["info"]["trades"]) == sorted(trade["id"] for trade in trades)
    paid = sum(Decimal(t["cost"]) + Decimal(t["fee"]["cost"]) for t in trades)
    held = await client.fetch_balance()
    assert Decimal(held["total"]["USD"]) == Decimal(100_000) - paid


async def test_a_limit_order_rests_holds_its_cost_and_is_cancelled_by_our_id(client: Any) -> None:
    name = await rests(client, clientOrderId="mine-1")
    (order,) = await client.fetch_open_orders(BTC)
    assert (order["id"], order["clientOrderId"], order["price"], order["status"]) == (
        *(name, "mine-1"),
        *("40000.0", "open"),
    )
    held = await client.fetch_balance()
    assert Decimal(held["used"]["USD"]) >= 400
    await client.cancel_order(None, BTC, {"clientOrderId": "mine-1"})
    assert await client.fetch_open_orders(BTC) == []
    (ended,) = await client.fetch_closed_orders(BTC)
    assert (ended["status"], ended["info"]["reason"]) == ("canceled", "User requested")
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order(name, BTC)


async def test_lists_are_narrowed_to_a_client_id_and_a_single_query_knows_none(
    client: Any,
) -> None:
    await rests(client, clientOrderId="one")
    await rests(client, clientOrderId="two")
    await bought(client, clientOrderId="three")
    (open_one,) = await client.fetch_open_orders(None, None, None, {"clientOrderId": "two"})
    assert open_one["clientOrderId"] == "two"
    (past,) = await client.fetch_closed_orders(None, None, None, {"clientOrderId": "three"})
    assert past["clientOrderId"] == "three"
    with pytest.raises(ccxt.ExchangeError, match="EOrder:Invalid order"):
        await client.fetch_order("three")
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order("OAAAAA-AAAAA-AAAAAA")


async def test_an_id_may_be_used_again_when_its_order_has_ended(client: Any) -> None:
    name = await rests(client, clientOrderId="again")
    with pytest.raises(ccxt.ExchangeError, match="EOrder:Duplicate cl_ord_id"):
        await rests(client, clientOrderId="again")
    await client.cancel_order(name)
    await rests(client, clientOrderId="again")


async def test_a_reference_names_many_orders(client: Any) -> None:
    await rests(client, userref=7)
    await rests(client, userref=7)
    await rests(client, userref=8)
    assert len(await client.fetch_open_orders(None, None, None, {"userref": 7})) == 2
    cancelled = await client.cancel_order(None, BTC, {"userref": 7})
    assert cancelled["info"]["result"]["count"] == 2
    (left,) = await client.fetch_open_orders()
    assert left["clientOrderId"] == "8"


@pytest.mark.parametrize(("kind", "limit"), [("market", None), ("limit", "29000")])
async def test_a_stop_waits_for_its_price_and_then_works(
    venue: ScriptedVenue, client: Any, kind: str, limit: str | None
) -> None:
    params = {"stopLossPrice": "30000"}
    placed = await client.create_order(BTC, kind, "sell", "0.01", limit, params)
    (waits,) = await client.fetch_open_orders()
    assert (waits["stopLossPrice"], waits["type"]) == ("30000.0", kind)
    venue.exchange.hands.set_price("XBTUSD", Decimal(29_500))
    venue.step(MINUTE_MS)
    order = await client.fetch_order(placed["id"])
    assert (order["status"], order["info"]["descr"]["ordertype"]) == (
        "closed",
        "stop-loss" if kind == "market" else "stop-loss-limit",
    )


async def test_a_stop_whose_price_is_reached_works_at_once(client: Any) -> None:
    placed = await client.create_order(
        BTC, "market", "sell", "0.01", None, {"stopLossPrice": "90000"}
    )
    assert (await client.fetch_order(placed["id"]))["status"] == "closed"


async def test_a_cost_buys_for_no_more_than_that(client: Any) -> None:
    placed = await client.create_market_buy_order_with_cost(BTC, "100")
    order = await client.fetch_order(placed["id"])
    assert (placed["cost"], order["status"]) == ("100.0", "closed")
    assert Decimal("99.9") < Decimal(order["info"]["cost"]) <= 100
    assert order["info"]["oflags"] == "viqc,fciq"


async def test_immediate_or_cancel_leaves_no_rest(client: Any) -> None:
    placed = await client.create_order(BTC, "limit", "buy", "0.01", "40000", {"timeInForce": "IOC"})
    order = await client.fetch_order(placed["id"])
    assert (order["status"], order["info"]["reason"]) == (
        "canceled",
        "IOC order could not be filled",
    )


async def test_an_order_with_an_expiry_ends_by_itself(venue: ScriptedVenue, client: Any) -> None:
    name = await rests(client, expiretm="+60", timeInForce="GTD")
    venue.step(2 * MINUTE_MS)
    assert (await client.fetch_order(name))["status"] == "expired"


async def test_amending_keeps_the_id(client: Any) -> None:
    name = await rests(client, clientOrderId="mine")
    await client.edit_order(name, BTC, "limit", "buy", "0.02", "41000")
    (order,) = await client.fetch_open_orders()
    assert (order["id"], order["amount"], order["price"], order["clientOrderId"]) == (
        *(name, "0.02000000"),
        *("41000.0", "mine"),
    )


async def test_several_orders_in_one_request_stand_each_by_itself(client: Any) -> None:
    row = {"symbol": BTC, "type": "limit", "side": "buy", "amount": "0.01"}
    placed = await client.create_orders([{**row, "price": "30000"}, {**row, "price": "30001"}])
    assert len({order["id"] for order in placed}) == 2
    await client.cancel_orders([order["id"] for order in placed])
    assert await client.fetch_open_orders() == []


async def test_cancel_all_takes_everything_stops_too(client: Any) -> None:
    await rests(client)
    await client.create_order(BTC, "market", "sell", "0.01", None, {"stopLossPrice": "30000"})
    await client.cancel_all_orders()
    assert await client.fetch_open_orders() == []


async def test_the_timer_cancels_everything_unless_it_is_set_again(
    venue: ScriptedVenue, client: Any
) -> None:
    await rests(client)
    await client.cancel_all_orders_after(60_000)
    venue.step(50_000)
    await client.cancel_all_orders_after(60_000)
    venue.step(50_000)
    assert len(await client.fetch_open_orders()) == 1
    venue.step(20_000)
    assert await client.fetch_open_orders() == []


async def test_validate_places_nothing(client: Any) -> None:
    answer = await client.privatePostAddOrder(
        {
            **{"pair": "XBTUSD", "type": "buy", "ordertype": "limit"},
            **{"price": "40000", "volume": "0.01", "validate": "true"},
        }
    )
    assert answer["result"] == {"descr": {"order": "buy 0.01000000 XBTUSD @ limit 40000.0"}}
    assert await client.fetch_open_orders() == []


async def test_histories_come_newest_first_in_pages_of_fifty(
    venue: ScriptedVenue, client: Any
) -> None:
    for _ in range(70):
        await bought(client, "0.001")
        venue.step(10)
    first = await client.privatePostTradesHistory()
    rest = await client.privatePostTradesHistory({"ofs": 50})
    assert (len(first["result"]["trades"]), first["result"]["count"]) == (50, 70)
    times = [one["time"] for one in first["result"]["trades"].values()]
    assert times == sorted(times, reverse=True)
    assert len(first["result"]["trades"] | rest["result"]["trades"]) == 70
    closed = await client.privatePostClosedOrders({"ofs": 50})
    assert (len(closed["result"]["closed"]), closed["result"]["count"]) == (20, 70)


async def test_the_ledger_adds_up_to_the_balance(client: Any) -> None:
    await bought(client)
    entries = await client.fetch_ledger("USD")
    total = sum(Decimal(one["info"]["amount"]) - Decimal(one["info"]["fee"]) for one in entries)
    held = await client.fetch_balance()
    assert total == Decimal(held["total"]["USD"])
    raw = (await client.privatePostLedgers({"asset": "ZUSD"}))["result"]["ledger"]
    newest = next(iter(raw.values()))
    assert Decimal(newest["balance"]) == total
    assert {one["type"] for one in entries} == {"transaction", "trade"}


async def test_deposits_and_withdrawals_have_lists_of_their_own(
    venue: ScriptedVenue, client: Any
) -> None:
    venue.exchange.hands.withdraw(ACCOUNT, "USD", Decimal(10))
    (gone,) = await client.fetch_withdrawals()
    assert (gone["currency"], Decimal(gone["amount"]), gone["status"]) == ("USD", 10, "ok")
    assert {one["currency"] for one in await client.fetch_deposits()} == {"USD", "BTC", "ETH"}


async def test_an_order_from_the_website_has_no_id_of_ours(
    venue: ScriptedVenue, client: Any
) -> None:
    venue.exchange.hands.manual_order(
        ACCOUNT,
        OrderRequest(
            symbol="XBTUSD",
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            quantity=Decimal("0.01"),
            price=Decimal(40_000),
        ),
    )
    (order,) = await client.fetch_open_orders()
    assert order["clientOrderId"] is None
    assert order["info"]["descr"]["order"] == "buy 0.01000000 XBTUSD @ limit 40000.0"


async def test_the_key_tells_its_rights(venue: ScriptedVenue, client: Any) -> None:
    rights = (await client.privatePostGetApiKeyInfo())["result"]["permissions"]
    assert "modify-trades" in rights
    assert "withdraw-funds" not in rights
    everything = list(Permission)
    venue.exchange.accounts.add_key(
        ACCOUNT, KRAKEN_KEY, KRAKEN_SECRET, permissions=everything, ip_restricted=False
    )
    told = (await client.privatePostGetApiKeyInfo())["result"]
    assert "withdraw-funds" in told["permissions"]
    assert told["ip_allowlist"] == []


async def test_there_is_no_margin(client: Any) -> None:
    assert await client.fetch_positions(["BTC/USD"], {"consolidation": "market"}) == []
