import numpy as np
import pytest

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.strategies.alignment import closed_index, higher_bars, in_base_bars, on_bars, resampled
from tests.fakes.walks import HOUR, START_MS, closes, walk

FOUR = Timeframe.parse("4h")
WEEK = Timeframe.parse("1w")


def test_a_higher_bar_is_known_from_the_close_of_its_last_base_bar() -> None:
    bars = closes("X", range(10))
    higher = resampled(bars, FOUR)
    assert len(higher) == 2
    assert closed_index(bars, higher).tolist() == [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1]
    spread = on_bars(bars, higher, higher.close)
    np.testing.assert_array_equal(spread, [np.nan] * 3 + [3.0] * 4 + [7.0] * 3)


def test_resampling_takes_first_highest_lowest_last_and_sum() -> None:
    bars = closes("X", [5, 9, 1, 4, 6, 6, 6, 6])
    higher = resampled(bars, FOUR)
    assert higher.timestamp.tolist() == [START_MS, START_MS + 4 * 3_600_000]
    assert (higher.open[0], higher.high[0], higher.low[0]) == (5.0, 9.5, 0.5)
    assert (higher.close[0], higher.volume[0]) == (4.0, 40.0)
    assert higher.timeframe == FOUR


def test_a_bucket_begun_in_the_middle_or_not_ended_is_left_out() -> None:
    bars = walk(count=11)[1:]
    higher = resampled(bars, FOUR)
    assert higher.timestamp.tolist() == [START_MS + 4 * 3_600_000]


def test_a_gap_ends_no_bucket_early_and_invents_none() -> None:
    bars = walk(count=16)
    keep = np.array([0, 1, 12, 13, 14, 15])
    gapped = Bars(
        bars.instrument_id, HOUR, bars.timestamp[keep], bars.open[keep], bars.high[keep],
        bars.low[keep], bars.close[keep], bars.volume[keep], bars.state[keep],
    )  # fmt: skip
    higher = resampled(gapped, FOUR)
    assert ((higher.timestamp - START_MS) // 3_600_000).tolist() == [0, 12]
    assert closed_index(gapped, higher).tolist() == [-1, -1, 0, 0, 0, 1]


def test_weeks_begin_on_monday() -> None:
    day = Timeframe.parse("1d")
    monday = START_MS + 4 * 86_400_000  # 2026-01-05
    bars = closes("X", range(14), timeframe=day, start=monday)
    assert resampled(bars, WEEK).timestamp.tolist() == [monday, monday + 7 * 86_400_000]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_bars_make_none(count: int) -> None:
    higher = resampled(walk(count=5)[:count], FOUR)
    assert len(higher) == 0
    assert len(on_bars(walk(count=5)[:count], higher, higher.close)) == count


def test_resampling_a_prefix_is_a_prefix_of_resampling() -> None:
    bars = walk(count=100)
    whole = resampled(bars, FOUR)
    for count in range(1, 100):
        part = resampled(bars[:count], FOUR)
        np.testing.assert_array_equal(part.close, whole.close[: len(part)])
        np.testing.assert_array_equal(part.high, whole.high[: len(part)])


@pytest.mark.parametrize(("given", "first"), [(0, 15), (10, 15), (15, 0), (20, 0), (25, 0)])
def test_a_higher_history_is_continued_from_the_bars(given: int, first: int) -> None:
    bars = walk(count=100)
    whole = resampled(bars, FOUR)
    held = higher_bars(bars[60:], whole[:given], FOUR)
    np.testing.assert_array_equal(held.timestamp, whole.timestamp[first:])
    np.testing.assert_array_equal(held.close, whole.close[first:])


def test_a_warm_up_of_higher_bars_in_base_bars() -> None:
    assert in_base_bars(10, FOUR, HOUR) == 44
