"""V5xx: cancelling."""

from decimal import Decimal

import pytest

from engine.domain.orders import OrderState
from engine.errors import OrderNotFound
from sandbox.exchange.core import Effect
from tests.contract.venues.cases import case
from tests.contract.venues.harness import is_bars, is_fill
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    NEAR,
    fills,
    held,
    locked,
    nearby,
    outcome,
    reports,
    resting_buy,
    sized,
    traded,
)


@case(501, "A resting order is cancelled by our id, and gives back what it locked.")
async def test_v501_resting_order_is_cancelled_and_gives_back_what_it_locked(market):
    placed = await resting_buy(market)
    assert await locked(market, market.instrument.settlement) > 0
    await market.venue.cancel_order(placed)
    assert (await outcome(market, placed)).state is OrderState.CANCELLED
    assert await market.venue.open_orders() == ()
    assert await locked(market, market.instrument.settlement) == 0
    assert (await market.venue.find_order(placed)).state is OrderState.CANCELLED


@case(502, "The stream tells a cancel once.")
async def test_v502_stream_tells_a_cancel_once(market):
    placed = await resting_buy(market)
    await market.venue.cancel_order(placed)
    await outcome(market, placed)
    await market.pump(is_bars)
    ends = [report for report in reports(market, placed) if report.state.is_terminal]
    assert [report.state for report in ends] == [OrderState.CANCELLED]


@case(503, "Cancelling what has filled is not found.")
async def test_v503_cancel_of_what_has_filled_is_not_found(market):
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(placed)


@case(504, "Cancelling what never was there is not found.")
async def test_v504_cancel_of_what_never_was_there_is_not_found(market):
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(sized(market, "buy", "1"))


@case(505, "Cancelling twice is not found, and the order stays cancelled.")
async def test_v505_second_cancel_is_not_found(market):
    placed = await resting_buy(market)
    await market.venue.cancel_order(placed)
    await outcome(market, placed)
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(placed)
    assert (await market.venue.find_order(placed)).state is OrderState.CANCELLED


@case(506, "A cancel ends the named order alone.")
async def test_v506_cancel_ends_the_named_order_alone(market):
    first, second = await resting_buy(market), await resting_buy(market)
    await market.venue.cancel_order(first)
    await outcome(market, first)
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id == second.client_order_id


@case(510, "A part that filled before the cancel stays, and the end tells it.")
async def test_v510_part_that_filled_before_the_cancel_stays(market):
    placed = sized(market, "buy", "15", "limit", limit_price=await nearby(market, -NEAR))
    await market.venue.submit_order(placed)
    await market.trade_part(placed)
    await market.pump(is_fill)
    await market.venue.cancel_order(placed)
    last = await outcome(market, placed)
    told = sum(fill.quantity for fill in fills(market))
    assert 0 < told < 15
    assert (last.state, Decimal(last.filled_quantity)) == (OrderState.CANCELLED, told)
    found = await market.venue.find_order(placed)
    assert (found.state, Decimal(found.filled_quantity)) == (OrderState.CANCELLED, told)
    assert await held(market) == told
    assert await market.venue.open_orders() == ()


@case(511, "A fill that overtakes the cancel wins: not found, filled, told once.", Need.WIRE)
async def test_v511_fill_that_overtakes_the_cancel_wins(market):
    placed = await resting_buy(market)
    market.outside.fault("cancel", Effect.FILL_FIRST)
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(placed)
    assert (await outcome(market, placed)).state is OrderState.FILLED
    await market.pump(is_bars)
    assert sum(fill.quantity for fill in fills(market)) == 1
    assert (await market.venue.find_order(placed)).state is OrderState.FILLED
