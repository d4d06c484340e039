"""What is known of a series, what is missing in it."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import to_ms
from engine.domain.bars import Timeframe
from engine.domain.spans import merge, within
from engine.market.gaps import bars_in, ceil_to, floor_to, is_on_grid, missing

MINUTE, WEEK = Timeframe(60), Timeframe(604_800)

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def instants(spans):
    return {at for start, end in spans for at in range(start, end)}


@given(SPANS)
def test_merging_keeps_the_same_time_in_spans_apart_from_each_other(spans):
    merged = merge(spans)
    assert instants(merged) == instants(spans)
    assert all(a[1] < b[0] for a, b in pairwise(merged))


@given(SPANS, st.integers(0, 60), st.integers(0, 60))
def test_missing_and_known_parts_make_up_what_is_wanted(spans, start, end):
    wanted = (start, end)
    lacking, there = missing(wanted, spans), within(wanted, spans)
    assert instants(lacking) | instants(there) == instants([wanted])
    assert not instants(lacking) & instants(spans)


def test_a_stretch_has_room_for_every_bar_that_begins_in_it():
    assert bars_in([(0, 60_000), (120_000, 180_001)], MINUTE) == 3


def test_weeks_begin_on_mondays_and_minutes_on_the_minute():
    thursday = to_ms(datetime(2024, 2, 1, 10, 30, 15, tzinfo=UTC))
    assert floor_to(thursday, WEEK) == to_ms(datetime(2024, 1, 29, tzinfo=UTC))
    assert ceil_to(thursday, MINUTE) == to_ms(datetime(2024, 2, 1, 10, 31, tzinfo=UTC))
    assert ceil_to(thursday - 15_000, MINUTE) == thursday - 15_000


@pytest.mark.parametrize(("timeframe", "fits"), [(MINUTE, False), (WEEK, True)])
def test_only_bars_up_to_a_day_have_one_grid_at_every_venue(timeframe, fits):
    assert is_on_grid(1_000, timeframe) is fits
