"""When a job is due next, over changes of daylight saving as odd as they come."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.handlers.cadence import beside_bars, next_after


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_counts_from_the_epoch_so_that_a_restart_shifts_nothing() -> None:
    assert next_after("every 900s", utc("2026-01-05T12:00:01")) == utc("2026-01-05T12:15")
    assert next_after("every 900s", utc("2026-01-05T12:15")) == utc("2026-01-05T12:30")
    assert next_after("every 60s +30.5s", utc("2026-01-05T12:00:30.5")) == utc(
        "2026-01-05T12:01:30.5"
    )


@given(
    seconds=st.integers(1, 86_400),
    later=st.timedeltas(timedelta(0), timedelta(days=366)),
)
def test_what_is_done_by_the_clock_is_never_due_when_a_bar_closes(
    seconds: int, later: timedelta
) -> None:
    instant = utc("2026-01-05T12:00") + later
    due = next_after(beside_bars(seconds), instant)
    assert timedelta(0) < due - instant <= timedelta(seconds=seconds)
    assert due.microsecond == 500_000


@pytest.mark.parametrize(
    ("instant", "due"),
    [
        ("2026-03-07T21:59:59", "2026-03-07T22:00"),  # EST, the day before the clocks go forward
        ("2026-03-07T22:00", "2026-03-08T21:00"),  # EDT: the day had 23 hours
        ("2026-10-31T21:00", "2026-11-01T22:00"),  # 25 hours
    ],
)
def test_a_time_in_new_york_is_local_whatever_the_days_length(instant: str, due: str) -> None:
    assert next_after("daily 17:00 America/New_York", utc(instant)) == utc(due)


@pytest.mark.parametrize(
    ("instant", "due"),
    [
        ("2026-04-03T13:00", "2026-04-04T13:00"),  # +11:00
        ("2026-04-04T13:00", "2026-04-05T13:30"),  # the clocks went back half an hour: +10:30
        ("2026-10-02T13:30", "2026-10-03T13:30"),  # +10:30
        ("2026-10-03T13:30", "2026-10-04T13:00"),
    ],
)
def test_lord_howe_changes_by_half_an_hour(instant: str, due: str) -> None:
    assert next_after("daily 00:00 Australia/Lord_Howe", utc(instant)) == utc(due)


def test_a_midnight_that_cairo_skips_is_the_first_instant_after_it() -> None:
    cadence = "daily 00:00 Africa/Cairo"  # 2026-04-24 begins at 01:00
    assert next_after(cadence, utc("2026-04-23T12:00")) == utc("2026-04-23T22:00")
    assert next_after(cadence, utc("2026-04-23T22:00")) == utc("2026-04-24T21:00")


def test_a_time_inside_the_skipped_hour_falls_after_it() -> None:
    due = next_after("daily 02:30 America/New_York", utc("2026-03-08T06:00"))
    assert due == utc("2026-03-08T07:30")
    assert due.astimezone(ZoneInfo("America/New_York")).hour == 3


def test_a_time_that_comes_twice_is_due_once() -> None:
    cadence = "daily 01:30 America/New_York"
    first = next_after(cadence, utc("2026-11-01T00:00"))
    assert first == utc("2026-11-01T05:30")
    assert next_after(cadence, first) == utc("2026-11-02T06:30")


@pytest.mark.parametrize("cadence", ["hourly", "every 5m", "daily 9:00 UTC", ""])
def test_what_is_no_cadence_is_refused(cadence: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        next_after(cadence, utc("2026-01-01"))


ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"]
)


@given(ZONES, st.times(), st.integers(min_value=0, max_value=4 * 365 * 86_400))
def test_the_next_due_time_lies_ahead_and_within_a_long_day(
    zone: str, at: time, seconds: int
) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    due = next_after(f"daily {at:%H:%M} {zone}", now)
    assert now < due <= now + timedelta(hours=25)
