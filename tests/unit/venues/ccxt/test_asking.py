"""Orders and look-ups over a scripted network: what is sent, and what is made of the answers."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from engine.bars import to_ms
from engine.domain.ids import ClientOrderId, VenueOrderId, digest_id
from engine.domain.orders import Order, OrderState, PositionSide, TimeInForce
from engine.errors import (
    BelowMinimum,
    OrderNotFound,
    OrderRefused,
    OrderStateUnknown,
    RequestRefused,
    UnknownInstrument,
    VenueUnavailable,
)
from engine.venues.ccxt.exchanges import EXCHANGES
from engine.venues.ccxt.placing import placement
from engine.venues.ccxt.quirks import ClientIdRule, FindOrder, IdForm
from engine.venues.ccxt.settings import MarketKind, Terms
from engine.venues.ccxt.venue import NO_IDS, CcxtVenue, capabilities_of
from tests.fakes.clocks import START, FakeWallClock
from tests.fakes.markets import order
from tests.unit.venues.ccxt.network import (
    Answer,
    Asked,
    ScriptedNetwork,
    markets_from,
    settings_for,
    venue_on,
)

SPOT, LINEAR = MarketKind.SPOT, MarketKind.LINEAR
OURS = ClientOrderId(digest_id("oc", "one"))
ABSENT = Answer({"code": -2013, "msg": "Order does not exist."}, 400)


def spot_market(symbol: str = "BTCUSDT", base: str = "BTC") -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01",
                "maxPrice": "1000000",
                "tickSize": "0.01",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": "0.00001",
                "maxQty": "9000",
                "stepSize": "0.00001",
            },
            {"filterType": "NOTIONAL", "minNotional": "5"},
        ],
    }


LISTED = Answer({"symbols": [spot_market(), spot_market("ETHUSDT", "ETH")]})


def placed_as(asked: Asked, **more: Any) -> dict[str, Any]:
    """Return what Binance answers to a submit."""
    return {
        "symbol": asked.query["symbol"],
        "orderId": 7,
        "clientOrderId": asked.query["newClientOrderId"],
        "transactTime": to_ms(START),
        "price": asked.query.get("price", "0"),
        "origQty": asked.query.get("quantity", "0"),
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "status": "NEW",
        "type": asked.query["type"],
        "side": asked.query["side"],
        **more,
    }


def listed_order(client_id: str = OURS, **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "clientOrderId": client_id,
        "price": "30000",
        "origQty": "0.01",
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "status": "NEW",
        "type": "LIMIT",
        "side": "BUY",
        "time": to_ms(START),
        "updateTime": to_ms(START),
        **more,
    }


class Desk:
    """A Binance spot venue over a scripted network, with a clock that the test moves."""

    def __init__(self, network: ScriptedNetwork, venue: CcxtVenue, wall: FakeWallClock) -> None:
        self.network, self.venue, self.wall = network, venue, wall

    @classmethod
    async def open(cls, *, validity_ms: int | None = None, **terms: Any) -> "Desk":
        wall = FakeWallClock()
        network = ScriptedNetwork({"/api/v3/exchangeInfo": LISTED})
        rows = await markets_from(network)
        settings = settings_for(
            "binance", SPOT, "BTC/USDT", terms=Terms(**terms), validity_ms=validity_ms
        )
        venue = venue_on(network, settings, rows, wall)
        for client in venue._session._clients:
            one: Any = client
            one.milliseconds = lambda: to_ms(wall.now())
        network.answers |= {
            "/api/v3/time": lambda _: Answer({"serverTime": to_ms(wall.now())}),
            "POST /api/v3/order": lambda asked: Answer(placed_as(asked)),
            "GET /api/v3/order": ABSENT,
            "DELETE /api/v3/order": Answer(listed_order(status="CANCELED")),
            "GET /api/v3/openOrders": Answer([]),
            "GET /api/v3/allOrders": Answer([]),
            "GET /api/v3/myTrades": Answer([]),
        }
        await venue.instruments()
        return cls(network, venue, wall)

    def order(
        self, side: str = "buy", quantity: str = "0.01", kind: str = "limit", **more: Any
    ) -> Order:
        given = {"client_order_id": OURS, "at": self.wall.now(), **more}
        if kind == "limit":
            given.setdefault("limit_price", "30000")
        return order(side, quantity, kind, **given)

    def sent(self) -> list[dict[str, str]]:
        return [dict(one.query) for one in self.network.of("/api/v3/order", "POST")]


@pytest.fixture
async def desk() -> Desk:
    return await Desk.open()


async def test_a_limit_order_goes_out_with_our_id_exact_text_and_the_short_window(
    desk: Desk,
) -> None:
    report = await desk.venue.submit_order(desk.order(limit_price="30000.50"))
    (sent,) = desk.sent()
    assert sent["newClientOrderId"] == OURS
    assert (sent["quantity"], sent["price"]) == ("0.01", "30000.5")
    assert (sent["type"], sent["side"], sent["timeInForce"]) == ("LIMIT", "BUY", "GTC")
    assert sent["recvWindow"] == "2500"
    assert report.state is OrderState.ACKNOWLEDGED
    assert (report.client_order_id, report.venue_order_id) == (OURS, "7")


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("market", {}, {"type": "MARKET", "quantity": "0.01"}),
        ("limit", {"post_only": True}, {"type": "LIMIT_MAKER"}),
        ("limit", {"time_in_force": TimeInForce.IOC}, {"timeInForce": "IOC"}),
        ("limit", {"time_in_force": TimeInForce.FOK}, {"timeInForce": "FOK"}),
        ("stop", {"trigger_price": "29000"}, {"type": "STOP_LOSS", "stopPrice": "29000"}),
        (
            "stop_limit",
            {"trigger_price": "29000", "limit_price": "28900"},
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "29000", "price": "28900"},
        ),
        ("market", {"quote_quantity": "123.45"}, {"type": "MARKET", "quoteOrderQty": "123.45"}),
    ],
)
async def test_each_kind_of_order_is_asked_for_in_the_exchange_s_words(
    desk: Desk, kind: str, more: dict[str, Any], expected: dict[str, str]
) -> None:
    await desk.venue.submit_order(desk.order("buy", "0.01", kind, **more))
    (sent,) = desk.sent()
    assert {name: sent[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"quantity": "0.000015"}, BelowMinimum, "not a positive multiple of 0.00001"),
        ({"quantity": "0.0001"}, BelowMinimum, "below the exchange's minimum 5 USDT"),
        ({"limit_price": "30000.005"}, BelowMinimum, "not a multiple of 0.01"),
        ({"limit_price": "-1"}, OrderRefused, "not above zero"),
        ({"kind": "market", "limit_price": "1"}, OrderRefused, "limit price"),
        ({"kind": "stop"}, OrderRefused, "trigger price"),
        ({"post_only": True, "kind": "market"}, OrderRefused, "post-only"),
        ({"time_in_force": TimeInForce.GTD}, OrderRefused, "without a date"),
        ({"quote_quantity": "10"}, OrderRefused, "sized in the quote"),
        ({"instrument_id": "NO/SUCH"}, UnknownInstrument, "does not trade NO/SUCH"),
        ({"client_order_id": "with a space"}, OrderRefused, "no client order id"),
        ({"client_order_id": "x" * 37}, OrderRefused, "no client order id"),
    ],
)
async def test_what_can_not_stand_is_refused_before_anything_is_sent(
    desk: Desk, more: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        await desk.venue.submit_order(desk.order(**more))
    assert "Nothing was placed." in str(caught.value)
    assert desk.sent() == []


async def test_good_till_date_goes_out_as_good_till_cancelled(desk: Desk) -> None:
    ends = desk.wall.now() + timedelta(hours=1)
    await desk.venue.submit_order(desk.order(time_in_force=TimeInForce.GTD, expires_at=ends))
    (sent,) = desk.sent()
    assert sent["timeInForce"] == "GTC"


async def test_a_connection_that_is_refused_sent_nothing(desk: Desk) -> None:
    refused = aiohttp.ClientConnectorError(None, OSError(111, "refused"))
    desk.network.answers["POST /api/v3/order"] = refused
    with pytest.raises(RequestRefused, match="can't be reached"):
        await desk.venue.submit_order(desk.order())
    desk.network.answers["POST /api/v3/order"] = lambda asked: Answer(placed_as(asked))
    assert (await desk.venue.submit_order(desk.order())).venue_order_id == "7"


async def test_a_cut_connection_leaves_a_doubt(desk: Desk) -> None:
    desk.network.answers["POST /api/v3/order"] = aiohttp.ServerDisconnectedError()
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(desk.order())


async def test_an_answer_that_names_no_order_leaves_a_doubt(desk: Desk) -> None:
    for body in ("<html>gateway</html>", [], {}, {"symbol": "BTCUSDT"}):
        desk.network.answers["POST /api/v3/order"] = Answer(body)
        with pytest.raises(OrderStateUnknown):
            await desk.venue.submit_order(desk.order(client_order_id=digest_id("oc", str(body))))


async def test_a_duplicate_that_the_venue_does_not_show_stays_a_doubt(desk: Desk) -> None:
    duplicate = Answer({"code": -2010, "msg": "Duplicate order sent."}, 400)
    desk.network.answers["POST /api/v3/order"] = duplicate
    with pytest.raises(OrderStateUnknown, match="does not show it"):
        await desk.venue.submit_order(desk.order())


async def test_absence_waits_for_the_window_and_asks_every_list(desk: Desk) -> None:
    desk.network.answers["POST /api/v3/order"] = aiohttp.ServerDisconnectedError()
    placed = desk.order()
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)
    await desk.wall.advance(3.0)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)
    await desk.wall.advance(0.5)
    assert await desk.venue.find_order(placed) is None
    for path in ("/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades"):
        assert desk.network.of(path)


async def test_the_window_is_the_settings_where_they_name_one() -> None:
    desk = await Desk.open(validity_ms=20_000)
    desk.network.answers["POST /api/v3/order"] = aiohttp.ServerDisconnectedError()
    placed = desk.order()
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    assert desk.sent()[0]["recvWindow"] == "20000"
    await desk.wall.advance(20)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)


async def test_an_order_refused_for_its_time_stamp_may_be_sent_by_the_new_measurement(
    desk: Desk,
) -> None:
    ahead_ms = 60_000
    late = Answer({"code": -1021, "msg": "Timestamp for this request is outside."}, 400)
    desk.network.answers["/api/v3/time"] = Answer({"serverTime": to_ms(desk.wall.now()) + ahead_ms})

    def place(asked: Asked) -> Answer:
        on_time = int(asked.query["timestamp"]) >= to_ms(desk.wall.now()) + ahead_ms
        return Answer(placed_as(asked)) if on_time else late

    desk.network.answers["POST /api/v3/order"] = place
    with pytest.raises(RequestRefused, match="clock is off or the request came too late"):
        await desk.venue.submit_order(desk.order())
    report = await desk.venue.submit_order(desk.order())
    assert report.state is OrderState.ACKNOWLEDGED


async def test_a_cancel_refused_for_its_time_stamp_is_asked_again_at_once(desk: Desk) -> None:
    answers = [
        Answer({"code": -1021, "msg": "Timestamp for this request is outside."}, 400),
        Answer(listed_order(status="CANCELED")),
    ]
    desk.network.answers["DELETE /api/v3/order"] = lambda _: answers.pop(0)
    await desk.venue.cancel_order(desk.order(venue_order_id="7"))
    assert not answers


async def test_the_window_is_of_the_venue_s_clock(desk: Desk) -> None:
    desk.network.answers["POST /api/v3/order"] = aiohttp.ServerDisconnectedError()
    placed = desk.order()
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    stands = to_ms(desk.wall.now())
    desk.network.answers["/api/v3/time"] = Answer({"serverTime": stands})
    await desk.wall.advance(3_600)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)


async def test_an_order_in_a_list_is_found_though_the_query_denies_it(desk: Desk) -> None:
    placed = desk.order()
    await desk.wall.advance(60)
    desk.network.answers["GET /api/v3/allOrders"] = Answer([listed_order(status="CANCELED")])
    found = await desk.venue.find_order(placed)
    assert found is not None
    assert (found.state, found.client_order_id) == (OrderState.CANCELLED, OURS)


async def test_an_execution_that_belongs_to_no_listed_order_is_no_proof(desk: Desk) -> None:
    placed = desk.order()
    await desk.wall.advance(60)
    trade = {
        "symbol": "BTCUSDT",
        "id": 3,
        "orderId": 99,
        "price": "30000",
        "qty": "0.01",
        "commission": "0",
        "commissionAsset": "BNB",
        "time": to_ms(START) + 1,
        "isBuyer": True,
        "isMaker": False,
    }
    desk.network.answers["GET /api/v3/myTrades"] = Answer([trade])
    with pytest.raises(VenueUnavailable, match="belongs to no listed"):
        await desk.venue.find_order(placed)
    desk.network.answers["GET /api/v3/allOrders"] = Answer([listed_order("web_1", orderId=99)])
    assert await desk.venue.find_order(placed) is None


async def test_an_execution_of_an_old_order_by_hand_is_told_by_asking_for_that(desk: Desk) -> None:
    placed = desk.order()
    await desk.wall.advance(60)
    trade = {
        "symbol": "BTCUSDT",
        "id": 3,
        "orderId": 98,
        "price": "30000",
        "qty": "0.01",
        "commission": "0",
        "commissionAsset": "BNB",
        "time": to_ms(START) + 1,
        "isBuyer": True,
        "isMaker": True,
    }

    def asked_for(asked: Asked) -> Answer:
        return Answer(listed_order("web_0", orderId=98)) if "orderId" in asked.query else ABSENT

    desk.network.answers["GET /api/v3/myTrades"] = Answer([trade])
    desk.network.answers["GET /api/v3/order"] = asked_for
    assert await desk.venue.find_order(placed) is None


async def test_a_list_that_can_not_be_had_proves_nothing(desk: Desk) -> None:
    placed = desk.order()
    await desk.wall.advance(60)
    desk.network.answers["GET /api/v3/allOrders"] = Answer({"code": -1000, "msg": "error"}, 500)
    with pytest.raises(VenueUnavailable):
        await desk.venue.find_order(placed)


async def test_cancel_names_our_id_and_an_unknown_order_is_not_found(desk: Desk) -> None:
    await desk.venue.cancel_order(desk.order())
    (sent,) = desk.network.of("/api/v3/order", "DELETE")
    assert sent.query["origClientOrderId"] == OURS
    unknown = Answer({"code": -2011, "msg": "Unknown order sent."}, 400)
    desk.network.answers["DELETE /api/v3/order"] = unknown
    with pytest.raises(OrderNotFound, match="nothing to cancel"):
        await desk.venue.cancel_order(desk.order())


async def test_an_adopted_order_is_cancelled_by_the_venue_s_number(desk: Desk) -> None:
    desk.network.answers["GET /api/v3/openOrders"] = Answer([listed_order("web_1", orderId=99)])
    (foreign,) = await desk.venue.open_orders()
    assert foreign.client_order_id is None
    adopted = desk.order(
        client_order_id=ClientOrderId("fo-made-up"), venue_order_id=VenueOrderId("99")
    )
    await desk.venue.cancel_order(adopted)
    (sent,) = desk.network.of("/api/v3/order", "DELETE")
    assert sent.query["orderId"] == "99"
    assert "origClientOrderId" not in sent.query


async def test_a_cancel_that_the_venue_refuses_for_rate_leaves_the_order(desk: Desk) -> None:
    desk.network.answers["DELETE /api/v3/order"] = Answer({"code": -1003, "msg": "x"}, 429)
    with pytest.raises(RequestRefused, match="the order stands"):
        await desk.venue.cancel_order(desk.order())


@pytest.mark.parametrize(
    ("side", "position", "expected"),
    [
        ("buy", PositionSide.LONG, False),
        ("sell", PositionSide.LONG, True),
        ("sell", PositionSide.SHORT, False),
        ("buy", PositionSide.SHORT, True),
    ],
)
def test_in_hedge_mode_an_order_names_its_side_of_the_account(
    side: str, position: PositionSide, expected: bool
) -> None:
    one = order(side, "1", position_side=position)
    placed = placement(one, EXCHANGES["binance", LINEAR], {}, hedged=True)
    assert placed.params["hedged"] is True
    assert placed.params["reduceOnly"] is expected


@pytest.mark.parametrize(("side", "way"), [("buy", "ascending"), ("sell", "descending")])
def test_a_stop_names_its_direction_where_the_exchange_wants_it(side: str, way: str) -> None:
    one = order(side, "1", "stop", trigger_price="5")
    placed = placement(one, EXCHANGES["bybit", LINEAR], {}, hedged=False)
    assert placed.params["triggerDirection"] == way
    assert placed.params["triggerPrice"] == "5"


def test_a_budget_leaves_room_for_a_fee_that_comes_on_top() -> None:
    one = order("buy", "1", quote_quantity="100", client_order_id=OURS)
    market = {"taker": "0.01"}
    placed = placement(one, EXCHANGES["kraken", SPOT], market, hedged=False)
    assert Decimal(str(placed.params["cost"])) * Decimal("1.01") <= 100
    in_base = placement(one, EXCHANGES["binance", SPOT], market, hedged=False)
    assert in_base.params["cost"] == "100"


def test_our_ids_survive_the_form_that_an_exchange_wants() -> None:
    rule = ClientIdRule(form=IdForm.UUID)
    written = rule.to_venue(OURS)
    assert written is not None
    assert len(written) == 36
    assert rule.from_venue(written) == OURS
    assert rule.from_venue("web-order-1") == "web-order-1"
    assert rule.to_venue("fo-made-up") is None


async def test_without_ids_an_order_is_known_by_what_it_is_and_people_are_told() -> None:
    desk = await Desk.open()
    quirks = EXCHANGES["binance", SPOT]
    access = await desk.venue._session.access()
    blind = replace(quirks, client_id=None, find=FindOrder.BY_MATCH)
    access.quirks = desk.venue._quirks = blind
    assert not capabilities_of(blind).order_ids
    assert desk.venue.vitals().note == NO_IDS
    desk.network.answers["POST /api/v3/order"] = aiohttp.ServerDisconnectedError()
    first, second = desk.order(), desk.order(client_order_id=digest_id("oc", "two"))
    for one in (first, second):
        with pytest.raises(OrderStateUnknown):
            await desk.venue.submit_order(one)
    assert "OURS" not in str(desk.sent())
    other = listed_order("", orderId=8, origQty="0.02")
    twins = [listed_order("", orderId=9), listed_order("", orderId=10), other]
    desk.network.answers["GET /api/v3/openOrders"] = Answer(twins)
    found = [await desk.venue.find_order(one) for one in (first, second, first)]
    ids = [None if one is None else one.venue_order_id for one in found]
    assert ids == ["9", "10", "9"]
    assert [one.client_order_id for one in found if one] == [
        first.client_order_id,
        second.client_order_id,
        first.client_order_id,
    ]


# --- made ready while it is being stored -----------------------------------------------------


async def let_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_was_made_ready_leaves_when_it_is_submitted_and_not_before(desk: Desk) -> None:
    placed = desk.order()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        await let_run()
        assert desk.sent() == []
        await desk.wall.advance(0.1)
        sent = placed.moved(OrderState.SUBMITTED, at=desk.wall.now())
        report = await desk.venue.submit_order(sent)
    assert report.state is OrderState.ACKNOWLEDGED
    (only,) = desk.sent()
    assert only["newClientOrderId"] == OURS
    assert int(only["timestamp"]) < to_ms(desk.wall.now())  # signed before
    assert desk.venue._sendings.left_by(placed) == desk.wall.now()  # and left now


async def test_what_is_submitted_before_it_was_made_ready_is_placed_at_once(desk: Desk) -> None:
    placed = desk.order()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        report = await desk.venue.submit_order(placed)
    assert report.state is OrderState.ACKNOWLEDGED
    assert len(desk.sent()) == 1
    assert desk.network.of("/api/v3/order", "GET") == []  # nothing left before: no look-up


async def test_what_was_made_ready_in_vain_is_as_if_it_had_not_been(desk: Desk) -> None:
    placed = desk.order()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        await let_run()
    await let_run()
    assert desk.sent() == []
    await desk.venue.submit_order(placed)
    assert len(desk.sent()) == 1
    assert desk.network.of("/api/v3/order", "GET") == []  # nothing left before: no look-up


async def test_nothing_is_made_ready_once_the_block_is_left(desk: Desk) -> None:
    with desk.venue.preparation() as prepare:
        pass
    prepare([desk.order()])  # the disk was waited for, and whoever waited was cancelled
    await let_run()
    assert desk.venue._preparation._held == {}
    assert not desk.venue._sendings.has_sent(desk.order())


async def test_what_has_changed_is_not_sent_as_it_was_made_ready(desk: Desk) -> None:
    placed = desk.order()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        await let_run()
        await desk.venue.submit_order(replace(placed, quantity=Decimal("0.005")))
    assert [one["quantity"] for one in desk.sent()] == ["0.005"]


async def test_what_waited_too_long_is_signed_anew(desk: Desk) -> None:
    placed = desk.order()
    with desk.venue.preparation() as prepare:
        prepare([placed])
        await let_run()
        await desk.wall.advance(0.3)
        await desk.venue.submit_order(placed)
    (only,) = desk.sent()
    assert int(only["timestamp"]) == to_ms(desk.wall.now())


async def test_what_may_have_left_before_is_looked_up_however_it_is_submitted(desk: Desk) -> None:
    placed = desk.order()
    desk.network.answers["POST /api/v3/order"] = aiohttp.ServerDisconnectedError()
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    with desk.venue.preparation() as prepare:
        prepare([placed])
        with pytest.raises(OrderStateUnknown):
            await desk.venue.submit_order(placed)
    assert len(desk.sent()) == 1


async def test_what_is_refused_while_it_is_made_ready_is_refused_when_it_is_submitted(
    desk: Desk,
) -> None:
    small = desk.order(quantity="0.00001")
    with desk.venue.preparation() as prepare:
        prepare([small])
        await let_run()
        with pytest.raises(BelowMinimum):
            await desk.venue.submit_order(small)
    assert desk.sent() == []


async def test_an_exchange_that_counts_requests_has_nothing_signed_ahead() -> None:
    assert EXCHANGES["binance", SPOT].signs_ahead
    assert not EXCHANGES["kraken", SPOT].signs_ahead
