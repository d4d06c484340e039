"""What the clock does, and where prices come from."""

from itertools import pairwise

import pytest

from sandbox.exchange.core import Bar, Exchange, Liquidity
from sandbox.exchange.core.clock import ShownClock
from sandbox.exchange.core.kinds import OrderStatus, OrderType
from sandbox.exchange.core.paths import RandomWalk, RecordedBars
from tests.sandbox.exchange.core.worlds import (
    ME,
    MINUTE,
    PERP,
    SPOT,
    START,
    Driver,
    buy,
    d,
    listened,
    minutes,
    now,
    opened,
    perp_market,
    sell,
    spot_market,
)

HOUR = 60 * MINUTE


def busy() -> Exchange:
    """Both kinds of market on seeded walks, with orders that fill on the way."""
    driver = Driver(11)
    exchange = driver.exchange
    for percent in range(1, 6):
        last = exchange.data.last_price(SPOT)
        offset = last * percent // 500
        buy(exchange, "0.1", (last - offset).quantize(d("0.01")))
        sell(exchange, "0.1", (last + offset).quantize(d("0.01")))
    return exchange


@pytest.mark.parametrize("step_ms", [777, 59_999, 60_000, 61_001])
def test_the_way_the_clock_is_moved_changes_nothing(step_ms: int) -> None:
    whole, parts = busy(), busy()
    whole.advance(START + 3 * HOUR)
    for time_ms in range(START, START + 3 * HOUR, step_ms):
        parts.advance(time_ms)
    parts.advance(START + 3 * HOUR)
    assert whole.history.fills(ME)
    assert parts.state_digest() == whole.state_digest()


def test_a_quiet_market_is_no_other_than_a_watched_one() -> None:
    quiet = Exchange([spot_market()], seed=4, start_ms=START)
    watched = Exchange([spot_market()], seed=4, start_ms=START)
    watched.data.watch_trades(SPOT)
    watched.data.watch_book(SPOT)
    for exchange in (quiet, watched):
        exchange.advance(START + HOUR)
    assert quiet.state_digest() == watched.state_digest()


def test_earlier_times_are_ignored() -> None:
    exchange = opened(50_000)
    minutes(exchange)
    exchange.advance(START)
    assert exchange.now_ms == START + MINUTE


def test_scripted_actions_run_at_their_time_and_before_the_prices_of_the_instant() -> None:
    exchange = opened(50_000, 49_000)
    order = buy(exchange, "1", 49_500)
    seen: list[int] = []
    exchange.at(START + 1234, lambda world: seen.append(world.now_ms))
    exchange.at(
        START + MINUTE,
        lambda world: world.orders.cancel(ME, SPOT, order_id=order.order_id) and None,
    )
    assert exchange.next_ms == START + 1234
    minutes(exchange)
    assert seen == [START + 1234]
    assert now(exchange, order).status is OrderStatus.CANCELED


def test_events_come_in_the_order_of_time() -> None:
    driver = Driver(3)
    events = listened(driver.exchange)
    driver.exchange.data.watch_trades(SPOT)
    for _ in range(150):
        driver.step()
    times = [event.time_ms for event in events]
    assert times == sorted(times)
    assert len(set(times)) > 50


def test_who_unsubscribed_hears_no_more() -> None:
    exchange = opened(50_000)
    heard: list[object] = []
    leave = exchange.subscribe(heard.append)
    buy(exchange, "0.1")
    count = len(heard)
    leave()
    buy(exchange, "0.1")
    assert len(heard) == count > 0


def test_an_exchange_starts_at_a_whole_minute_with_a_market() -> None:
    with pytest.raises(ValueError, match="whole minute"):
        Exchange([spot_market()], seed=1, start_ms=START + 1)
    with pytest.raises(ValueError, match="market"):
        Exchange([], seed=1, start_ms=START)


def test_the_shown_clock_steps_and_drifts_by_its_script() -> None:
    clock = ShownClock()
    assert clock.shown(1000) == 1000
    clock.set(2000, -500)
    clock.set(10_000, 100, drift_ppm=1000)
    assert [clock.shown(at) for at in (1999, 2000, 9999, 10_000, 20_000)] == [
        1999,
        1500,
        9499,
        10_100,
        20_110,
    ]
    clock.clear()
    assert clock.shown(20_000) == 20_000


def test_the_shown_clock_does_not_move_the_true_one() -> None:
    exchange = opened(50_000)
    exchange.clock.set(START, 90_000)
    minutes(exchange)
    assert (exchange.now_ms, exchange.shown_ms) == (START + MINUTE, START + MINUTE + 90_000)


def test_a_walk_moves_as_a_market_does() -> None:
    exchange = Exchange([spot_market()], seed=8, start_ms=START)
    exchange.advance(START + 48 * HOUR)
    bars = exchange.data.bars(SPOT, limit=2880)
    moves = [abs(bar.close / bar.open - 1) for bar in bars]
    mean = sum(moves) / len(moves)
    assert d("0.0002") < mean < d("0.0015")
    assert all(bar.low <= min(bar.open, bar.close) for bar in bars)
    assert all(bar.high >= max(bar.open, bar.close) for bar in bars)
    assert all(bar.volume > 0 for bar in bars)
    assert all(one.close == two.open for one, two in pairwise(bars))


def test_walks_of_two_markets_and_two_seeds_differ() -> None:
    def closes(seed: int, symbol: str) -> list[object]:
        markets = [spot_market(), perp_market()]
        exchange = Exchange(markets, seed=seed, start_ms=START)
        exchange.advance(START + HOUR)
        return [bar.close for bar in exchange.data.bars(symbol)]

    assert closes(1, SPOT) == closes(1, SPOT)
    assert closes(1, SPOT) != closes(2, SPOT)
    assert closes(1, SPOT) != closes(1, PERP)


def test_another_market_does_not_shift_the_walk() -> None:
    alone = Exchange([spot_market()], seed=1, start_ms=START)
    both = Exchange([perp_market(), spot_market()], seed=1, start_ms=START)
    for exchange in (alone, both):
        exchange.advance(START + HOUR)
    assert alone.data.bars(SPOT) == both.data.bars(SPOT)


def test_quiet_minutes_have_no_trade() -> None:
    market = spot_market(liquidity=Liquidity(quiet_fraction=0.5))
    exchange = Exchange([market], seed=1, start_ms=START)
    exchange.advance(START + 10 * HOUR)
    bars = exchange.data.bars(SPOT, limit=600)
    assert 200 < sum(1 for bar in bars if not bar.trades) < 400


def test_a_fine_walk_has_as_many_prices_a_minute_as_asked_for() -> None:
    market = spot_market(liquidity=Liquidity(points_per_minute=240))
    walk = RandomWalk(market, 1)
    points = walk.minute(START)
    assert [point.offset_ms for point in points] == list(range(0, MINUTE, 250))
    assert len({point.price for point in points}) > 100


def recorded(start_ms: int, low: int, high: int, first: int, last: int, volume: int) -> Bar:
    zero = d(0)
    return Bar(
        start_ms,
        start_ms + MINUTE - 1,
        d(first),
        d(high),
        d(low),
        d(last),
        d(volume),
        zero,
        4,
        zero,
        zero,
        0,
        0,
        True,
    )


@pytest.mark.parametrize("points", [4, 7, 240])
def test_recorded_bars_come_out_as_they_went_in(points: int) -> None:
    market = spot_market(liquidity=Liquidity(points_per_minute=points))
    bars = [
        recorded(START, 99, 103, 100, 102, 8),
        recorded(START + MINUTE, 95, 102, 102, 96, 5),
        recorded(START + 3 * MINUTE, 90, 97, 96, 97, 6),
    ]
    exchange = Exchange([market], seed=1, start_ms=START, paths={SPOT: RecordedBars(market, bars)})
    exchange.advance(START + 5 * MINUTE)
    shown = exchange.data.bars(SPOT)
    for index, bar in ((0, bars[0]), (1, bars[1]), (3, bars[2])):
        assert shown[index][2:7] == bar[2:7]
    assert (shown[2].trades, shown[2].close) == (0, d(96))
    assert shown[4].trades == 0


def test_a_shock_moves_the_price_at_once_and_fills_what_it_goes_through() -> None:
    exchange = opened(50_000)
    order = buy(exchange, "1", 47_000)
    stop = sell(exchange, "1", order_type=OrderType.STOP, stop_price=d(48_000))
    exchange.hands.shock(SPOT, d("-0.1"))
    assert exchange.data.last_price(SPOT) <= d(45_000)
    assert now(exchange, order).filled_value == d(47_000)
    assert now(exchange, stop).status is OrderStatus.FILLED
    minutes(exchange, 3)
    assert exchange.data.bars(SPOT)[-1].close == d(45_000)
