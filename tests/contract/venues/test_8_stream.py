"""V8xx: the stream, its order, its connection; vitals and the dead-man timer."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from engine.domain.orders import OrderState
from engine.ports import (
    BarsClosed,
    ConnectionChanged,
    DeadManTimer,
    FillReported,
    OrderReported,
    TimeAdvanced,
)
from sandbox.exchange.core import Effect
from tests.contract.venues.cases import case
from tests.contract.venues.harness import ended, is_bars, is_fill
from tests.contract.venues.needs import Need
from tests.contract.venues.steps import (
    NEAR,
    REACHED,
    away,
    bars_told,
    fills,
    follows_its_states,
    nearby,
    outcome,
    reports,
    resting_buy,
    sized,
    traded,
)


@case(801, "It never runs back, and tells fills before the bars of their instant.")
async def test_v801_stream_never_runs_back_and_tells_fills_before_bars(market):
    placed = sized(market, "buy", "1", "limit", limit_price=await away(market, "1.02"))
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


@case(802, "Fills come before the report that counts them.")
async def test_v802_fills_come_before_the_report_that_counts_them(market):
    placed = sized(market, "buy", "1")
    await traded(market, placed)
    told = Decimal(0)
    for message in market.seen:
        if isinstance(message, FillReported):
            told += message.fill.quantity
        if isinstance(message, OrderReported):
            assert Decimal(message.report.filled_quantity) <= told
    assert told == 1


@case(803, "Reports of an order follow its state machine.")
async def test_v803_reports_of_an_order_follow_its_state_machine(market):
    limit = await nearby(market, -NEAR)
    placed = sized(market, "buy", "1", "limit", limit_price=limit)
    await market.venue.submit_order(placed)
    await market.reach(limit + NEAR - REACHED)
    await outcome(market, placed)
    await market.pump(is_bars)
    assert follows_its_states(market, placed) is OrderState.FILLED


@case(804, "A triggered stop is told as triggered, never as filled before it fills.", Need.STOPS)
async def test_v804_triggered_stop_is_never_told_as_filled_before_it_fills(market):
    await traded(market, sized(market, "buy", "1"))
    trigger = await nearby(market, -NEAR)
    reducing = market.venue.capabilities.reduce_only
    stop = sized(market, "sell", "1", "stop", trigger_price=trigger, reduce_only=reducing)
    await market.venue.submit_order(stop)
    await market.reach(trigger + NEAR - REACHED)
    await outcome(market, stop)
    await market.pump(is_bars)
    told = Decimal(0)
    for message in market.seen:
        if isinstance(message, FillReported):
            told += message.fill.quantity * (message.fill.client_order_id == stop.client_order_id)
        if isinstance(message, OrderReported) and message.report in reports(market, stop):
            assert Decimal(message.report.filled_quantity) <= told
    assert told == 1


@case(805, "Bars follow each other without a gap, only those that were asked for.")
async def test_v805_bars_follow_each_other_without_a_gap(market):
    for _ in range(4):
        await market.pump(is_bars)
    bars = [bar for closed in bars_told(market) for bar in closed.bars]
    assert {(bar.instrument_id, bar.timeframe) for bar in bars} == {
        (market.instrument.id, market.timeframe)
    }
    steps = {later.timestamp - one.timestamp for one, later in pairwise(bars)}
    assert steps == {market.timeframe.delta}


@case(806, "History tells the bars that the stream told.")
async def test_v806_history_tells_the_bars_that_the_stream_told(market):
    for _ in range(3):
        await market.pump(is_bars)
    told = [bar for closed in bars_told(market) for bar in closed.bars]
    ask = (market.instrument.id, market.timeframe)
    asked = list(await market.venue.history(*ask, before=told[-1].end, limit=3))
    assert [one.timestamp for one in asked] == [one.timestamp for one in told]
    for one, other in zip(told, asked, strict=True):
        same = [(one.open, other.open), (one.high, other.high), (one.close, other.close)]
        assert all(abs(Decimal(a) - Decimal(b)) < Decimal("1e-9") for a, b in same)


def _is_connection(connected):
    return lambda message: isinstance(message, ConnectionChanged) and message.connected is connected


@case(810, "A break and its end are told once each; fills of meanwhile are there.", Need.WIRE)
async def test_v810_break_and_its_end_are_told_once_each(market):
    placed = await resting_buy(market)
    market.outside.fault("stream.user", Effect.CUT)
    market.outside.fill()
    await market.pump(_is_connection(False))
    await market.pump(_is_connection(True))
    changes = [one.connected for one in market.seen if isinstance(one, ConnectionChanged)]
    assert changes == [False, True]
    asked = await market.venue.fills_since(None)
    assert sum(fill.quantity for fill in asked) == 1
    found = await market.venue.find_order(placed)
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "1")


@case(811, "A message that comes twice is one fill by its key.", Need.WIRE)
async def test_v811_message_that_comes_twice_is_one_fill(market):
    market.outside.fault("stream.user", Effect.DUPLICATE, times=None)
    await traded(market, sized(market, "buy", "1"))
    await market.pump(is_bars)
    assert len({fill.key for fill in fills(market)}) == 1
    assert sum(fill.quantity for fill in await market.venue.fills_since(None)) == 1


@case(812, "What the stream did not tell is there when asked for.", Need.WIRE)
async def test_v812_what_the_stream_did_not_tell_is_there_when_asked_for(market):
    market.outside.fault("stream.user", Effect.DROP, times=None)
    placed = sized(market, "buy", "1")
    await market.venue.submit_order(placed)
    assert sum(fill.quantity for fill in await market.venue.fills_since(None)) == 1
    found = await market.venue.find_order(placed)
    assert (found.state, found.filled_quantity) == (OrderState.FILLED, "1")


@case(820, "Vitals name the venue, and are within their units.")
async def test_v820_vitals_are_within_their_units(market):
    await market.pump(is_bars)
    vitals = market.venue.vitals()
    assert vitals.name
    assert vitals.connected
    assert 0 <= vitals.budget_used <= 1
    assert vitals.open_breakers == ()
    at = vitals.last_message_at
    assert at is None or at.utcoffset() == timedelta(0)


@case(830, "Disarming the timer does no harm, also where there is none.")
async def test_v830_disarming_the_timer_does_no_harm(market):
    placed = await resting_buy(market)
    await market.venue.cancel_all_after(0)
    await market.pump(is_bars)
    (listed,) = await market.venue.open_orders()
    assert listed.client_order_id == placed.client_order_id


@case(831, "The timer cancels what rests when nobody renews it; stops as it says.", Need.TIMER)
async def test_v831_timer_cancels_what_rests_when_nobody_renews_it(market):
    await traded(market, sized(market, "buy", "1"))
    below = await away(market, "0.5")
    reducing = market.venue.capabilities.reduce_only
    stop = sized(market, "sell", "1", "stop", trigger_price=below, reduce_only=reducing)
    await market.venue.submit_order(stop)
    placed = await resting_buy(market)
    await market.venue.cancel_all_after(30)
    await market.pump(ended(placed.client_order_id))
    left = {one.client_order_id for one in await market.venue.open_orders()}
    spared = market.venue.capabilities.dead_man is DeadManTimer.SPARES_STOPS
    assert left == ({stop.client_order_id} if spared else set())
