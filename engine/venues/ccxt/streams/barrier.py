"""Bars that close at one instant, put together."""

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.ports import BarsClosed, WallClock

Series = tuple[InstrumentId, Timeframe]

# Bars start at multiples of their time frame since the epoch, weeks on Monday.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_WEEK = timedelta(days=7)


def bar_start(instant: datetime, frame: Timeframe) -> datetime:
    """Return the start of the bar that `instant` belongs to."""
    anchor = _MONDAY if frame.delta % _WEEK == timedelta(0) else _EPOCH
    return anchor + (instant - anchor) // frame.delta * frame.delta


class Barrier:
    """Hands on all bars of an instant at once when the last of them has come, or a moment later.

    A run of several symbols decides when its bars are together, and all its orders are committed
    in one go; so what arrived together is not handed on one by one.

    Args:
        seconds: How long bars of one instant wait for the others of it.
    """

    def __init__(
        self,
        series: Collection[Series],
        *,
        seconds: float,
        wall: WallClock,
        emit: Callable[[BarsClosed], None],
    ) -> None:
        self._series = frozenset(series)
        self._frames = {frame for _, frame in series}
        self._seconds = seconds
        self._wall = wall
        self._emit = emit
        self._waiting: dict[datetime, list[Bar]] = {}
        self._missing: dict[datetime, set[Series]] = {}  # of each instant that waits
        self._passed: dict[Series, datetime] = {}  # end of the newest bar that came
        self._arrived = asyncio.Event()

    def add(self, bar: Bar) -> None:
        """Take a final bar; every series' bars come in order, each once."""
        series, end = (bar.instrument_id, bar.timeframe), bar.end
        if end not in self._waiting:
            self._waiting[end], self._missing[end] = [], self._expected_at(end)
        self._waiting[end].append(bar)
        self._passed[series] = end
        for instant, missing in self._missing.items():
            if instant <= end:
                missing.discard(series)
        if self._missing[end]:
            self._arrived.set()
        else:
            self._release(end)

    async def run(self) -> None:
        """Release what waited long enough, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self._wall.sleep(self._seconds)
            for end in sorted(self._waiting):
                self._release(end)

    def _expected_at(self, end: datetime) -> set[Series]:
        """Return the series with a bar that ends then, those that have passed it left out."""
        closing = {frame for frame in self._frames if bar_start(end, frame) == end}
        return {
            each
            for each in self._series
            if each[1] in closing and self._passed.get(each, _EPOCH) < end
        }

    def _release(self, end: datetime) -> None:
        bars = self._waiting.pop(end)
        del self._missing[end]
        self._emit(BarsClosed(end, tuple(sorted(bars, key=_place))))


def _place(bar: Bar) -> tuple[InstrumentId, Timeframe]:
    return bar.instrument_id, bar.timeframe
