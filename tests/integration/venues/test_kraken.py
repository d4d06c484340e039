"""The adapter at an exchange of another shape: Kraken's protocol, in dollars, fees in the quote."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.domain.flows import FlowKind
from engine.domain.ids import InstrumentId, digest_id
from engine.domain.orders import Order, OrderState
from engine.errors import OrderStateUnknown, VenueUnavailable
from engine.venues.ccxt.account import AccountReader
from engine.venues.ccxt.budget import RateBudget
from engine.venues.ccxt.venue import CcxtVenue
from sandbox.exchange.core import Act, Effect, OrderRequest, Rule
from sandbox.exchange.core.kinds import OrderType, Side
from tests.contract.venues import ExchangeWall, list_here
from tests.contract.venues.kraken import kraken_settings, kraken_venue, written
from tests.fakes.exchange import (
    ACCOUNT,
    DOLLARS,
    ScriptedVenue,
    kraken_markets,
    scripted_exchange,
)
from tests.fakes.markets import order

BTC = InstrumentId("BTC/USD")
PAST_DEADLINE_MS = 40_000


@dataclass
class Desk:
    """A venue and the exchange behind it."""

    running: ScriptedVenue
    venue: CcxtVenue

    def order(self, side: str, quantity: str, kind: str = "market", **more: Any) -> Order:
        """Return an order decided now, under an id of the service's own form."""
        name = digest_id("oc", f"{side} {quantity} {kind} {more}")
        given = {"instrument_id": BTC, "at": ExchangeWall(self.running).now(), **more}
        return order(side, quantity, kind, client_order_id=name, **given)

    def fault(self, operation: str, effect: Effect, times: int = 1) -> None:
        rule = Rule(name="fault", operation=operation, effect=effect, remaining=times)
        self.running.exchange.faults.add(rule)

    def placed(self, one: Order) -> int:
        """Return how many orders the exchange itself says it took under an id."""
        entries = self.running.exchange.journal.of(Act.SUBMIT, account=ACCOUNT)
        return sum(entry.client_order_id == written(one) for entry in entries)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with scripted_exchange(markets=kraken_markets(), funds=DOLLARS) as running:
        settings, wall = kraken_settings(running, BTC, tmp_path), ExchangeWall(running)
        await list_here(settings, wall)
        venue = kraken_venue(running, settings, wall)
        venue._session.gate._budget = RateBudget((), wall)
        await venue.instruments()
        try:
            yield Desk(running, venue)
        finally:
            await venue.close()


@pytest.mark.parametrize(
    "effect",
    [Effect.LOSE_REPLY, Effect.SERVER_ERROR_ACTED, Effect.TIMEOUT_ACTED, Effect.GARBLED_REPLY],
)
async def test_a_filled_order_whose_answer_was_lost_is_found_at_once(
    desk: Desk, effect: Effect
) -> None:
    """The exchange has no query by our id: open and closed orders are narrowed to it."""
    placed = desk.order("buy", "0.01")
    desk.fault("submit", effect)
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    found = await desk.venue.find_order(placed)
    assert found is not None
    assert (found.client_order_id, found.state) == (placed.client_order_id, OrderState.FILLED)
    await desk.venue.submit_order(placed)
    assert desk.placed(placed) == 1


@pytest.mark.parametrize("effect", [Effect.LOSE_REQUEST, Effect.SERVER_ERROR, Effect.TIMEOUT])
async def test_absence_is_proved_when_the_order_s_deadline_has_passed(
    desk: Desk, effect: Effect
) -> None:
    placed = desk.order("buy", "0.01")
    desk.fault("submit", effect)
    with pytest.raises(OrderStateUnknown):
        await desk.venue.submit_order(placed)
    with pytest.raises(VenueUnavailable, match="may still arrive"):
        await desk.venue.find_order(placed)
    desk.running.step(PAST_DEADLINE_MS)
    assert await desk.venue.find_order(placed) is None
    assert desk.placed(placed) == 0


async def test_no_fill_is_lost_where_pages_meet(desk: Desk) -> None:
    """Newest first, fifty a page, and orders of another market in between."""
    ether = InstrumentId("ETH/USD")
    for number in range(130):
        desk.running.exchange.hands.manual_trade(
            ACCOUNT, "ETHUSD" if number % 3 else "XBTUSD", Side.BUY, Decimal("0.001")
        )
        desk.running.step(50)
    book = desk.running.exchange.journal.fills(ACCOUNT)
    fills = await desk.venue.fills_since(None)
    assert len({fill.key for fill in fills}) == len(fills) == len(book)
    assert {fill.instrument_id for fill in fills} == {BTC, ether}
    assert sum(fill.commission for fill in fills) == sum(entry.fee or 0 for entry in book)
    assert {fill.commission_asset for fill in fills} == {"USD"}
    middle = fills[60].ts_event
    later = await desk.venue.fills_since(middle)
    assert [fill.key for fill in later] == [f.key for f in fills if f.ts_event >= middle]


async def test_past_orders_of_one_market_are_all_listed_among_those_of_others(
    desk: Desk,
) -> None:
    """A page that holds few of the wanted market is no last page."""
    first = desk.order("buy", "0.01")
    await desk.venue.submit_order(first)
    for _ in range(120):
        desk.running.exchange.hands.manual_trade(ACCOUNT, "ETHUSD", Side.BUY, Decimal("0.001"))
    access = await desk.venue._session.access()
    now = ExchangeWall(desk.running).now()
    rows = await AccountReader(access).orders_since(BTC, now - timedelta(hours=1), now)
    assert [access.parser.client_id(row) for row in rows] == [first.client_order_id]


async def test_orders_of_markets_that_are_not_configured_keep_their_names(desk: Desk) -> None:
    """Orders go by a market's short name, executions by its long one."""
    request = OrderRequest(
        symbol="ETHUSD",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        quantity=Decimal("0.01"),
        price=Decimal(2_000),
    )
    desk.running.exchange.hands.manual_order(ACCOUNT, request)
    (foreign,) = await desk.venue.open_orders()
    assert (foreign.instrument_id, foreign.client_order_id) == ("ETH/USD", None)


async def test_ten_orders_at_once_are_ten_orders_or_clear_refusals(desk: Desk) -> None:
    """Requests under way overtake each other, and the exchange wants rising numbers."""
    wanted = [
        desk.order("buy", "0.001", "limit", limit_price=str(30_000 + number))
        for number in range(10)
    ]
    results = await asyncio.gather(
        *(desk.venue.submit_order(one) for one in wanted), return_exceptions=True
    )
    for one, result in zip(wanted, results, strict=True):
        refused = isinstance(result, BaseException)
        assert desk.placed(one) == (0 if refused else 1)
        if refused:
            assert "Nothing was placed." in str(result)
            await desk.venue.submit_order(one)
    assert len(await desk.venue.open_orders()) == 10


async def test_a_refused_nonce_of_a_question_is_asked_anew(desk: Desk) -> None:
    desk.fault("query.account", Effect.CLOCK_REFUSED)
    assert {one.asset for one in await desk.venue.balances()} >= {"BTC", "USD"}


async def test_deposits_are_flows_and_trades_are_not(desk: Desk) -> None:
    for _ in range(60):
        desk.running.exchange.hands.manual_trade(ACCOUNT, "XBTUSD", Side.BUY, Decimal("0.001"))
    desk.running.exchange.hands.withdraw(ACCOUNT, "USD", Decimal(25))
    flows = await desk.venue.flows_since(None)
    assert {(flow.asset, flow.amount, flow.kind) for flow in flows} == {
        *((asset, amount, FlowKind.TRANSFER) for asset, amount in DOLLARS.items()),
        ("USD", Decimal(-25), FlowKind.TRANSFER),
    }


async def test_a_clock_told_in_seconds_is_no_stepping_clock(desk: Desk) -> None:
    meter, steps = desk.venue._session.skew, []
    meter._stepped = steps.append
    for span_ms in (300, 900, 1_700, 450, 999):
        desk.running.step(span_ms)
        await meter.measure()
        shown = ExchangeWall(desk.running).now()
        assert meter.reached() <= shown + timedelta(milliseconds=100)
    assert steps == []


async def test_what_a_cancelled_order_had_filled_is_told(desk: Desk) -> None:
    placed = desk.order("buy", "1", "limit", limit_price="40000")
    await desk.venue.submit_order(placed)
    (resting,) = desk.running.exchange.history.open_orders(ACCOUNT)
    desk.running.exchange.hands.fill(resting.order_id, Decimal("0.25"))
    await desk.venue.cancel_order(placed)
    found = await desk.venue.find_order(placed)
    assert found is not None
    assert (found.state, Decimal(found.filled_quantity)) == (
        OrderState.CANCELLED,
        Decimal("0.25"),
    )
    known = replace(placed, venue_order_id=found.venue_order_id)
    assert await desk.venue.find_order(known) == found
