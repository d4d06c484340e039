"""A second exchange of another shape: errors in a list, ids as UUIDs, orders found in lists."""

from typing import Any

import pytest

from engine.domain.ids import ClientOrderId, digest_id
from engine.domain.orders import OrderState
from engine.errors import (
    InsufficientFunds,
    OrderNotFound,
    OrderStateUnknown,
    TradingNotAllowed,
    VenueUnavailable,
)
from engine.ports import DeadManTimer
from engine.venues.ccxt.quirks import ClientIdRule, IdForm
from engine.venues.ccxt.settings import Credentials, MarketKind
from engine.venues.ccxt.venue import CcxtVenue
from tests.fakes.clocks import START, FakeWallClock
from tests.fakes.markets import order
from tests.unit.venues.ccxt.network import (
    Answer,
    ScriptedNetwork,
    markets_from,
    settings_for,
    venue_on,
)

OURS = ClientOrderId(digest_id("oc", "kraken"))
WRITTEN = ClientIdRule(form=IdForm.UUID).to_venue(OURS)
# a secret of Kraken is base64
SECRET = "c2VjcmV0"
PLACED = "buy 0.01 XBTUSDT @ limit 30000"
PAIR = {
    "altname": "XBTUSDT",
    "wsname": "XBT/USDT",
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "USDT",
    "pair_decimals": 1,
    "cost_decimals": 8,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "ordermin": "0.0001",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


def said(result: object, *errors: str) -> Answer:
    return Answer({"error": list(errors), "result": result})


def listed(**more: Any) -> dict[str, Any]:
    return {
        "refid": None,
        "cl_ord_id": WRITTEN,
        "status": "open",
        "opentm": START.timestamp(),
        "descr": {
            "pair": "XBTUSDT",
            "type": "buy",
            "ordertype": "limit",
            "price": "30000.0",
            "price2": "0",
        },
        "vol": "0.01",
        "vol_exec": "0",
        "cost": "0",
        "fee": "0",
        "price": "0",
        "misc": "",
        "oflags": "fciq",
        **more,
    }


@pytest.fixture
async def network() -> ScriptedNetwork:
    return ScriptedNetwork(
        {
            "/0/public/AssetPairs": said({"XBTUSDT": PAIR}),
            "/0/public/Time": said({"unixtime": int(START.timestamp())}),
            "/0/private/AddOrder": said({"txid": ["OABC"], "descr": {"order": PLACED}}),
            "/0/private/OpenOrders": said({"open": {}}),
            "/0/private/ClosedOrders": said({"closed": {}, "count": 0}),
            "/0/private/TradesHistory": said({"trades": {}, "count": 0}),
            "/0/private/CancelOrder": said({"count": 1}),
            "/0/private/Balance": said({"USDT": "100.5", "XXBT": "0.5"}),
            "/0/private/BalanceEx": said(
                {
                    "USDT": {"balance": "100.5", "hold_trade": "10"},
                    "XXBT": {"balance": "0.5", "hold_trade": "0"},
                }
            ),
        }
    )


@pytest.fixture
async def venue(network: ScriptedNetwork) -> CcxtVenue:
    rows = await markets_from(network, "kraken")
    keys = Credentials(api_key="a-key", secret=SECRET)
    settings = settings_for("kraken", MarketKind.SPOT, "BTC/USDT", credentials=keys)
    made = venue_on(network, settings, rows, FakeWallClock())
    await made.instruments()
    return made


def limit(**more: Any) -> Any:
    given = {"client_order_id": OURS, "limit_price": "30000", "at": START, **more}
    return order("buy", "0.01", "limit", **given)


async def test_an_order_goes_out_with_our_id_as_a_uuid(
    venue: CcxtVenue, network: ScriptedNetwork
) -> None:
    report = await venue.submit_order(limit())
    (sent,) = network.of("/AddOrder")
    assert sent.query["cl_ord_id"] == WRITTEN
    assert (sent.query["price"], sent.query["volume"]) == ("30000", "0.01")
    assert (report.venue_order_id, report.client_order_id) == ("OABC", OURS)
    assert report.state is OrderState.ACKNOWLEDGED


async def test_an_open_order_is_listed_under_our_id(
    venue: CcxtVenue, network: ScriptedNetwork
) -> None:
    network.answers["/0/private/OpenOrders"] = said({"open": {"OABC": listed()}})
    (report,) = await venue.open_orders()
    assert (report.client_order_id, report.instrument_id) == (OURS, "BTC/USDT")
    found = await venue.find_order(limit())
    assert found == report


async def test_a_closed_order_is_found_in_the_past_ones(
    venue: CcxtVenue, network: ScriptedNetwork
) -> None:
    closed = listed(status="closed", vol_exec="0.01", cost="300", closetm=START.timestamp())
    network.answers["/0/private/ClosedOrders"] = said({"closed": {"OABC": closed}, "count": 1})
    wall: Any = venue._session.wall
    await wall.advance(3_600)
    network.answers["/0/public/Time"] = said({"unixtime": int(START.timestamp()) + 3_600})
    found = await venue.find_order(limit())
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "0.01")


async def test_a_cancel_names_our_id(venue: CcxtVenue, network: ScriptedNetwork) -> None:
    await venue.cancel_order(limit())
    (sent,) = network.of("/CancelOrder")
    assert sent.query["cl_ord_id"] == WRITTEN
    assert "txid" not in sent.query


async def test_errors_of_the_list_become_ours(venue: CcxtVenue, network: ScriptedNetwork) -> None:
    network.answers["/0/private/AddOrder"] = said({}, "EOrder:Insufficient funds")
    with pytest.raises(InsufficientFunds, match="Nothing was placed"):
        await venue.submit_order(limit())
    network.answers["/0/private/AddOrder"] = said({}, "EService:Unavailable")
    with pytest.raises(OrderStateUnknown):
        await venue.submit_order(limit(client_order_id=digest_id("oc", "other")))
    network.answers["/0/private/CancelOrder"] = said({}, "EOrder:Unknown order")
    with pytest.raises(OrderNotFound):
        await venue.cancel_order(limit())


async def test_a_lost_cancel_after_an_unknown_order_is_still_a_doubt(
    venue: CcxtVenue, network: ScriptedNetwork
) -> None:
    """The library looks at the last answer it had, whoever asked: that proves nothing."""
    network.answers["/0/private/CancelOrder"] = said({}, "EOrder:Unknown order")
    with pytest.raises(OrderNotFound):
        await venue.cancel_order(limit())
    network.answers["/0/private/CancelOrder"] = ConnectionResetError()
    with pytest.raises(OrderStateUnknown):
        await venue.cancel_order(limit())


async def test_balances_are_under_the_usual_names(venue: CcxtVenue) -> None:
    held = {one.asset: (str(one.total), str(one.locked)) for one in await venue.balances()}
    assert held == {"BTC": ("0.5", "0"), "USDT": ("100.5", "10")}
    (position,) = await venue.positions()
    assert (position.instrument_id, position.quantity) == ("BTC/USDT", "0.5")


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["query-funds", "modify-trades"], (True, False)),
        (["query-funds", "modify-trades", "withdraw-funds"], (True, True)),
    ],
)
async def test_the_audit_reads_the_rights_of_the_key(
    venue: CcxtVenue,
    network: ScriptedNetwork,
    permissions: list[str],
    expected: tuple[bool, bool],
) -> None:
    told = {"permissions": permissions, "ip_allowlist": ["192.0.2.1"]}
    network.answers["/0/private/GetApiKeyInfo"] = said(told)
    audit = await venue.audit()
    assert (audit.may_trade, audit.may_withdraw) == expected
    assert audit.ip_restricted is True


async def test_a_key_that_only_reads_is_refused(venue: CcxtVenue, network: ScriptedNetwork) -> None:
    network.answers["/0/private/GetApiKeyInfo"] = said({"permissions": ["query-funds"]})
    with pytest.raises(TradingNotAllowed, match="may not trade"):
        await venue.audit()


async def test_the_venue_that_does_not_answer_is_no_refusal_of_the_key(
    venue: CcxtVenue, network: ScriptedNetwork
) -> None:
    network.answers["/0/private/GetApiKeyInfo"] = Answer("gone", 502)
    with pytest.raises(VenueUnavailable):
        await venue.audit()


async def test_its_timer_cancels_stops_too(venue: CcxtVenue, network: ScriptedNetwork) -> None:
    assert venue.capabilities.dead_man is DeadManTimer.CANCELS_ALL
    network.answers["/0/private/CancelAllOrdersAfter"] = said({"currentTime": "x"})
    await venue.cancel_all_after(60)
    (sent,) = network.of("/CancelAllOrdersAfter")
    assert sent.query["timeout"] == "60"
