"""Coarser bars: exact, whole, and honest about what is missing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import to_ms
from engine.domain.bars import Bar, BarState, Timeframe
from engine.market.resample import Intervals, check_multiple, resample
from tests.fakes.history import DAY, SYMBOL, a_bar, minutes, recorded

MINUTE, FIVE, HOUR, DAILY = Timeframe(60), Timeframe(300), Timeframe(3600), Timeframe(86_400)
HOURS = Intervals(HOUR)


def span(start: datetime, end: datetime):
    return (to_ms(start), to_ms(end))


def test_a_whole_hour_takes_first_open_highest_high_lowest_low_last_close_and_exact_volume():
    bars = [
        Bar(SYMBOL, MINUTE, DAY + timedelta(minutes=n), *map(Decimal, prices), Decimal(volume))
        for n, (prices, volume) in enumerate(
            [
                (("10", "12", "9", "11"), "0.1"),
                (("11", "15.5", "10", "14"), "0.2"),
                (("14", "14", "7.25", "8"), "1234567.123456789012345678"),
            ]
        )
    ]
    (hour,) = resample(bars, [span(DAY, DAY + timedelta(hours=1))], HOURS)
    assert (hour.open, hour.high, hour.low, hour.close) == tuple(
        map(Decimal, ("10", "15.5", "7.25", "8"))
    )
    assert hour.volume == Decimal("1234567.423456789012345678")
    assert (hour.state, hour.timestamp, hour.timeframe) == (BarState.FINAL, DAY, HOUR)


def test_a_bar_absent_from_what_is_known_is_proven_and_does_not_spoil_the_hour():
    bars = minutes(60, without=(10, 11))
    (hour,) = resample(bars, [span(DAY, DAY + timedelta(hours=1))], HOURS)
    assert hour.state is BarState.FINAL


def test_an_hour_with_an_unknown_minute_is_missing_and_the_ones_beside_it_are_final():
    bars = minutes(180, without=(90,))
    known = [
        span(DAY, DAY + timedelta(minutes=90)),
        span(DAY + timedelta(minutes=91), DAY + timedelta(hours=3)),
    ]
    states = [bar.state for bar in resample(bars, known, HOURS)]
    assert states == [BarState.FINAL, BarState.MISSING, BarState.FINAL]
    assert HOURS.whole(known) == (
        span(DAY, DAY + timedelta(hours=1)),
        span(DAY + timedelta(hours=2), DAY + timedelta(hours=3)),
    )


def test_the_hour_in_progress_is_missing():
    bars = minutes(90)
    *_, last = resample(bars, [span(DAY, bars[-1].end)], HOURS)
    assert last.state is BarState.MISSING


def test_an_hour_proven_empty_makes_no_bar_and_is_still_known():
    bars = [*minutes(60), a_bar(DAY + timedelta(hours=2))]
    known = [span(DAY, DAY + timedelta(hours=3))]
    assert [bar.timestamp.hour for bar in resample(bars, known, HOURS)] == [0, 2]
    assert HOURS.whole(known) == tuple(known)


def test_local_days_follow_the_clock_changes():
    zone = ZoneInfo("Europe/Berlin")
    days = Intervals(DAILY, zone)
    noon = datetime(2024, 3, 31, 12, tzinfo=zone)  # the day has 23 hours
    start, end = days.around(to_ms(noon))
    assert end - start == 23 * 3_600_000
    assert start == to_ms(datetime(2024, 3, 30, 23, tzinfo=UTC))


def test_a_zone_whose_midnight_lies_within_the_fine_bars_is_refused():
    days = Intervals(DAILY, ZoneInfo("Asia/Kolkata"))  # +05:30: midnight is 18:30 UTC
    hours = [a_bar(DAY + timedelta(hours=n), timeframe=HOUR) for n in range(24)]
    with pytest.raises(ValueError, match=r"18:00 UTC lies across the end .* use finer bars"):
        list(resample(hours, [], days))


def test_a_zone_cuts_days_only():
    with pytest.raises(ValueError, match="a time zone cuts days"):
        Intervals(HOUR, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("fine", "coarse"), [("1h", "1h"), ("1h", "1m"), ("2m", "3m"), ("1h", "90m"), ("7h", "1w")]
)
def test_a_time_frame_that_is_no_multiple_is_refused(fine, coarse):
    with pytest.raises(ValueError, match=r"can't be made|do not fit"):
        check_multiple(Timeframe.parse(fine), Timeframe.parse(coarse))


@given(st.sets(st.integers(0, 239), min_size=1))
def test_two_steps_give_what_one_step_gives(there):
    bars = minutes(240, without=set(range(240)) - there)
    known = [span(DAY, DAY + timedelta(hours=4))]
    fives = list(resample(bars, known, Intervals(FIVE)))
    twice = list(resample(fives, Intervals(FIVE).whole(known), HOURS))
    assert twice == list(resample(bars, known, HOURS))


def test_real_days_agree_with_sums_made_another_way():
    """Coinbase minutes with proven and unknown gaps, against plain dictionaries of the hours."""
    bars = recorded("BTCUSD_coinbase_1m_20180404_05.csv")
    start, end = bars[0].timestamp, bars[-1].end
    silence = (datetime(2018, 4, 4, 16, 48, tzinfo=UTC), datetime(2018, 4, 5, tzinfo=UTC))
    known = [span(start, silence[0]), span(silence[1], end)]
    hours = {bar.timestamp: bar for bar in resample(bars, known, HOURS)}
    groups: dict[datetime, list[Bar]] = {}
    for bar in bars:
        groups.setdefault(bar.timestamp.replace(minute=0), []).append(bar)
    assert hours.keys() == groups.keys()
    for at, group in groups.items():
        hour = hours[at]
        assert hour.open == group[0].open
        assert hour.close == group[-1].close
        assert hour.high == sorted(bar.high for bar in group)[-1]
        assert hour.low == sorted(bar.low for bar in group)[0]
        assert hour.volume * 10**8 == sum(int(bar.volume * 10**8) for bar in group)
    missing = [at for at, hour in hours.items() if hour.state is BarState.MISSING]
    assert missing == [datetime(2018, 4, 4, 16, tzinfo=UTC)]
