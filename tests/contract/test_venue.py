"""The acceptance suite of the Venue port, by number; every venue passes it unchanged."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.orders import Fill, Order, OrderState
from engine.errors import (
    BelowMinimum,
    InsufficientFunds,
    OrderNotFound,
    OrderRefused,
    UnknownInstrument,
)
from engine.ports import BarsClosed, ExitStyle, FillReported, TimeAdvanced
from engine.venues.ccxt.settings import MarketKind
from tests.contract.venues import (
    CcxtHarness,
    ReplayHarness,
    SimulatedHarness,
    VenueHarness,
    ended,
    is_bars,
    is_fill,
)
from tests.fakes.markets import order

EXCHANGES = {"binance spot": MarketKind.SPOT, "binance usd-m": MarketKind.LINEAR}


SIMULATED = {"simulated spot": False, "simulated perpetual": True}


@pytest.fixture(params=["replay in memory", "replay on file", *SIMULATED, *EXCHANGES])
async def market(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueHarness]:
    if request.param in EXCHANGES:
        async with CcxtHarness.against(EXCHANGES[request.param], tmp_path) as running:
            yield running
        return
    harness: VenueHarness
    if request.param in SIMULATED:
        harness = SimulatedHarness(is_linear=SIMULATED[request.param])
    else:
        harness = ReplayHarness(tmp_path / "books.db" if "file" in request.param else None)
    yield harness
    await harness.close()


def sized(market: VenueHarness, side: str, quantity: str, kind: str = "market", **more) -> Order:
    return order(side, quantity, kind, instrument_id=market.instrument.id, **more)


async def far_below(market: VenueHarness) -> Decimal:
    return market.instrument.round_price(await market.price() / 2)


async def total(market: VenueHarness, asset: AssetId) -> Decimal:
    held = {balance.asset: balance.total for balance in await market.venue.balances()}
    return held.get(asset, Decimal(0))


async def locked(market: VenueHarness, asset: AssetId) -> Decimal:
    held = {balance.asset: balance.locked for balance in await market.venue.balances()}
    return held.get(asset, Decimal(0))


def needs(market: VenueHarness, *, derivative: bool) -> None:
    """Skip a case of the other kind of account: one pays and holds assets, one posts margin."""
    if (market.instrument.kind is not InstrumentKind.SPOT) is not derivative:
        pytest.skip("of a derivatives account" if derivative else "of a spot account")


async def traded(market: VenueHarness, *orders: Order) -> list[Fill]:
    """Submit orders one after the other, each when the one before has ended; return the fills."""
    for one in orders:
        await market.venue.submit_order(one)
        await market.pump(ended(one.client_order_id))
    return [message.fill for message in market.seen if isinstance(message, FillReported)]


async def test_v01_lists_its_instruments_with_their_increments(market):
    listed = {one.id: one for one in await market.venue.instruments()}
    assert listed[market.instrument.id].quantity_increment > 0


async def test_v02_opens_with_its_deposit_and_nothing_else(market):
    assert await total(market, market.instrument.quote) > 0
    assert await locked(market, market.instrument.quote) == 0
    assert await market.venue.positions() == ()
    assert await market.venue.open_orders() == ()
    assert await market.venue.fills_since(None) == ()


async def test_v03_market_order_fills_and_moves_the_balances_by_value_and_fee(market):
    needs(market, derivative=False)
    quote, base = market.instrument.quote, market.instrument.base
    before = await total(market, quote)
    placed = sized(market, "buy", "2")
    report = await market.venue.submit_order(placed)
    assert report.client_order_id == placed.client_order_id
    assert not report.state.is_terminal or report.state is OrderState.FILLED
    last = await market.pump(ended(placed.client_order_id))
    fills = [message.fill for message in market.seen if isinstance(message, FillReported)]
    assert last.report.state is OrderState.FILLED
    assert last.report.filled_quantity == "2"
    assert sum(fill.quantity for fill in fills) == 2
    assert len({fill.key for fill in fills}) == len(fills)
    paid = sum(fill.quantity * fill.price for fill in fills)
    fees = {quote: Decimal(0), base: Decimal(0)}
    for fill in fills:
        fees[fill.commission_asset] += fill.commission
    assert await total(market, quote) == before - paid - fees[quote]
    assert await total(market, base) == 2 - fees[base]


async def test_v04_same_client_order_id_never_places_a_second_order(market):
    placed = sized(market, "buy", "1")
    first = await market.venue.submit_order(placed)
    second = await market.venue.submit_order(placed)
    assert second.venue_order_id == first.venue_order_id
    await market.pump(ended(placed.client_order_id))
    third = await market.venue.submit_order(placed)
    assert (third.venue_order_id, third.state) == (first.venue_order_id, OrderState.FILLED)
    await market.pump(is_bars)
    assert sum(fill.quantity for fill in await market.venue.fills_since(None)) == 1


async def test_v05_resting_limit_is_listed_locks_its_cost_and_is_cancelled(market):
    needs(market, derivative=False)
    price = await far_below(market)
    resting = sized(market, "buy", "1", "limit", limit_price=price)
    report = await market.venue.submit_order(resting)
    assert report.state is OrderState.ACKNOWLEDGED
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id == resting.client_order_id
    assert await locked(market, market.instrument.quote) >= price
    await market.venue.cancel_order(resting)
    last = await market.pump(ended(resting.client_order_id))
    assert last.report.state is OrderState.CANCELLED
    assert await market.venue.open_orders() == ()
    assert await locked(market, market.instrument.quote) == 0
    found = await market.venue.find_order(resting)
    assert found.state is OrderState.CANCELLED


async def test_v06_cancel_of_what_has_ended_or_never_was_is_not_found(market):
    placed = sized(market, "buy", "1")
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(placed)
    await traded(market, placed)
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(placed)


async def test_v07_find_order_proves_absence_and_tells_the_state(market):
    assert await market.venue.find_order(sized(market, "buy", "1", client_order_id="never")) is None
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    found = await market.venue.find_order(placed)
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "1")


async def test_v08_what_the_account_can_not_pay_for_is_refused_and_absent(market):
    placed = sized(market, "buy", "100000")
    with pytest.raises(InsufficientFunds) as caught:
        await market.venue.submit_order(placed)
    assert caught.value.user_message
    assert await market.venue.find_order(placed) is None
    assert await market.venue.open_orders() == ()


async def test_v09_selling_what_is_not_held_is_refused(market):
    needs(market, derivative=False)
    with pytest.raises(InsufficientFunds):
        await market.venue.submit_order(sized(market, "sell", "1"))


async def test_v10_quantity_below_the_minimum_or_off_the_step_is_refused(market):
    step = market.instrument.quantity_increment
    for quantity in (step / 2, step * Decimal("10.5")):
        with pytest.raises(BelowMinimum):
            await market.venue.submit_order(sized(market, "buy", str(quantity)))


async def test_v11_price_off_the_step_is_refused(market):
    price = await far_below(market) + market.instrument.price_increment / 2
    with pytest.raises(BelowMinimum):
        await market.venue.submit_order(sized(market, "buy", "1", "limit", limit_price=price))


async def test_v12_unlisted_instrument_is_refused(market):
    with pytest.raises(UnknownInstrument):
        await market.venue.submit_order(order("buy", "1", instrument_id=InstrumentId("NO/SUCH")))


async def test_v13_fills_since_gives_what_the_stream_gave_oldest_first(market):
    streamed = await traded(market, sized(market, "buy", "1"), sized(market, "sell", "1"))
    asked = await market.venue.fills_since(None)
    assert list(asked) == streamed
    later = await market.venue.fills_since(streamed[1].ts_event)
    assert streamed[1] in later
    assert all(fill.ts_event >= streamed[1].ts_event for fill in later)
    assert await market.venue.fills_since(streamed[1].ts_event + timedelta(days=1)) == ()


async def test_v14_position_follows_the_fills(market):
    await traded(market, sized(market, "buy", "3"))
    (held,) = await market.venue.positions()
    assert (held.instrument_id, held.quantity) == (market.instrument.id, "3")
    await traded(market, sized(market, "sell", "3"))
    assert await market.venue.positions() == ()


async def test_v15_history_is_final_ascending_limited_and_never_of_the_future(market):
    closed = await market.pump(is_bars)
    ask = (market.instrument.id, market.timeframe)
    history = await market.venue.history(*ask, before=closed.time, limit=5)
    assert len(history) == 5
    assert list(history.timestamp) == sorted(set(history.timestamp))
    ends = history.timestamp + market.timeframe.seconds * 1000
    assert ends[-1] <= closed.time.timestamp() * 1000
    future = await market.venue.history(*ask, before=closed.time + timedelta(days=9), limit=5)
    assert list(future.timestamp) == list(history.timestamp)
    earlier = await market.venue.history(*ask, before=closed.time - market.timeframe.delta, limit=5)
    assert earlier.timestamp[-1] < history.timestamp[-1]


async def test_v16_stream_never_runs_back_and_tells_fills_before_the_bars_of_an_instant(market):
    placed = sized(market, "buy", "1", "limit", limit_price=await market.price())
    await market.venue.submit_order(placed)
    await market.pump(is_fill)
    for _ in range(3):
        await market.pump(is_bars)
    last_bars = None
    times = []
    for message in market.seen:
        if isinstance(message, TimeAdvanced | BarsClosed):
            times.append(message.time)
        if isinstance(message, BarsClosed):
            assert all(bar.end == message.time for bar in message.bars)
            last_bars = message.time
        if isinstance(message, FillReported) and last_bars is not None:
            assert message.fill.ts_event >= last_bars
    assert times == sorted(times)


async def test_v17_reduce_only_without_a_position_is_refused(market):
    if not market.venue.capabilities.reduce_only:
        pytest.skip("this venue has no reduce-only orders: execution keeps the rule")
    with pytest.raises(OrderRefused):
        await market.venue.submit_order(sized(market, "sell", "1", reduce_only=True))


async def test_v18_market_buy_by_quote_never_spends_more(market):
    if not market.venue.capabilities.quote_quantity:
        pytest.skip("this venue sizes market buys in the base only")
    before = await total(market, market.instrument.quote)
    budget = Decimal("123.45")
    placed = sized(market, "buy", "1", quote_quantity=budget)
    fills = await traded(market, placed)
    spent = before - await total(market, market.instrument.quote)
    step_value = market.instrument.quantity_increment * fills[-1].price
    assert budget - 2 * step_value < spent <= budget


async def test_v19_fill_of_one_exit_ends_the_other_of_its_group(market):
    if market.venue.capabilities.exits is not ExitStyle.LINKED:
        pytest.skip("this venue has no linked exits: execution keeps the rule")
    await traded(market, sized(market, "buy", "1"))
    price = await market.price()
    up = market.instrument.round_price(price * 2)
    target = sized(market, "sell", "1", "limit", limit_price=up, group_id="exit")
    await market.venue.submit_order(target)
    now = sized(market, "sell", "1", group_id="exit")
    await market.venue.submit_order(now)
    last = await market.pump(ended(target.client_order_id))
    assert last.report.state is OrderState.CANCELLED
    assert await total(market, market.instrument.base) == 0


async def test_v20_stop_rests_until_its_price_is_reached(market):
    if not market.venue.capabilities.stop_orders:
        pytest.skip("stops can't rest at this venue: execution watches them")
    await traded(market, sized(market, "buy", "1"))
    below = await far_below(market)
    stop = sized(market, "sell", "1", "stop", trigger_price=below, reduce_only=True)
    await market.venue.submit_order(stop)
    await market.pump(is_bars)
    (listed,) = await market.venue.open_orders()
    assert (listed.client_order_id, listed.filled_quantity) == (stop.client_order_id, "0")


async def test_v21_orders_fills_and_balances_are_there_after_a_restart(market):
    if not market.survives:
        pytest.skip("these books live in memory only")
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    resting = sized(market, "sell", "1", "limit", limit_price="900")
    await market.venue.submit_order(resting)
    before = (
        await market.venue.fills_since(None),
        await market.venue.balances(),
        await market.venue.positions(),
        await market.venue.open_orders(),
        await market.venue.find_order(placed),
    )
    venue = await market.reopen()
    after = (
        await venue.fills_since(None),
        await venue.balances(),
        await venue.positions(),
        await venue.open_orders(),
        await venue.find_order(placed),
    )
    assert after == before
    again = await venue.submit_order(placed)
    assert again.state is OrderState.FILLED


async def test_v22_instants_are_aware_utc_and_money_is_never_a_float(market):
    (fill,) = await traded(market, sized(market, "buy", "1"))
    assert fill.ts_event.utcoffset() == timedelta(0)
    assert {type(fill.quantity), type(fill.price), type(fill.commission)} == {Decimal}
    closed = await market.pump(is_bars)
    assert closed.time.utcoffset() == timedelta(0)
    assert all(type(bar.close) is Decimal for bar in closed.bars)


async def test_v23_derivative_moves_the_wallet_by_its_fee_alone(market):
    needs(market, derivative=True)
    settlement = market.instrument.settlement
    before = await total(market, settlement)
    fills = await traded(market, sized(market, "buy", "2"))
    assert sum(fill.quantity for fill in fills) == 2
    assert {fill.commission_asset for fill in fills} == {settlement}
    assert await total(market, settlement) == before - sum(fill.commission for fill in fills)
    (held,) = await market.venue.positions()
    assert held.quantity == "2"


async def test_v24_derivative_rests_on_margin_and_gives_it_back(market):
    needs(market, derivative=True)
    price = await far_below(market)
    resting = sized(market, "buy", "1", "limit", limit_price=price)
    await market.venue.submit_order(resting)
    assert 0 < await locked(market, market.instrument.settlement) < price
    await market.venue.cancel_order(resting)
    await market.pump(ended(resting.client_order_id))
    assert await locked(market, market.instrument.settlement) == 0


async def test_v25_derivative_sells_short_and_reduces_only_what_is_there(market):
    needs(market, derivative=True)
    await traded(market, sized(market, "sell", "2"))
    (held,) = await market.venue.positions()
    assert held.quantity == "-2"
    await traded(market, sized(market, "buy", "2", reduce_only=True))
    assert await market.venue.positions() == ()


async def test_v26_stop_of_a_position_is_found_listed_and_cancelled_by_our_id(market):
    if not market.venue.capabilities.stop_orders:
        pytest.skip("stops can't rest at this venue: execution watches them")
    await traded(market, sized(market, "buy", "1"))
    stop = sized(market, "sell", "1", "stop", trigger_price=await far_below(market))
    await market.venue.submit_order(stop)
    found = await market.venue.find_order(stop)
    assert (found.client_order_id, found.state.is_terminal) == (stop.client_order_id, False)
    again = await market.venue.submit_order(stop)
    assert again.venue_order_id == found.venue_order_id
    await market.venue.cancel_order(stop)
    assert await market.venue.open_orders() == ()
    with pytest.raises(OrderNotFound):
        await market.venue.cancel_order(stop)
