"""Steps that cases share: orders on the instrument under test, and what its account then shows."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.ids import AssetId
from engine.domain.orders import TRANSITIONS, Fill, Order, OrderState
from engine.errors import OrderRefused
from engine.ports import BarsClosed, FillReported, OrderReport, OrderReported
from tests.contract.venues.harness import VenueHarness, ended
from tests.fakes.markets import order

NEAR = Decimal("0.40")
"""A price so far away does not trade by itself, and does as soon as `reach` is asked for it."""
REACHED = Decimal("0.50")


def sized(
    market: VenueHarness, side: str, quantity: str, kind: str = "market", **more: Any
) -> Order:
    """Return an order on the market's instrument, too old to be still on its way."""
    return order(side, quantity, kind, instrument_id=market.instrument.id, **more)


def fresh(
    market: VenueHarness, side: str, quantity: str, kind: str = "market", **more: Any
) -> Order:
    """Return one that was decided now: as long as it is young its request may still arrive."""
    return sized(market, side, quantity, kind, at=market.now(), **more)


async def away(market: VenueHarness, part: str) -> Decimal:
    """Return the price times `part`, on the increment."""
    return market.instrument.round_price(await market.price() * Decimal(part))


async def nearby(market: VenueHarness, distance: Decimal) -> Decimal:
    return market.instrument.round_price(await market.price() + distance)


async def resting_buy(market: VenueHarness, quantity: str = "1", **more: Any) -> Order:
    """Place a limit far below the market."""
    placed = sized(market, "buy", quantity, "limit", limit_price=await away(market, "0.5"), **more)
    report = await market.venue.submit_order(placed)
    assert report.state is OrderState.ACKNOWLEDGED
    return placed


async def total(market: VenueHarness, asset: AssetId) -> Decimal:
    held = {balance.asset: balance.total for balance in await market.venue.balances()}
    return held.get(asset, Decimal(0))


async def locked(market: VenueHarness, asset: AssetId) -> Decimal:
    held = {balance.asset: balance.locked for balance in await market.venue.balances()}
    return held.get(asset, Decimal(0))


async def held(market: VenueHarness) -> Decimal:
    """Return the net position; zero for none."""
    return sum((Decimal(one.quantity) for one in await market.venue.positions()), Decimal(0))


def fills(market: VenueHarness) -> list[Fill]:
    """Return what the stream has told of fills so far."""
    return [message.fill for message in market.seen if isinstance(message, FillReported)]


def reports(market: VenueHarness, placed: Order) -> list[OrderReport]:
    """Return what the stream has told of one order so far."""
    told = [message.report for message in market.seen if isinstance(message, OrderReported)]
    return [report for report in told if report.client_order_id == placed.client_order_id]


def follows_its_states(market: VenueHarness, placed: Order) -> OrderState:
    """Expect the reports of an order in an order that its states allow; return the last."""
    state = OrderState.SUBMITTED
    for report in reports(market, placed):
        assert report.state is state or report.state in TRANSITIONS[state], (state, report.state)
        state = report.state
    return state


def bars_told(market: VenueHarness) -> list[BarsClosed]:
    return [message for message in market.seen if isinstance(message, BarsClosed)]


async def outcome(market: VenueHarness, placed: Order) -> OrderReport:
    """Wait until the stream tells an order's end."""
    return (await market.pump(ended(placed.client_order_id))).report


async def traded(market: VenueHarness, *orders: Order) -> list[Fill]:
    """Submit orders one after the other, each when the one before has ended; return the fills."""
    for one in orders:
        await market.venue.submit_order(one)
        await outcome(market, one)
    return fills(market)


async def is_refused(
    market: VenueHarness, placed: Order, kind: type[OrderRefused] = OrderRefused
) -> OrderRefused:
    """Expect a refusal with words for a person, and nothing of the order at the venue."""
    before = await market.venue.balances()
    with pytest.raises(kind) as caught:
        await market.venue.submit_order(placed)
    assert caught.value.user_message
    assert await market.venue.open_orders() == ()
    assert await market.venue.balances() == before
    assert await market.venue.fills_since(None) == tuple(fills(market))
    return caught.value
