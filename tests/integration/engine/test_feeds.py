"""Holes in a live feed: fetched before the next bar is decided on, or waited for and told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.bars import STATES, Bars
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.events import FeedInterrupted
from engine.domain.ids import InstrumentId
from engine.errors import VenueUnavailable
from engine.handlers.feeds import Feeds
from engine.handlers.orders import Orders
from engine.handlers.protection import Protection
from engine.venues.replay import ReplayVenue
from tests.fakes.engines import BTC, Bench, at, flat, run

FRAME = Timeframe(60)


def bar(number: int) -> Bar:
    price = Decimal(100 + number)
    return Bar(BTC, FRAME, at(number), price, price, price, price, Decimal(1))


class ListingVenue:
    """A live venue whose lists of bars a test decides."""

    def __init__(self, venue: ReplayVenue) -> None:
        self._venue = venue
        self.capabilities = replace(venue.capabilities, replayed=False)
        self.listed: list[Bar] = []
        self.is_down = False
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        self.asked += 1
        if self.is_down:
            raise VenueUnavailable("no route to the venue")
        return Bars.from_bars(instrument_id, timeframe, self.listed[-limit:])


class Feed:
    """A running engine whose feed is fed by hand."""

    def __init__(self) -> None:
        self.bench = Bench(flat(*[100] * 3), {"run": {}})
        self.venue = ListingVenue(self.bench.venue)

    async def open(self) -> None:
        await self.bench.until(0)
        self.bench.desk.venue = self.venue
        self.bench.host.fed.clear()
        self.bench.desk.newest.clear()
        protection = Protection(self.bench.desk, Orders(self.bench.desk, lambda: None))
        self.feeds = Feeds(self.bench.desk, protection)

    async def arrive(self, *numbers: int) -> list[int]:
        taken = await self.feeds.arrived(tuple(bar(number) for number in numbers))
        return [self.number(one.timestamp) for one in taken]

    def has(self, numbers: Iterable[int]) -> None:
        self.venue.listed = [bar(number) for number in numbers]

    def number(self, start: datetime) -> int:
        return (start - at(0)) // FRAME.delta

    def fed(self) -> list[tuple[int, BarState]]:
        return [
            (self.number(one.timestamp), STATES[int(state)])
            for bars in self.bench.host.fed
            for one, state in zip(bars, bars.state, strict=True)
        ]

    def waits(self, warmup: int = 3) -> bool:
        return self.feeds.waits(run(), warmup)

    def told(self) -> list[FeedInterrupted]:
        return [e for e in self.bench.told(FeedInterrupted) if isinstance(e, FeedInterrupted)]


@pytest.fixture
async def feed() -> Feed:
    opened = Feed()
    await opened.open()
    opened.bench.desk.clock.advance_to(at(60))
    return opened


async def test_bars_without_a_hole_pass_and_nothing_is_asked(feed: Feed) -> None:
    assert await feed.arrive(1) == [1]
    assert await feed.arrive(2) == [2]
    assert feed.venue.asked == 0


async def test_a_bar_told_again_or_late_is_left_out(feed: Feed) -> None:
    await feed.arrive(1)
    await feed.arrive(2)
    assert await feed.arrive(2, 1) == []


async def test_missed_bars_are_fed_before_the_next_is_decided_on(feed: Feed) -> None:
    await feed.arrive(1)
    feed.has(range(1, 5))
    assert await feed.arrive(4) == [4]
    assert feed.fed() == [(2, BarState.BACKFILLED), (3, BarState.BACKFILLED)]
    assert not feed.waits()
    assert not feed.told()


async def test_a_minute_without_a_trade_is_fed_as_empty(feed: Feed) -> None:
    await feed.arrive(1)
    feed.has([1, 3, 4])
    await feed.arrive(4)
    assert feed.fed() == [(2, BarState.EMPTY), (3, BarState.BACKFILLED)]
    assert not feed.told()


async def test_an_unknown_gap_makes_runs_wait_and_is_told_once(feed: Feed) -> None:
    await feed.arrive(1)
    feed.venue.is_down = True
    assert await feed.arrive(4) == [4]
    assert feed.fed() == [(2, BarState.MISSING), (3, BarState.MISSING)]
    assert feed.waits()
    await feed.feeds.retry(at(60))
    assert await feed.arrive(5) == [5]
    [told] = feed.told()
    assert "12:02 to 12:03 UTC are unknown; run waits" in told.message


async def test_a_gap_that_is_filled_later_lets_runs_decide_again(feed: Feed) -> None:
    await feed.arrive(1)
    feed.venue.is_down = True
    await feed.arrive(4)
    feed.venue.is_down = False
    feed.bench.host.fed.clear()
    feed.has([1, 2])
    await feed.feeds.retry(at(60))
    assert feed.fed() == [(2, BarState.BACKFILLED)]
    assert feed.waits()
    feed.has([1, 2, 4, 5])
    await feed.feeds.retry(at(60))
    assert feed.fed()[1:] == [(3, BarState.EMPTY)]
    assert not feed.waits()


async def test_a_second_hole_joins_the_first(feed: Feed) -> None:
    await feed.arrive(1)
    feed.venue.is_down = True
    await feed.arrive(3)
    await feed.arrive(5)
    feed.venue.is_down = False
    feed.bench.host.fed.clear()
    feed.has(range(1, 7))
    await feed.feeds.retry(at(60))
    known = dict(feed.fed())
    assert known[2] is known[4] is BarState.BACKFILLED
    assert not feed.waits()


async def test_a_waiting_run_is_given_the_bars_and_not_asked(feed: Feed) -> None:
    runs = (run().id,)
    await feed.arrive(1)
    assert await feed.feeds.deciding(runs, (bar(1),)) == runs
    feed.venue.is_down = True
    await feed.arrive(3)
    feed.bench.host.fed.clear()
    assert await feed.feeds.deciding(runs, (bar(3),)) == ()
    assert feed.fed() == [(3, BarState.FINAL)]


async def test_a_gap_older_than_the_warm_up_no_longer_matters(feed: Feed) -> None:
    await feed.arrive(1)
    feed.venue.is_down = True
    await feed.arrive(3)
    for number in range(4, 7):
        await feed.arrive(number)
    assert feed.waits(warmup=4)
    assert not feed.waits(warmup=3)


async def test_what_was_given_as_history_is_where_the_feed_goes_on(feed: Feed) -> None:
    feed.bench.desk.newest[BTC, FRAME] = bar(2)
    feed.has(range(1, 6))
    assert await feed.arrive(2) == []
    assert await feed.arrive(5) == [5]
    assert [number for number, _ in feed.fed()] == [3, 4]


async def test_the_holes_of_a_recording_are_its_own(feed: Feed) -> None:
    feed.bench.desk.venue = feed.bench.venue
    assert await feed.arrive(1) == [1]
    assert await feed.arrive(9) == [9]
    assert not feed.fed()
