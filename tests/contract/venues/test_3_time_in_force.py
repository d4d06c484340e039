"""V3xx: time in force and post-only."""

from engine.domain.orders import Liquidity, OrderState, TimeInForce
from engine.errors import OrderRefused
from tests.contract.venues.cases import case
from tests.contract.venues.harness import is_bars
from tests.contract.venues.steps import (
    NEAR,
    REACHED,
    away,
    fills,
    locked,
    nearby,
    outcome,
    resting_buy,
    sized,
    traded,
)

ENDED_UNFILLED = {OrderState.CANCELLED, OrderState.EXPIRED}


async def _ends_unfilled(market, placed):
    """Submit what can't trade: it is refused, or it ends; either way nothing of it stays."""
    try:
        await market.venue.submit_order(placed)
    except OrderRefused:
        assert await market.venue.find_order(placed) is None
    else:
        last = await outcome(market, placed)
        assert (last.state in ENDED_UNFILLED, last.filled_quantity) == (True, "0")
    assert await market.venue.open_orders() == ()
    assert await market.venue.fills_since(None) == ()
    assert await locked(market, market.instrument.settlement) == 0


@case(301, "A good-till-cancelled limit rests while bars go by.")
async def test_v301_good_till_cancelled_limit_rests_while_bars_go_by(market):
    placed = await resting_buy(market)
    for _ in range(2):
        await market.pump(is_bars)
    (listed,) = await market.venue.open_orders()
    assert (listed.client_order_id, listed.filled_quantity) == (placed.client_order_id, "0")


@case(302, "A limit fills as a maker when the market comes to it.")
async def test_v302_limit_fills_as_a_maker_when_the_market_comes_to_it(market):
    limit = await nearby(market, -NEAR)
    placed = sized(market, "buy", "1", "limit", limit_price=limit)
    await market.venue.submit_order(placed)
    await market.reach(limit + NEAR - REACHED)
    last = await outcome(market, placed)
    assert (last.state, last.filled_quantity) == (OrderState.FILLED, "1")
    assert {fill.liquidity for fill in fills(market)} == {Liquidity.MAKER}
    assert {fill.price for fill in fills(market)} == {limit}


@case(310, "Immediate-or-cancel that can't trade ends and leaves nothing.")
async def test_v310_immediate_or_cancel_that_can_not_trade_leaves_nothing(market):
    price = await away(market, "0.5")
    await _ends_unfilled(
        market,
        sized(market, "buy", "1", "limit", limit_price=price, time_in_force=TimeInForce.IOC),
    )


@case(311, "Immediate-or-cancel that can trade fills.")
async def test_v311_immediate_or_cancel_that_can_trade_fills(market):
    price = await away(market, "1.02")
    told = await traded(
        market,
        sized(market, "buy", "1", "limit", limit_price=price, time_in_force=TimeInForce.IOC),
    )
    assert sum(fill.quantity for fill in told) == 1


@case(312, "Fill-or-kill that can't fill whole ends and leaves nothing.")
async def test_v312_fill_or_kill_that_can_not_fill_leaves_nothing(market):
    price = await away(market, "0.5")
    await _ends_unfilled(
        market,
        sized(market, "buy", "1", "limit", limit_price=price, time_in_force=TimeInForce.FOK),
    )


@case(313, "Fill-or-kill that can fill whole does.")
async def test_v313_fill_or_kill_that_can_fill_does(market):
    price = await away(market, "1.02")
    told = await traded(
        market,
        sized(market, "buy", "1", "limit", limit_price=price, time_in_force=TimeInForce.FOK),
    )
    assert sum(fill.quantity for fill in told) == 1


@case(320, "Post-only away from the market rests.")
async def test_v320_post_only_away_from_the_market_rests(market):
    placed = await resting_buy(market, post_only=True)
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id == placed.client_order_id


@case(321, "Post-only that would take is refused or ends unfilled: it never takes.")
async def test_v321_post_only_that_would_take_never_takes(market):
    price = await away(market, "1.02")
    await _ends_unfilled(
        market, sized(market, "buy", "1", "limit", limit_price=price, post_only=True)
    )
