"""V4xx: stops, reduce-only orders, and exits beside each other."""

from decimal import Decimal

import pytest

from engine.domain.orders import OrderState
from engine.errors import InsufficientFunds, OrderNotFound, OrderRefused, StopWouldTrigger
from tests.contract.venues.cases import case
from tests.contract.venues.harness import is_bars
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    NEAR,
    REACHED,
    away,
    fills,
    follows_its_states,
    held,
    is_refused,
    nearby,
    outcome,
    reports,
    sized,
    total,
    traded,
)


async def _protected(market, **more):
    """Buy one coin and place a stop far below it."""
    await traded(market, sized(market, "buy", "1"))
    below = await away(market, "0.5")
    stop = sized(market, "sell", "1", "stop", trigger_price=below, **_reducing(market), **more)
    await market.venue.submit_order(stop)
    return stop


def _reducing(market):
    return {"reduce_only": market.venue.capabilities.reduce_only}


@case(401, "A stop rests until its price is reached.", Need.STOPS)
async def test_v401_stop_rests_until_its_price_is_reached(market):
    stop = await _protected(market)
    await market.pump(is_bars)
    (listed,) = await market.venue.open_orders()
    assert (listed.client_order_id, listed.filled_quantity) == (stop.client_order_id, "0")


@case(402, "A stop is listed with side, quantity and trigger.", Need.STOPS, Need.OTHER_HANDS)
async def test_v402_stop_is_listed_with_side_quantity_and_trigger(market):
    stop = await _protected(market)
    (listed,) = await market.venue.open_orders()
    assert (listed.side, Decimal(listed.quantity)) == (stop.side, stop.quantity)
    assert Decimal(listed.price) == stop.trigger_price


@case(403, "A stop is found, not placed twice and cancelled by our id.", Need.STOPS)
async def test_v403_stop_is_found_not_placed_twice_and_cancelled_by_our_id(market):
    stop = await _protected(market)
    found = await market.venue.find_order(stop)
    assert (found.client_order_id, found.state.is_terminal) == (stop.client_order_id, False)
    again = await market.venue.submit_order(stop)
    assert again.venue_order_id == found.venue_order_id
    await market.venue.cancel_order(stop)
    assert await market.venue.open_orders() == ()
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(stop)


@case(404, "A stop whose price is reached fills, and the stream tells it under our id.", Need.STOPS)
async def test_v404_stop_whose_price_is_reached_fills(market):
    await traded(market, sized(market, "buy", "1"))
    trigger = await nearby(market, -NEAR)
    stop = sized(market, "sell", "1", "stop", trigger_price=trigger, **_reducing(market))
    await market.venue.submit_order(stop)
    await market.reach(trigger + NEAR - REACHED)
    last = await outcome(market, stop)
    assert (last.state, last.filled_quantity) == (OrderState.FILLED, "1")
    own = [fill for fill in fills(market) if fill.client_order_id == stop.client_order_id]
    assert sum(fill.quantity for fill in own) == 1
    assert await held(market) == 0
    found = await market.venue.find_order(stop)
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "1")


@case(405, "A stop-limit that is triggered fills no worse than its limit.", Need.STOPS)
async def test_v405_stop_limit_fills_no_worse_than_its_limit(market):
    await traded(market, sized(market, "buy", "1"))
    trigger = await nearby(market, -NEAR)
    limit = market.instrument.round_price(trigger - 2)
    stop = sized(
        market,
        "sell",
        "1",
        "stop_limit",
        trigger_price=trigger,
        limit_price=limit,
        **_reducing(market),
    )
    await market.venue.submit_order(stop)
    await market.reach(trigger + NEAR - REACHED)
    last = await outcome(market, stop)
    assert (last.state, last.filled_quantity) == (OrderState.FILLED, "1")
    own = [fill for fill in fills(market) if fill.client_order_id == stop.client_order_id]
    assert all(fill.price >= limit for fill in own)


@case(406, "A stop reached already is refused as such, or fills at once.", Need.STOPS)
async def test_v406_stop_reached_already_is_refused_as_such_or_fills_at_once(market):
    await traded(market, sized(market, "buy", "1"))
    above = await away(market, "1.1")
    stop = sized(market, "sell", "1", "stop", trigger_price=above, **_reducing(market))
    try:
        await market.venue.submit_order(stop)
    except StopWouldTrigger:
        assert await market.venue.find_order(stop) is None
        assert await held(market) == 1
    else:
        assert (await outcome(market, stop)).state is OrderState.FILLED
        assert await held(market) == 0
    assert await market.venue.open_orders() == ()


@case(407, "A buy stop above the market protects a short position.", Need.STOPS, Need.MARGIN)
async def test_v407_buy_stop_protects_a_short_position(market):
    await traded(market, sized(market, "sell", "1"))
    trigger = await nearby(market, NEAR)
    stop = sized(market, "buy", "1", "stop", trigger_price=trigger, reduce_only=True)
    await market.venue.submit_order(stop)
    await market.reach(trigger - NEAR + REACHED)
    assert (await outcome(market, stop)).state is OrderState.FILLED
    assert await held(market) == 0


@case(408, "A trigger price off the increment is refused, and nothing is there.", Need.STOPS)
async def test_v408_trigger_off_the_increment_is_refused(market):
    await traded(market, sized(market, "buy", "1"))
    odd = await away(market, "0.5") + market.instrument.price_increment / 2
    await is_refused(market, sized(market, "sell", "1", "stop", trigger_price=odd))


@case(409, "A stop-limit that triggered and rests is ours, cancelled by our id.", Need.STOPS)
async def test_v409_stop_limit_that_triggered_and_rests_is_cancelled_by_our_id(market):
    await traded(market, sized(market, "buy", "1"))
    trigger = await nearby(market, -NEAR)
    far = {"trigger_price": trigger, "limit_price": market.instrument.round_price(trigger + 5)}
    stop = sized(market, "sell", "1", "stop_limit", **far, **_reducing(market))
    await market.venue.submit_order(stop)
    await market.reach(trigger + NEAR - REACHED)
    for _ in range(2):
        await market.pump(is_bars)
    (listed,) = await market.venue.open_orders()
    assert (listed.client_order_id, listed.filled_quantity) == (stop.client_order_id, "0")
    found = await market.venue.find_order(stop)
    assert found.state in {OrderState.ACKNOWLEDGED, OrderState.TRIGGERED}
    assert found.venue_order_id == listed.venue_order_id
    await market.venue.cancel_order(stop)
    assert (await outcome(market, stop)).state is OrderState.CANCELLED
    assert await market.venue.open_orders() == ()
    follows_its_states(market, stop)


@case(410, "Reports of a stop go forward only, whatever ids it gets when it triggers.", Need.STOPS)
async def test_v410_reports_of_a_stop_go_forward_only(market):
    await traded(market, sized(market, "buy", "1"))
    trigger = await nearby(market, -NEAR)
    stop = sized(market, "sell", "1", "stop", trigger_price=trigger, **_reducing(market))
    await market.venue.submit_order(stop)
    await market.reach(trigger + NEAR - REACHED)
    await outcome(market, stop)
    for _ in range(2):
        await market.pump(is_bars)
    assert follows_its_states(market, stop) is OrderState.FILLED


@case(420, "Reduce-only without a position is refused.", Need.REDUCE_ONLY)
async def test_v420_reduce_only_without_a_position_is_refused(market):
    await is_refused(market, sized(market, "sell", "1", reduce_only=True))


@case(421, "Reduce-only never turns a position round.", Need.REDUCE_ONLY)
async def test_v421_reduce_only_never_turns_a_position_round(market):
    await traded(market, sized(market, "buy", "1"))
    too_much = sized(market, "sell", "3", reduce_only=True)
    try:
        await market.venue.submit_order(too_much)
    except OrderRefused:
        assert await held(market) == 1
        return
    await outcome(market, too_much)
    assert await held(market) == 0
    own = [fill for fill in fills(market) if fill.client_order_id == too_much.client_order_id]
    assert sum(fill.quantity for fill in own) == 1


@case(430, "A fill of one exit ends the other of its group.", Need.SPOT, Need.LINKED_EXITS)
async def test_v430_fill_of_one_exit_ends_the_other_of_its_group(market):
    await traded(market, sized(market, "buy", "1"))
    target = sized(
        market, "sell", "1", "limit", limit_price=await away(market, "2"), group_id="exit"
    )
    await market.venue.submit_order(target)
    now = sized(market, "sell", "1", group_id="exit")
    await market.venue.submit_order(now)
    assert (await outcome(market, target)).state is OrderState.CANCELLED
    assert await total(market, market.instrument.base) == 0


@case(431, "Stop and target rest side by side for one position.", Need.EXITS_SIDE_BY_SIDE)
async def test_v431_stop_and_target_rest_side_by_side(market):
    stop = await _protected(market)
    up = await away(market, "1.5")
    target = sized(market, "sell", "1", "limit", limit_price=up, reduce_only=True)
    await market.venue.submit_order(target)
    listed = {one.client_order_id for one in await market.venue.open_orders()}
    assert listed == {stop.client_order_id, target.client_order_id}


@case(432, "A resting exit locks what it sells; a second one is refused.", Need.ONE_EXIT_AT_A_TIME)
async def test_v432_resting_exit_locks_what_it_sells(market):
    stop = await _protected(market)
    second = sized(market, "sell", "1", "limit", limit_price=await away(market, "1.5"))
    with pytest.raises(InsufficientFunds):
        await market.venue.submit_order(second)
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id == stop.client_order_id
    assert reports(market, second) == []
