"""The trading day: named, bounded, and without gap or overlap wherever the account lives."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.day import day_named, day_of
from engine.domain.accounts import Account
from tests.fakes.trading import account

HOUR = timedelta(hours=1)


def living_in(zone: str, cut: str) -> Account:
    return replace(account(), time_zone=zone, day_cut=cut)


@pytest.mark.parametrize(
    ("zone", "cut", "day", "hours"),
    [
        ("America/New_York", "00:00", date(2026, 3, 8), 23),
        ("America/New_York", "00:00", date(2026, 11, 1), 25),
        ("America/New_York", "17:00", date(2026, 3, 8), 23),
        ("America/New_York", "17:00", date(2026, 3, 7), 24),
        ("Australia/Lord_Howe", "00:00", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", "00:00", date(2026, 10, 4), 23.5),
        ("Africa/Cairo", "00:00", date(2026, 4, 23), 24),
        ("Africa/Cairo", "00:00", date(2026, 4, 24), 23),
        ("UTC", "00:00", date(2026, 3, 8), 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(
    zone: str, cut: str, day: date, hours: float
) -> None:
    named = day_named(living_in(zone, cut), day)
    assert named.end - named.start == hours * HOUR


def test_a_day_ends_at_the_cut_of_the_date_that_names_it() -> None:
    evening = day_named(living_in("America/New_York", "17:00"), date(2026, 1, 6))
    assert evening.start == datetime(2026, 1, 5, 22, tzinfo=UTC)
    assert evening.end == datetime(2026, 1, 6, 22, tzinfo=UTC)
    midnight = day_named(living_in("UTC", "00:00"), date(2026, 1, 6))
    assert midnight.start == datetime(2026, 1, 6, tzinfo=UTC)


@given(
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
    st.sampled_from(["00:00", "00:30", "02:30", "17:00", "23:59"]),
    st.integers(min_value=0, max_value=4 * 365 * 86_400),
)
def test_every_instant_lies_in_one_day_and_days_follow_each_other(
    zone: str, cut: str, seconds: int
) -> None:
    owner, now = living_in(zone, cut), datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    day = day_of(owner, now)
    assert day.start <= now < day.end
    assert day_named(owner, day.day) == day
    following = day_of(owner, day.end)
    assert following.start == day.end
    assert following.day - day.day == timedelta(days=1)
