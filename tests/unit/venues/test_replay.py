"""How a replay plays: its instants, its pace, orders from chat, its end and its beginning."""

import asyncio
from datetime import timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.bars import STATE_CODES
from engine.domain.bars import BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.orders import OrderState, TimeInForce
from engine.errors import ConfigError, DataError, OrderRefused, UnknownInstrument
from engine.ports import BarsClosed, FillReported, OrderReported, ReplayEnded, TimeAdvanced
from engine.schedule.simulated import SimulatedClock
from engine.venues.models import FillModels, LatencyModel
from tests.fakes.clocks import FakeWallClock
from tests.fakes.markets import BTC, MINUTE, OPENS_AT, PERP, bars, minute, order
from tests.unit.venues.replays import closings, everything, fills_of, replay, until

FLAT = "100 101 99 100"
HOUR = Timeframe(3600)


def kinds(messages):
    return [type(message).__name__ for message in messages]


async def test_each_instant_is_time_then_fills_then_bars_and_opens_fill_when_more_is_asked():
    series = bars([FLAT, "103 104 102 103", FLAT])
    venue = replay(series)
    stream = venue.stream(everything(series))
    first = await until(stream, BarsClosed)
    assert kinds(first) == ["TimeAdvanced", "BarsClosed"]
    assert first[1].time == minute(1)
    await venue.submit_order(order("buy", "1"))
    second = await until(stream, BarsClosed)
    assert kinds(second) == ["FillReported", "OrderReported", "TimeAdvanced", "BarsClosed"]
    (fill,) = fills_of(second)
    assert (fill.price, fill.ts_event) == (D(103), minute(1))


async def test_clock_moves_only_when_the_next_item_is_asked_for():
    series = bars([FLAT, FLAT])
    clock = SimulatedClock(OPENS_AT)
    venue = replay(series, clock=clock)
    stream = venue.stream(everything(series))
    await until(stream, BarsClosed)
    await asyncio.sleep(0)
    assert clock.now() == venue.now == minute(1)
    assert isinstance(await anext(stream), TimeAdvanced)
    assert clock.now() == minute(2)


async def test_bars_that_close_together_come_in_one_message_and_only_those_asked_for():
    fine = bars([FLAT] * 60)
    coarse = bars([FLAT], timeframe=HOUR)
    other = bars([FLAT] * 60, of=PERP)
    venue = replay(fine, coarse, other)
    stream = venue.stream([(BTC, MINUTE), (BTC, HOUR)])
    seen = closings(await until(stream, ReplayEnded))
    assert len(seen) == 60
    assert [str(bar.timeframe) for bar in seen[-1].bars] == ["1m", "1h"]
    assert {bar.instrument_id for closed in seen for bar in closed.bars} == {BTC}


async def test_orders_are_matched_by_the_finest_series():
    fine = bars([FLAT] * 30 + ["100 100 50 100"] + [FLAT] * 29)
    coarse = bars(["100 101 50 100"], timeframe=HOUR)
    venue = replay(coarse, fine)
    await venue.submit_order(order("buy", "1", "limit", limit_price="60"))
    (fill,) = fills_of(await until(venue.stream([(BTC, HOUR)]), BarsClosed))
    assert fill.ts_event == minute(31)


async def test_coarser_bars_match_outside_the_span_of_the_finer_ones():
    coarse = bars([FLAT, "100 101 50 100", FLAT], timeframe=HOUR)
    fine = bars([FLAT] * 60, start=OPENS_AT + timedelta(hours=2))
    venue = replay(fine, coarse)
    await venue.submit_order(order("buy", "1", "limit", limit_price="60"))
    (fill,) = fills_of(await until(venue.stream([(BTC, MINUTE)]), BarsClosed))
    assert fill.ts_event == OPENS_AT + timedelta(hours=2)


async def test_market_order_waits_over_closed_hours_for_the_next_open():
    series = bars([FLAT, "107 108 106 107"], skip=range(1, 600))
    venue = replay(series)
    stream = venue.stream(everything(series))
    await until(stream, BarsClosed)
    await venue.submit_order(order("buy", "1"))
    seen = await until(stream, BarsClosed)
    assert kinds(seen) == [
        *("TimeAdvanced", "FillReported", "OrderReported"),
        *("TimeAdvanced", "BarsClosed"),
    ]
    assert (seen[0].time, fills_of(seen)[0].price) == (minute(600), D(107))


async def test_empty_and_missing_bars_fill_nothing():
    series = bars(["100 101 99 100", "100 100 100 100", "90 91 89 90", "95 96 94 95"])
    series.state[1] = STATE_CODES[BarState.EMPTY]
    series.state[2] = STATE_CODES[BarState.MISSING]
    venue = replay(series)
    stream = venue.stream(everything(series))
    await venue.submit_order(order("buy", "1", "limit", limit_price="89.50"))
    await until(stream, BarsClosed)
    await venue.submit_order(order("buy", "1"))
    (fill,) = fills_of(await until(stream, ReplayEnded))
    assert (fill.price, fill.ts_event) == (D(95), minute(3))


async def test_orders_placed_on_a_fill_meet_the_same_open():
    series = bars([FLAT, "100 101 94 100", FLAT])
    venue = replay(series)
    stream = venue.stream(everything(series))
    await until(stream, BarsClosed)
    await venue.submit_order(order("buy", "1"))
    await until(stream, FillReported)
    stop = order("sell", "1", "stop", trigger_price="95", reduce_only=True)
    await venue.submit_order(stop)
    fills = fills_of(await until(stream, BarsClosed))
    assert [(fill.price, fill.ts_event) for fill in fills] == [(D(95), minute(2))]


# --- orders while the replay waits ----------------------------------------------------------


async def test_order_from_chat_fills_at_once_at_the_open_of_the_bar_under_way():
    series = bars([FLAT, "103 110 90 104", FLAT])
    wall = FakeWallClock()
    venue = replay(series, wall=wall, speed=1)
    stream = venue.stream(everything(series))
    waiting = asyncio.ensure_future(until(stream, BarsClosed))
    await wall.advance(60)
    await waiting
    waiting = asyncio.ensure_future(until(stream, FillReported))
    await wall.advance(30)
    assert not waiting.done()
    await venue.submit_order(order("buy", "1"))
    (fill,) = fills_of(await waiting)  # without a second more on the wall
    assert (fill.price, fill.ts_event) == (D(103), minute(1))
    waiting = asyncio.ensure_future(until(stream, BarsClosed))
    await wall.advance(29)
    assert not waiting.done()
    await wall.advance(1)
    assert closings(await waiting)[0].time == minute(2)


async def test_cancel_from_chat_is_reported_at_once():
    series = bars([FLAT, FLAT])
    wall = FakeWallClock()
    venue = replay(series, wall=wall, speed=1)
    resting = order("buy", "1", "limit", limit_price="50")
    await venue.submit_order(resting)
    waiting = asyncio.ensure_future(until(venue.stream(everything(series)), OrderReported))
    await wall.until_sleeping()
    await venue.cancel_order(resting)
    (reported,) = [m for m in await waiting if isinstance(m, OrderReported)]
    assert reported.report.state is OrderState.CANCELLED


async def test_latency_inside_a_bar_is_an_instant_of_its_own():
    series = bars(["100 106 100 100", "103 110 90 104", FLAT])
    models = FillModels(latency=LatencyModel(delay=timedelta(milliseconds=500)))
    venue = replay(series, models=models)
    stream = venue.stream(everything(series))
    await until(stream, BarsClosed)
    await venue.submit_order(order("buy", "1"))
    seen = await until(stream, FillReported)
    half = minute(1) + timedelta(milliseconds=500)
    assert (seen[0], venue.now) == (TimeAdvanced(half), half)
    (fill,) = fills_of(seen)
    assert fill.price == D("103.05")  # 0.5 of 60 s, and the last bar moved 6


async def test_order_expires_at_its_instant_inside_a_bar():
    series = bars([FLAT, "100 101 80 100", FLAT])
    venue = replay(series)
    until_then = minute(1) + timedelta(seconds=20)
    placed = order(
        *("buy", "1", "limit"),
        limit_price="90", time_in_force=TimeInForce.GTD, expires_at=until_then,
    )  # fmt: skip
    await venue.submit_order(placed)
    seen = await until(venue.stream(everything(series)), OrderReported)
    assert seen[-1].report.state is OrderState.EXPIRED
    assert venue.now == until_then


# --- the pace -------------------------------------------------------------------------------


async def arrivals(stream, wall, number):
    """Return when, on the wall, the next bars arrive."""
    seen = []
    for _ in range(number):
        await until(stream, BarsClosed)
        seen.append(wall.monotonic())
    return seen


async def test_speed_is_market_seconds_per_wall_second():
    series = bars([FLAT] * 3)
    wall = FakeWallClock()
    venue = replay(series, wall=wall, speed=60)
    watching = asyncio.ensure_future(arrivals(venue.stream(everything(series)), wall, 3))
    await wall.advance(10)
    assert await watching == [1, 2, 3]


async def test_closed_hours_cost_a_short_pause():
    series = bars([FLAT, FLAT], skip=range(1, 3_000))
    wall = FakeWallClock()
    venue = replay(series, wall=wall, speed=1)
    stream = venue.stream(everything(series))
    first = asyncio.ensure_future(until(stream, BarsClosed))
    await wall.advance(60)
    await first
    second = asyncio.ensure_future(until(stream, BarsClosed))
    await wall.advance(1)
    assert closings(await second)[0].time == minute(3_001)


async def test_slow_reader_is_not_hurried_afterwards():
    series = bars([FLAT] * 20)
    wall = FakeWallClock()
    venue = replay(series, wall=wall, speed=60)
    stream = venue.stream(everything(series))
    first = asyncio.ensure_future(until(stream, BarsClosed))
    await wall.advance(1)
    await first
    await wall.advance(10)  # the reader is busy for ten bars' time
    watching = asyncio.ensure_future(arrivals(stream, wall, 5))
    await wall.advance(10)
    assert await watching == [11, 12, 13, 14, 15]  # one is due, the others keep the pace


def test_speed_must_be_positive():
    with pytest.raises(ValueError, match="not a positive"):
        replay(bars([FLAT]), speed=0)


# --- the end --------------------------------------------------------------------------------


async def test_end_of_data_is_told_once_and_the_market_is_closed_then():
    series = bars([FLAT, FLAT])
    venue = replay(series)
    resting = order("buy", "1", "limit", limit_price="50")
    await venue.submit_order(resting)
    stream = venue.stream(everything(series))
    assert (await until(stream, ReplayEnded))[-1].bars == 2
    with pytest.raises(OrderRefused, match="market is closed: recorded data has ended"):
        await venue.submit_order(order("buy", "1"))
    waiting = asyncio.ensure_future(anext(stream))
    await venue.cancel_order(resting)
    assert (await waiting).report.state is OrderState.CANCELLED
    assert await venue.open_orders() == ()


async def test_rest_of_a_market_order_ends_with_the_data():
    series = bars([FLAT + " 10"] * 2)
    venue = replay(series, models=FillModels(volume_share=D("0.1")))
    placed = order("buy", "5")
    await venue.submit_order(placed)
    await until(venue.stream(everything(series)), ReplayEnded)
    report = await venue.find_order(placed)
    assert (report.state, report.filled_quantity) == (OrderState.CANCELLED, "2")
    assert "recorded data has ended" in report.message


# --- the beginning --------------------------------------------------------------------------


async def test_first_bars_are_history_and_the_rest_is_played():
    series = bars([f"{n} {n + 1} {n - 1} {n}" for n in range(100, 110)])
    venue = replay(series, start_after=4)
    history = await venue.history(BTC, MINUTE, before=minute(99), limit=3)
    assert list(history.close) == [101, 102, 103]
    seen = closings(await until(venue.stream(everything(series)), ReplayEnded))
    assert [closed.bars[0].close for closed in seen] == [104, 105, 106, 107, 108, 109]


async def test_history_holds_the_bars_that_were_shown_and_no_others():
    series = bars([FLAT] * 5)
    venue = replay(series)
    stream = venue.stream(everything(series))
    await anext(stream)  # time has moved, the bar is still to come
    assert len(await venue.history(BTC, MINUTE, before=minute(9), limit=9)) == 0
    await anext(stream)
    assert len(await venue.history(BTC, MINUTE, before=minute(9), limit=9)) == 1


def test_series_too_short_for_its_history_is_refused():
    with pytest.raises(DataError, match="3 bars, and 3 are needed"):
        replay(bars([FLAT] * 3), start_after=3)


def test_no_series_is_refused():
    with pytest.raises(DataError, match="nothing to replay"):
        replay()


def test_series_of_an_unlisted_instrument_is_refused():
    with pytest.raises(ConfigError, match="no instrument of that name"):
        replay(bars([FLAT], of=InstrumentId("DOGE")))


async def test_subscription_to_what_is_not_recorded_is_refused():
    venue = replay(bars([FLAT]))
    with pytest.raises(UnknownInstrument, match=r"No 1h bars of BTC/USDT.*BTC/USDT 1m"):
        await anext(venue.stream([(BTC, HOUR)]))


async def test_rebase_moves_other_dates_by_whole_weeks_and_says_so():
    now = bars([FLAT] * 20)
    old = bars([FLAT] * 20_000, of=PERP, start=OPENS_AT - timedelta(weeks=400, days=2))
    venue = replay(now, old, start_after=5, rebase=True)
    moved = "BTC-PERP 1m was recorded 2018-05-05 to 2018-05-19 and plays 400 weeks later."
    assert venue.note == moved
    first = (await until(venue.stream(everything(now, old)), BarsClosed))[-1]
    assert [bar.instrument_id for bar in first.bars] == [BTC, PERP]
    shifted = await venue.history(PERP, MINUTE, before=first.time, limit=9_000)
    assert len(shifted) > 5
    assert np.all((shifted.timestamp - old.timestamp[: len(shifted)]) == 400 * 7 * 86_400_000)


async def test_without_rebase_dates_stay_and_nothing_is_noted():
    venue = replay(bars([FLAT] * 3))
    assert venue.note == ""
