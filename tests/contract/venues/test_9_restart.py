"""V9xx: the end of the process, and coming back to the same account."""

from decimal import Decimal

import pytest

from engine.domain.orders import OrderState
from engine.errors import OrderNotFound, OrderStateUnknown
from sandbox.exchange.core import Effect
from tests.contract.venues.cases import case
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    away,
    fills,
    fresh,
    held,
    outcome,
    resting_buy,
    sized,
    traded,
)


async def _standing(venue, *orders):
    """Return everything that a start reads."""
    return (
        await venue.fills_since(None),
        await venue.balances(),
        await venue.positions(),
        await venue.open_orders(),
        [await venue.find_order(one) for one in orders],
    )


@case(901, "Orders, fills, balances and positions are there after a restart.", Need.LASTING)
async def test_v901_everything_is_there_after_a_restart(market):
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    resting = await resting_buy(market)
    before = await _standing(market.venue, placed, resting)
    venue = await market.reopen()
    assert await _standing(venue, placed, resting) == before


@case(902, "The same id places no second order after a restart.", Need.LASTING)
async def test_v902_same_id_places_no_second_order_after_a_restart(market):
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    resting = await resting_buy(market)
    venue = await market.reopen()
    assert (await venue.submit_order(placed)).state is OrderState.FILLED
    assert (await venue.submit_order(resting)).state is OrderState.ACKNOWLEDGED
    assert len(await venue.open_orders()) == 1
    assert sum(fill.quantity for fill in await venue.fills_since(None)) == 1


@case(903, "What rested before a restart is cancelled after it; the stream tells.", Need.LASTING)
async def test_v903_what_rested_before_a_restart_is_cancelled_after_it(market):
    resting = await resting_buy(market)
    venue = await market.reopen()
    await venue.cancel_order(resting)
    assert (await outcome(market, resting)).state is OrderState.CANCELLED
    assert await venue.open_orders() == ()


@case(904, "A stop stands through a restart.", Need.LASTING, Need.STOPS)
async def test_v904_stop_stands_through_a_restart(market):
    await traded(market, sized(market, "buy", "1"))
    reducing = market.venue.capabilities.reduce_only
    below = await away(market, "0.5")
    stop = sized(market, "sell", "1", "stop", trigger_price=below, reduce_only=reducing)
    await market.venue.submit_order(stop)
    venue = await market.reopen()
    (listed,) = await venue.open_orders()
    assert listed.client_order_id == stop.client_order_id
    await venue.cancel_order(stop)
    assert await venue.open_orders() == ()


@case(905, "A fill while the process was down is found under our id.", Need.WIRE)
async def test_v905_fill_while_the_process_was_down_is_found(market):
    resting = await resting_buy(market)
    await market.venue.close()
    market.outside.fill()
    venue = await market.reopen()
    (fill,) = await venue.fills_since(None)
    assert (fill.client_order_id, fill.quantity) == (resting.client_order_id, Decimal(1))
    assert (await venue.find_order(resting)).state is OrderState.FILLED
    assert await held(market) == 1


@case(
    906,
    "An order in doubt at the end of a process is found by the next.",
    Need.WIRE,
    Need.LASTING,
)
async def test_v906_order_in_doubt_is_found_by_the_next_process(market):
    price = await away(market, "0.5")
    placed = fresh(market, "buy", "1", "limit", limit_price=price)
    market.outside.fault("submit", Effect.LOSE_REPLY)
    with pytest.raises(OrderStateUnknown):
        await market.venue.submit_order(placed)
    venue = await market.reopen()
    assert (await venue.find_order(placed)).state is OrderState.ACKNOWLEDGED
    await venue.submit_order(placed)
    assert market.outside.submitted(placed) == 1


@case(907, "A new stream after a restart tells no fill under another key.", Need.LASTING)
async def test_v907_new_stream_tells_no_fill_under_another_key(market):
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    await market.reopen()
    await traded(market, sized(market, "buy", "1"))
    assert sum({fill.key: fill.quantity for fill in fills(market)}.values()) == 2


@case(908, "What ended before a restart is found after it and never placed anew.", Need.LASTING)
async def test_v908_what_ended_before_a_restart_is_found_after_it(market):
    bought, gone = sized(market, "buy", "1"), await resting_buy(market)
    await market.venue.cancel_order(gone)
    await outcome(market, gone)
    before = await traded(market, bought, sized(market, "sell", "1"))
    venue = await market.reopen()
    again = sized(market, "buy", "1")
    *_, last = await traded(market, again)
    assert list(await venue.fills_since(None)) == [*before, last]
    assert list(await venue.fills_since(before[0].ts_event)) == [*before, last]
    for one in (bought, gone):
        state = (await venue.find_order(one)).state
        assert state is (OrderState.FILLED if one is bought else OrderState.CANCELLED)
        with pytest.raises(OrderNotFound):
            await venue.cancel_order(one)
    assert (await venue.submit_order(bought)).state is OrderState.FILLED
    assert await venue.open_orders() == ()
    assert list(await venue.fills_since(None)) == [*before, last]


@case(910, "Closing is harmless when repeated.")
async def test_v910_closing_is_harmless_when_repeated(market):
    await market.venue.close()
    await market.venue.close()
