"""Fetching what is missing: page by page, through failures, never made up."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bars import to_ms
from engine.errors import DataError, RequestRefused, UnknownInstrument, VenueUnavailable
from engine.ports import HistoryPage
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore
from outcry.history.backfill import Backfill, Fetched
from tests.fakes.clocks import FakeWallClock
from tests.fakes.history import DAY, MINUTE, SYMBOL, FakeHistory, a_bar, minutes, recorded

SERIES = Series("binance", SYMBOL, MINUTE)
NOW = DAY + timedelta(days=2, seconds=30)


def span(start: datetime, end: datetime):
    return (to_ms(start), to_ms(end))


class Desk:
    """A store, a source and a clock."""

    def __init__(self, root: Path, source: FakeHistory, now: datetime = NOW) -> None:
        self.store = BarStore(root)
        self.source = source
        self.clock = FakeWallClock(now)
        self.shown: list[int] = []

    async def fetch(self, start: datetime, end: datetime = NOW) -> Fetched:
        with self.store.writer(SERIES) as writer:
            backfill = Backfill(self.source, SERIES, writer, clock=self.clock, draw=lambda: 0.5)
            known = self.store.summary(SERIES).known
            return await backfill.run(span(start, end), known, self.shown.append)

    async def fetch_patiently(self, start: datetime, end: datetime = NOW) -> Fetched:
        """Fetch while the clock moves on whenever somebody sleeps."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.fetch(start, end))
            while not task.done():
                await self.clock.advance(120)
        return task.result()

    def bars(self):
        return list(self.store.bars(SERIES))

    def known(self):
        return self.store.summary(SERIES).known


async def test_pages_are_joined_and_absent_minutes_between_bars_are_proven(tmp_path: Path):
    bars = minutes(450, without=(5, 6, 99, 100, 101, 300))
    desk = Desk(tmp_path, FakeHistory(bars))
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=450))
    assert desk.bars() == bars
    assert desk.known() == (span(DAY, DAY + timedelta(minutes=450)),)
    assert (fetched.wanted, fetched.new, fetched.unknown) == (450, 444, ())
    assert desk.shown == sorted(desk.shown)
    assert desk.shown[-1] == 450


async def test_a_second_fetch_asks_only_for_what_is_new(tmp_path: Path):
    bars = minutes(300)
    desk = Desk(tmp_path, FakeHistory(bars[:200]))
    await desk.fetch(DAY, DAY + timedelta(minutes=200))
    desk.source = FakeHistory(bars)
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=300))
    assert desk.source.requests == [DAY + timedelta(minutes=200)]
    assert fetched.new == 100
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=300))
    assert (fetched.wanted, fetched.requests) == (0, 0)


async def test_an_unknown_gap_stays_unknown_and_is_filled_once_the_venue_tells(tmp_path: Path):
    bars = minutes(300)
    hole = (DAY + timedelta(minutes=120), DAY + timedelta(minutes=150))
    desk = Desk(tmp_path, FakeHistory(bars, silent=[hole]))
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=300))
    assert fetched.unknown == (span(*hole),)
    assert desk.bars() == bars[:120] + bars[150:]
    assert desk.known() == (span(DAY, hole[0]), span(hole[1], DAY + timedelta(minutes=300)))

    desk.source = FakeHistory(bars)
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=300))
    assert desk.source.requests == [hole[0]]
    assert (fetched.new, fetched.unknown) == (30, ())
    assert desk.bars() == bars


async def test_what_the_venue_has_not_told_yet_is_unknown_not_empty(tmp_path: Path):
    desk = Desk(tmp_path, FakeHistory(minutes(100)))
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=160))
    end = DAY + timedelta(minutes=100)
    assert fetched.unknown == (span(end, DAY + timedelta(minutes=160)),)
    assert desk.known() == (span(DAY, end),)


async def test_the_forming_bar_is_not_kept_even_if_the_venue_gives_it(tmp_path: Path):
    desk = Desk(tmp_path, FakeHistory(minutes(100)), now=DAY + timedelta(minutes=50, seconds=59))
    await desk.fetch(DAY)
    assert desk.bars() == minutes(50)


async def test_refusals_and_silence_are_tried_again_with_longer_waits(tmp_path: Path):
    failures = [RequestRefused("429"), None, VenueUnavailable("time-out"), VenueUnavailable("502")]
    desk = Desk(tmp_path, FakeHistory(minutes(250), failures=failures))
    fetched = await desk.fetch_patiently(DAY, DAY + timedelta(minutes=250))
    assert desk.bars() == minutes(250)
    assert (fetched.retries, fetched.unknown) == (3, ())


async def test_a_venue_that_stays_down_ends_the_fetch_and_what_came_is_kept(tmp_path: Path):
    failures = [None, None, *(VenueUnavailable("down") for _ in range(7))]
    desk = Desk(tmp_path, FakeHistory(minutes(900), failures=failures))
    with pytest.raises(ExceptionGroup) as caught:
        await desk.fetch_patiently(DAY, DAY + timedelta(minutes=900))
    assert caught.group_contains(VenueUnavailable, match="down")
    assert desk.bars() == minutes(200)
    assert len(desk.source.requests) == 2 + 7
    fetched = await desk.fetch(DAY, DAY + timedelta(minutes=900))
    assert fetched.new == 700
    assert desk.bars() == minutes(900)


async def test_a_symbol_that_is_not_listed_is_not_asked_for_again(tmp_path: Path):
    desk = Desk(tmp_path, FakeHistory([], unlisted=frozenset({SYMBOL})))
    with pytest.raises(UnknownInstrument):
        await desk.fetch(DAY)
    assert len(desk.source.requests) == 1


async def test_a_fetch_that_is_cancelled_keeps_what_came(tmp_path: Path):
    failures = [None, None, None, VenueUnavailable("busy")]
    desk = Desk(tmp_path, FakeHistory(minutes(900), failures=failures))
    task = asyncio.ensure_future(desk.fetch(DAY))
    await desk.clock.until_sleeping()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.bars() == minutes(300)


def page(bars, start=DAY, until=DAY + timedelta(minutes=10)) -> HistoryPage:
    return HistoryPage(bars=tuple(bars), start=start, until=until)


@pytest.mark.parametrize(
    "answer",
    [
        page(reversed(minutes(3))),
        page([*minutes(3), minutes(3)[2]]),
        page(minutes(20)),
        page([a_bar(DAY + timedelta(seconds=20))]),
        page(minutes(3), start=DAY - timedelta(minutes=5)),
        page(minutes(3), until=DAY + timedelta(seconds=150)),
        page([a_bar(DAY, timeframe=type(MINUTE)(300))]),
    ],
    ids=["disorder", "duplicate", "beyond", "off grid", "too early", "half a bar", "time frame"],
)
async def test_an_answer_that_contradicts_itself_is_refused_whole(tmp_path: Path, answer):
    class Odd(FakeHistory):
        async def page(self, *given: object, **more: object) -> HistoryPage:
            return answer

    desk = Desk(tmp_path, Odd([]))
    with pytest.raises(DataError, match="contradicts itself"):
        await desk.fetch(DAY)
    assert desk.bars() == []


async def test_a_venue_that_only_keeps_the_newest_bars_proves_nothing_before_them(tmp_path: Path):
    class Short(FakeHistory):
        async def page(self, *given: object, start: datetime, **more: object) -> HistoryPage:
            kept = [bar for bar in self.bars[-50:] if bar.timestamp >= start]
            begin = kept[0].timestamp if kept else start
            return page(kept, begin, kept[-1].end if kept else start)

    desk = Desk(tmp_path, Short(minutes(300)))
    await desk.fetch(DAY, DAY + timedelta(minutes=300))
    later = DAY + timedelta(minutes=250)
    assert desk.known() == (span(later, DAY + timedelta(minutes=300)),)


async def test_real_minutes_with_silent_ones_come_through_whole(tmp_path: Path):
    bars = recorded("BTCUSD_coinbase_1m_20180404_05.csv")
    gaps = [b.timestamp - a.end for a, b in pairwise(bars)]
    longest = max(range(len(gaps)), key=gaps.__getitem__)
    silence = (bars[longest].end, bars[longest + 1].timestamp)
    desk = Desk(tmp_path, FakeHistory(bars, most=300, silent=[silence]), now=bars[-1].end)
    fetched = await desk.fetch(bars[0].timestamp, bars[-1].end)
    assert desk.bars() == bars
    assert fetched.unknown == (span(*silence),)
    assert (silence[1] - silence[0]) == timedelta(hours=7, minutes=12)


MINUTES = st.sets(st.integers(0, 119), min_size=1)
QUIET = st.lists(st.tuples(st.integers(0, 119), st.integers(1, 30)), max_size=3)
PAGES = st.integers(1, 40)


def at(number: int) -> datetime:
    return DAY + timedelta(minutes=number)


@settings(max_examples=60, deadline=None)
@given(MINUTES, QUIET, PAGES, st.integers(0, 120), st.lists(st.booleans(), max_size=4))
def test_whatever_comes_is_kept_once_and_only_what_was_told_is_known(
    tmp_path_factory, there, quiet, most, first_end, fails
):
    """Two fetches, the first of a part, from a source with silent stretches and failures."""
    bars = [bar for number, bar in enumerate(minutes(120)) if number in there]
    silent = [(at(start), at(start + length)) for start, length in quiet]
    failures = [VenueUnavailable("busy") if fail else None for fail in fails]
    desk = Desk(tmp_path_factory.mktemp("desk"), FakeHistory(bars, most, silent, failures=failures))

    async def both() -> Fetched:
        await desk.fetch_patiently(DAY, at(first_end))
        return await desk.fetch_patiently(DAY, at(120))

    fetched = asyncio.run(both())
    hidden = {number for number in range(120) for a, b in silent if a <= at(number) < b}
    assert desk.bars() == [bar for bar in bars if bar.timestamp not in {at(n) for n in hidden}]
    known = {n for n in range(120) for a, b in desk.known() if a <= to_ms(at(n)) < b}
    assert not known & hidden
    told = max((n for n in there if n not in hidden), default=-1)
    assert set(range(told + 1)) - hidden <= known
    unknown = {n for n in range(120) for a, b in fetched.unknown if a <= to_ms(at(n)) < b}
    assert unknown == set(range(120)) - known
