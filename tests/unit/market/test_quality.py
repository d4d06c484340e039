"""What is wrong or odd in recorded bars."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from engine.bars import Bars, to_ms
from engine.domain.bars import Timeframe
from engine.market.quality import Check, Finding, inspect
from tests.fakes.history import DAY, MINUTE, SYMBOL, a_bar, minutes, recorded

LATER = to_ms(DAY + timedelta(days=30))
EVER = ((0, LATER),)


def columns(bars) -> Bars:
    return Bars.from_bars(SYMBOL, bars[0].timeframe if bars else MINUTE, bars)


def found(bars: Bars, known=EVER, now=LATER) -> dict[Check, Finding]:
    findings = inspect(bars, known, now)
    assert [item.check for item in findings] == list(Check)
    return {item.check: item for item in findings if item.count}


def changed(bars: Bars, name: str, row: int, value: float) -> Bars:
    column = getattr(bars, name).copy()
    column[row] = value
    return replace(bars, **{name: column})


def test_good_bars_pass_every_check():
    assert found(columns(minutes(500))) == {}


def test_no_bars_pass_every_check():
    assert found(columns([])) == {}


def test_a_repeated_start_is_a_duplicate_wherever_it_stands():
    bars = minutes(5)
    again = found(columns([*bars, bars[1]]))
    assert again[Check.DUPLICATES].count == 1
    assert again[Check.DUPLICATES].examples[0].start_ms == to_ms(bars[1].timestamp)
    assert again[Check.DISORDER].count == 1


def test_unknown_bars_are_gaps_and_proven_absent_ones_are_not():
    bars = columns(minutes(100, without=(10, 11, 50)))
    at = int(bars.timestamp[0])
    known = ((at, at + 50 * 60_000), (at + 51 * 60_000, LATER))
    gaps = found(bars, known)[Check.GAPS]
    assert (gaps.count, gaps.examples[0].what) == (1, "1 bars unknown")
    assert gaps.examples[0].start_ms == at + 50 * 60_000


@pytest.mark.parametrize(
    ("name", "value"), [("high", 100.0), ("low", 111.0), ("open", 500.0), ("close", 1.0)]
)
def test_prices_out_of_order_are_found(name, value):
    bars = changed(columns(minutes(100)), name, 10, value)
    bad = found(bars)[Check.OHLC]
    assert (bad.count, bad.is_error) == (1, True)
    assert f"{name} {value:g}" in bad.examples[0].what


@pytest.mark.parametrize(
    ("name", "value"), [("low", 0.0), ("close", float("nan")), ("volume", -1.0)]
)
def test_impossible_figures_are_found(name, value):
    assert found(changed(columns(minutes(100)), name, 3, value))[Check.PRICES].count == 1


def test_a_start_between_two_minutes_is_off_the_grid():
    bars = columns([*minutes(3), a_bar(DAY + timedelta(minutes=3, seconds=20), "103.25")])
    assert found(bars)[Check.OFF_GRID].count == 1


def test_bars_of_several_days_may_begin_on_any_day():
    three = Timeframe(3 * 86_400)
    bars = columns([a_bar(DAY + timedelta(days=3 * n), timeframe=three) for n in range(4)])
    assert Check.OFF_GRID not in found(bars)


def test_a_bar_that_has_not_ended_is_in_the_future():
    now = to_ms(DAY + timedelta(minutes=9, seconds=30))
    assert found(columns(minutes(10)), now=now)[Check.FUTURE].count == 1


@pytest.mark.parametrize(("run", "count"), [(29, 0), (30, 30)])
def test_only_long_runs_without_volume_are_odd(run, count):
    bars = columns(minutes(100))
    volume = bars.volume.copy()
    volume[20 : 20 + run] = 0
    finding = found(replace(bars, volume=volume)).get(Check.ZERO_VOLUME)
    assert (finding.count if finding else 0) == count
    assert finding is None or not finding.is_error


def walk(count: int) -> Bars:
    steps = np.random.default_rng(7).normal(0, 0.0005, count)
    price = 100 * np.exp(np.cumsum(steps))
    bars = columns(minutes(count))
    return replace(bars, open=price, high=price, low=price, close=price)


def test_a_bad_print_is_odd_and_an_ordinary_walk_is_not():
    bars = walk(5_000)
    assert Check.OUTLIERS not in found(bars)
    spiked = bars.close.copy()
    spiked[2_000] *= 1.08
    odd = found(replace(bars, open=spiked, high=spiked, low=spiked, close=spiked))[Check.OUTLIERS]
    assert (odd.count, odd.is_error) == (2, False)  # up, and back down
    assert "+8." in odd.examples[0].what or "+7." in odd.examples[0].what


def test_a_jump_across_a_gap_is_no_outlier():
    bars = walk(2_000)
    later = bars.timestamp.copy()
    later[1_000:] += 6 * 3_600_000
    jumped = bars.close.copy()
    jumped[1_000:] *= 1.2
    moved = replace(bars, timestamp=later, open=jumped, high=jumped, low=jumped, close=jumped)
    assert Check.OUTLIERS not in found(moved)


def test_counts_are_whole_and_examples_are_few():
    bars = columns(minutes(100))
    bad = found(replace(bars, high=np.full(100, 1.0)))[Check.OHLC]
    assert (bad.count, len(bad.examples)) == (100, 5)


def test_real_minutes_with_a_hole_show_the_hole_and_nothing_else():
    bars = columns(recorded("BTCUSD_coinbase_1m_20180404_05.csv"))
    hole = (
        datetime.fromisoformat("2018-04-04T16:48:00Z"),
        datetime.fromisoformat("2018-04-05T00:00:00Z"),
    )
    start, end = int(bars.timestamp[0]), int(bars.timestamp[-1]) + 60_000
    known = ((start, to_ms(hole[0])), (to_ms(hole[1]), end))
    findings = found(bars, known)
    assert list(findings) == [Check.GAPS]
    assert findings[Check.GAPS].count == 7 * 60 + 12
