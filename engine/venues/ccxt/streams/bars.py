"""Closed bars: streamed where they can be, asked for where they do not come."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

import structlog

from engine.bars import Bars
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId
from engine.domain.money import ZERO
from engine.errors import TradingError
from engine.ports import BarsClosed
from engine.venues.ccxt.streams.barrier import Barrier, Series, bar_start
from engine.venues.ccxt.streams.finality import Finality
from engine.venues.ccxt.streams.library import StreamClient
from engine.venues.ccxt.streams.watching import (
    Surroundings,
    Watches,
    bound,
    chunks,
    numbered,
    watched,
)

# (instrument, time frame, before): the last final bar that closed at or before; as `Venue.history`.
LastBar = Callable[[InstrumentId, Timeframe, datetime], Awaitable[Bars]]

PRICES = "prices"

_LONGEST_SLEEP = 30.0  # the venue's clock may be stepped meanwhile
_MOST_MISSED = 2  # bars in a row that traded and were not told as final
_EARLY = timedelta(seconds=1)  # a bar that is final by more before its end tells of a wrong clock

_log = structlog.get_logger(__name__)


class BarLane:
    """Yields each series' final bars once and in order.

    What is not told in time is asked for over REST, and that is also the way while the stream is
    down or where there is none. Only the newest closed bar is: older ones that were missed are
    history, and whoever keeps it asks for them.

    Args:
        venue_now: The venue's clock: bars end by it.
        clock_doubted: Called when a bar was final before its end by that clock.
        emit: Takes the bars of one instant.
    """

    def __init__(
        self,
        series: Collection[Series],
        *,
        client: StreamClient,
        source: Finality,
        last_bar: LastBar,
        venue_now: Callable[[], datetime],
        clock_doubted: Callable[[], None],
        emit: Callable[[BarsClosed], None],
        around: Surroundings,
    ) -> None:
        self._client = client
        self._source = source
        self._last_bar = last_bar
        self._venue_now = venue_now
        self._clock_doubted = clock_doubted
        self._around = around
        self._barrier = Barrier(series, seconds=around.policy.together, wall=around.wall, emit=emit)
        self._next: dict[Series, datetime] = dict.fromkeys(series, venue_now())  # its start
        self._asked: dict[Series, int] = dict.fromkeys(series, 0)
        self._missed: dict[Series, int] = dict.fromkeys(series, 0)
        self._parts: list[str] = []  # that are watched

    async def run(self) -> None:
        """Work until cancelled."""
        now = self._venue_now()
        for series in self._next:
            self._next[series] = bar_start(now, series[1])
        watches = self._watches()
        self._parts = [part for part, _ in watches]
        await watched(
            watches,
            self._frame,
            self._around,
            self._barrier.run(),
            self._ask_for_late(),
            early=self._source.early,
        )

    def _watches(self) -> Watches:
        client = self._client
        pairs = [[str(instrument_id), str(frame)] for instrument_id, frame in sorted(self._next)]
        if client.has.get("watchOHLCVForSymbols"):
            return [
                (numbered(PRICES, number), bound(client.watch_ohlcv_for_symbols, chunk))
                for number, chunk in enumerate(chunks(pairs, self._around.policy.per_watch))
            ]
        if client.has.get("watchOHLCV"):
            return [
                (f"{PRICES} of {symbol} {frame}", bound(client.watch_ohlcv, symbol, frame))
                for symbol, frame in pairs
            ]
        return []

    def _frame(self, message: object) -> bool | None:
        bars = self._source.final(message)
        for bar in bars or ():
            self._take(bar)
        return None if bars is None else self._is_up()

    def _is_up(self) -> bool:
        """Tell whether the library has seen a frame of every watch, as each of them waits for."""
        return all(self._around.link.up_for(part) is not None for part in self._parts)

    def _take(self, bar: Bar) -> bool:
        """Hand a final bar on, unless it was already or can't be."""
        series = (bar.instrument_id, bar.timeframe)
        if bar.timestamp < self._next[series]:
            return False
        early = bar.end - self._venue_now()
        if early > _EARLY:
            self._clock_doubted()
        if early > bar.timeframe.delta:
            _log.warning("a bar from the future is left out", bar=repr(bar))
            return False
        self._next[series] = bar.end
        self._asked[series] = self._missed[series] = 0
        self._barrier.add(bar)
        return True

    async def _ask_for_late(self) -> None:
        while True:
            now = self._venue_now()
            late = [series for series in self._next if self._due(series, now) <= now]
            async with asyncio.TaskGroup() as group:
                for series in late:
                    group.create_task(self._ask(series, now), name=f"late bar {series[0]}")
            now = self._venue_now()
            due = min((self._due(series, now) for series in self._next), default=now)
            wait = (due - now).total_seconds() if self._next else _LONGEST_SLEEP
            await self._around.wall.sleep(min(max(wait, 0.0), _LONGEST_SLEEP))

    def _due(self, series: Series, now: datetime) -> datetime:
        """Return when the newest closed bar is to be asked for; moves on to it."""
        newest = bar_start(now, series[1]) - series[1].delta
        if newest > self._next[series]:
            self._next[series] = newest
            self._asked[series] = 0
        policy = self._around.policy
        pauses = (0.0, *policy.ask_again)
        end = self._next[series] + series[1].delta
        asked = self._asked[series]
        if asked >= len(pauses):
            return end + series[1].delta  # left to the next bar
        return end + timedelta(seconds=policy.grace + pauses[asked])

    async def _ask(self, series: Series, now: datetime) -> None:
        self._asked[series] += 1
        start = self._next[series]
        try:
            found = await self._last_bar(*series, start + series[1].delta)
        except TradingError as exc:
            _log.warning("a late bar can't be asked for", instrument=series[0], reason=str(exc))
            return
        bar = found.bar(-1) if len(found) else None
        if bar is None or bar.timestamp != start or self._next[series] != start:
            return  # not there yet, or the stream told it meanwhile
        missed = self._missed[series] + 1
        if self._take(bar) and bar.volume > ZERO:
            self._missed[series] = missed
            self._judge_stream(series, bar)

    def _judge_stream(self, series: Series, bar: Bar) -> None:
        """Cut a stream that did not tell of a bar in which there were trades."""
        up_for = [self._around.link.up_for(part) for part in self._parts]
        age = (self._venue_now() - bar.timestamp).total_seconds()
        if not up_for or any(up is None or up < age for up in up_for):
            return  # it was not up for the whole bar
        touched = self._source.touched.get(series)
        silent = touched is None or touched < bar.timestamp
        if silent or self._missed[series] >= _MOST_MISSED:
            self._missed[series] = 0
            self._around.tap.cut(f"it did not tell of trades in {series[0]}")
