"""Bars, books, tape and tickers, as anybody sees them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.exchange.core import Exchange, Interval, Liquidity, Reject, RejectReason, spot
from sandbox.exchange.core.events import BarUpdated, BookChanged, Event, TradePrinted
from sandbox.exchange.core.kinds import TimeInForce
from sandbox.exchange.core.public import Level
from tests.sandbox.exchange.core.worlds import (
    MINUTE,
    PERP,
    SPOT,
    START,
    Driver,
    buy,
    d,
    listened,
    minutes,
    opened,
    sell,
    spot_market,
)

HOUR = 60 * MINUTE


def walked(hours: int = 6, **changes: object) -> Exchange:
    """An exchange on a seeded walk, some hours old."""
    exchange = Exchange([spot_market(**changes)], seed=3, start_ms=START)
    exchange.advance(START + hours * HOUR + 30_000)
    return exchange


def test_a_minute_bar_is_made_of_the_prices_of_its_points() -> None:
    exchange = opened(50_000, (50_100, 50_300, 49_900, 50_200), volume=2)
    minutes(exchange, 2)
    bar = exchange.data.bars(SPOT)[1]
    assert (bar.open, bar.high, bar.low, bar.close) == (
        d("50100"),
        d("50300"),
        d("49900"),
        d("50200"),
    )
    assert (bar.start_ms, bar.end_ms) == (START + MINUTE, START + 2 * MINUTE - 1)
    assert (bar.volume, bar.trades, bar.is_closed) == (d(8), 4, True)
    assert bar.value == 2 * d(50_100 + 50_300 + 49_900 + 50_200)


def test_clients_trades_are_in_tape_and_bars() -> None:
    exchange = opened(50_000)
    before = exchange.data.bars(SPOT)[-1]
    order = buy(exchange, "0.5")
    after = exchange.data.bars(SPOT)[-1]
    assert after.volume - before.volume == d("0.5")
    assert after.taker_volume - before.taker_volume == d("0.5")
    assert after.value - before.value == order.filled_value
    assert exchange.data.trades(SPOT)[-1].trade_id == after.last_trade_id


@pytest.mark.parametrize("interval", [one for one in Interval if one is not Interval.S1])
def test_longer_bars_are_the_sum_of_their_minutes(interval: Interval) -> None:
    exchange = walked(30)
    ones = exchange.data.bars(SPOT, Interval.M1, limit=5000)
    for bar in exchange.data.bars(SPOT, interval, limit=1000):
        parts = [one for one in ones if bar.start_ms <= one.start_ms <= bar.end_ms]
        assert (bar.open, bar.close) == (parts[0].open, parts[-1].close)
        assert bar.high == max(one.high for one in parts)
        assert bar.low == min(one.low for one in parts)
        assert bar.volume == sum((one.volume for one in parts), Decimal(0))
        assert bar.trades == sum(one.trades for one in parts)
        assert bar.start_ms % interval.ms == 0
        assert bar.is_closed is (bar.end_ms < exchange.now_ms)


def test_bars_are_paged_by_their_start_the_forming_one_comes_last() -> None:
    exchange = walked()
    every = exchange.data.bars(SPOT, limit=5000)
    assert [bar.start_ms for bar in every] == list(range(START, START + 6 * HOUR + 1, MINUTE))
    assert [bar.is_closed for bar in every[-2:]] == [True, False]
    assert exchange.data.bars(SPOT, limit=3) == every[-3:]
    assert exchange.data.bars(SPOT, start_ms=START + MINUTE, limit=2) == every[1:3]
    assert exchange.data.bars(SPOT, start_ms=START + 1, limit=1) == every[1:2]
    assert exchange.data.bars(SPOT, end_ms=START + 5 * MINUTE, limit=2) == every[4:6]
    window = exchange.data.bars(SPOT, start_ms=START, end_ms=START + 3 * MINUTE - 1)
    assert window == every[:3]
    hours = exchange.data.bars(SPOT, Interval.H1, limit=2)
    assert [bar.start_ms for bar in hours] == [START + 5 * HOUR, START + 6 * HOUR]
    assert exchange.data.bars(SPOT, Interval.H1, start_ms=START + HOUR, limit=1)[0].trades == 240


@pytest.mark.parametrize(("shows", "count"), [(True, 3), (False, 1)])
def test_a_minute_without_a_trade_is_a_flat_bar_or_none(shows: bool, count: int) -> None:
    exchange = opened(50_000, market=spot_market(shows_empty_bars=shows))
    minutes(exchange, 3)
    bars = [bar for bar in exchange.data.bars(SPOT) if bar.is_closed]
    assert len(bars) == count
    if shows:
        assert (bars[1].open, bars[1].volume, bars[1].trades) == (d(50_000), 0, 0)


def test_warm_up_bars_are_there_at_the_start() -> None:
    exchange = Exchange([spot_market()], seed=1, start_ms=START, warm_up_minutes=300)
    bars = exchange.data.bars(SPOT, limit=1000)
    assert exchange.now_ms == START
    assert bars[0].start_ms == START - 300 * MINUTE
    assert len(bars) == 301


def test_watched_bars_move_with_each_print_and_close_at_the_next_minute() -> None:
    exchange = opened(50_000, (50_100, 50_200), 50_300)
    exchange.data.watch_bars(SPOT, Interval.M1)
    events = listened(exchange)
    minutes(exchange, 2)
    told = [event for event in events if isinstance(event, BarUpdated)]
    closed = [event for event in told if event.bar.is_closed]
    assert [event.time_ms for event in closed] == [START + MINUTE, START + 2 * MINUTE]
    assert [event.bar.close for event in told if not event.bar.is_closed] == [
        d("50100"),
        d("50200"),
        d("50300"),
    ]
    exchange.data.watch_bars(SPOT, Interval.M1, False)
    events.clear()
    minutes(exchange)
    assert events == []


def test_who_watches_closed_bars_hears_only_of_those() -> None:
    exchange = opened(50_000, 50_100)
    exchange.data.watch_bars(SPOT, Interval.M3, closed_only=True)
    events = listened(exchange)
    minutes(exchange, 6)
    assert [(event.time_ms, event.bar.is_closed) for event in events] == [
        (START + 3 * MINUTE, True),
        (START + 6 * MINUTE, True),
    ]
    assert events[0].bar == exchange.data.bars(SPOT, Interval.M3)[0]


def test_seconds_add_up_to_their_minutes_watched_or_not() -> None:
    seconds, minute_ones = [], []
    for watched in (False, True):
        exchange = Exchange([spot_market(shows_seconds=True)], seed=3, start_ms=START)
        if watched:
            exchange.data.watch_bars(SPOT, Interval.S1)
        for step in range(1, 40):
            exchange.advance(START + step * 7_777)
        seconds.append(exchange.data.bars(SPOT, Interval.S1, limit=5000))
        minute_ones.append(exchange.data.bars(SPOT))
    assert seconds[0] == seconds[1]
    assert minute_ones[0] == minute_ones[1]
    assert [bar.start_ms for bar in seconds[0]] == list(range(START, exchange.now_ms + 1, 1000))
    for minute in minute_ones[0]:
        parts = [one for one in seconds[0] if minute.start_ms <= one.start_ms <= minute.end_ms]
        assert (minute.open, minute.close) == (parts[0].open, parts[-1].close)
        assert minute.volume == sum((one.volume for one in parts), Decimal(0))


def test_a_watched_second_closes_at_its_end_though_nobody_trades() -> None:
    exchange = opened(50_000, market=spot_market(shows_seconds=True))
    exchange.data.watch_bars(SPOT, Interval.S1, closed_only=True)
    events = listened(exchange)
    exchange.advance(START + 3_500)
    assert [event.time_ms for event in events] == [START + 1000, START + 2000, START + 3000]
    assert [event.bar.trades for event in events] == [1, 0, 0]


def test_seconds_change_no_price_and_no_trade_of_a_market() -> None:
    with_seconds = walked(shows_seconds=True)
    without = walked()
    assert with_seconds.data.bars(SPOT, limit=5000) == without.data.bars(SPOT, limit=5000)
    assert with_seconds.data.trades(SPOT) == without.data.trades(SPOT)


def test_a_market_without_seconds_refuses_them() -> None:
    exchange = opened(50_000)
    for ask in (exchange.data.bars, exchange.data.watch_bars):
        with pytest.raises(Reject) as refused:
            ask(SPOT, Interval.S1)
        assert refused.value.reason is RejectReason.INVALID_PARAMETER


class LocalBook:
    """A client's copy of a book: a snapshot and the differences after it."""

    def __init__(self, exchange: Exchange, symbol: str) -> None:
        self.symbol = symbol
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        exchange.subscribe(self.hear)
        exchange.data.watch_book(symbol)
        depth = exchange.data.depth(symbol, 5000)
        self.update_id = depth.update_id
        self.bids, self.asks = dict(depth.bids), dict(depth.asks)

    def hear(self, event: Event) -> None:
        if not isinstance(event, BookChanged) or event.symbol != self.symbol:
            return
        assert event.previous_id == self.update_id
        assert event.previous_id < event.first_id <= event.last_id
        self.update_id = event.last_id
        self._apply(self.bids, event.bids)
        self._apply(self.asks, event.asks)

    @staticmethod
    def _apply(side: dict[Decimal, Decimal], levels: tuple[Level, ...]) -> None:
        for price, quantity in levels:
            if quantity:
                side[price] = quantity
            else:
                del side[price]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_a_snapshot_and_all_differences_make_the_book(seed: int) -> None:
    driver = Driver(seed)
    exchange = driver.exchange
    copies = [LocalBook(exchange, symbol) for symbol in (SPOT, PERP)]
    for _ in range(40):
        driver.step()
        for copy in copies:
            exchange.hands.freeze_book(copy.symbol, False)
            depth = exchange.data.depth(copy.symbol, 5000)
            assert dict(depth.bids) == copy.bids
            assert dict(depth.asks) == copy.asks
            assert depth.update_id >= copy.update_id


def test_a_snapshot_comes_after_the_differences_that_it_holds() -> None:
    exchange = opened(50_000)
    due = START + 1500
    buy(exchange, "1", 49_000, time_in_force=TimeInForce.GTD, expires_at_ms=due)
    copy = LocalBook(exchange, SPOT)
    exchange.advance(due)
    depth = exchange.data.depth(SPOT, 5000)
    assert d(49_000) not in copy.bids
    assert (copy.update_id, copy.bids) == (depth.update_id, dict(depth.bids))


def test_clients_orders_are_in_the_book_and_outbid_the_crowd() -> None:
    exchange = opened(50_000, (50_000, 49_990), market=spot_market(liquidity=Liquidity(levels=3)))
    before = exchange.data.depth(SPOT)
    sell(exchange, "0.7", before.asks[0][0])
    best = exchange.data.best(SPOT).ask
    assert best == (before.asks[0][0], before.asks[0][1] + d("0.7"))
    assert exchange.data.depth(SPOT, 1).asks == (best,)


def test_a_frozen_book_stays_as_it_was_while_trades_go_on() -> None:
    exchange = opened(50_000, 50_500, 51_000)
    exchange.hands.freeze_book(SPOT)
    before = exchange.data.depth(SPOT)
    minutes(exchange)
    assert exchange.data.depth(SPOT) == before
    assert exchange.data.best(SPOT).bid == before.bids[0]
    assert exchange.data.last_price(SPOT) == d(50_500)
    exchange.hands.freeze_book(SPOT, False)
    assert exchange.data.best(SPOT).bid != before.bids[0]


def test_the_tape_is_paged_by_id_and_told_to_who_watches() -> None:
    exchange = walked(1)
    events = listened(exchange)
    exchange.data.watch_trades(SPOT)
    minutes(exchange, 2)
    told = [event.trade for event in events if isinstance(event, TradePrinted)]
    assert exchange.data.trades(SPOT, limit=len(told)) == tuple(told)
    first = told[0].trade_id
    assert exchange.data.trades(SPOT, from_id=first, limit=2) == tuple(told[:2])
    ids = [trade.trade_id for trade in exchange.data.trades(SPOT)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_the_ticker_covers_the_last_day() -> None:
    exchange = walked(30)
    ticker = exchange.data.ticker(SPOT)
    bars = exchange.data.bars(SPOT, limit=1440)
    assert ticker.open == bars[0].open
    assert ticker.high == max(bar.high for bar in bars)
    assert ticker.volume == sum((bar.volume for bar in bars), Decimal(0))
    assert (ticker.last, ticker.close_ms) == (exchange.data.last_price(SPOT), exchange.now_ms)


def test_an_unknown_symbol_is_refused_everywhere() -> None:
    data = opened(50_000).data
    for ask in (data.status, data.best, data.depth, data.trades, data.bars, data.ticker):
        with pytest.raises(Reject) as refused:
            ask("NONE")
        assert refused.value.reason is RejectReason.UNKNOWN_SYMBOL


def test_prices_and_sizes_are_whole_ticks_and_steps() -> None:
    market = spot("X", "X", "Y", tick=d("0.05"), step=d("0.1"), start_price=d(20))
    exchange = Exchange([market], seed=2, start_ms=START)
    exchange.advance(START + HOUR)
    depth = exchange.data.depth("X")
    for price, quantity in (*depth.bids, *depth.asks):
        assert price % d("0.05") == 0
        assert quantity % d("0.1") == 0
    for bar in exchange.data.bars("X"):
        assert all(price % d("0.05") == 0 for price in bar[2:6])
