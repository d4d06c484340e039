"""Bars without holes: what is missing before a bar that arrives is fetched, or waited for.

A strategy never acts across a bar that nobody knows (SEMANTICS 6). Exits go on.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from engine.bars import Bars
from engine.desk.state import Changes, Desk
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.events import FeedInterrupted
from engine.domain.ids import InstrumentId, RunId
from engine.domain.runs import Run
from engine.errors import TradingError
from engine.handlers.protection import Protection
from engine.market.continuity import filled, quiet, starts_between

_log = structlog.get_logger(__name__)

Series = tuple[InstrumentId, Timeframe]


class Feeds:
    """Stands between the venue's bars and those who decide by them.

    A replayed market is as it was recorded: its holes are the data's own.
    """

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection
        self._one_asks = asyncio.Lock()
        self._gaps: dict[Series, tuple[datetime, ...]] = {}
        self._before: dict[Series, Bar] = {}  # the bar before each gap

    async def arrived(self, bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
        """Take note of bars that closed; fetch what is missing before them.

        Returns those that are new, oldest first: a bar told again, or an older one, is left out.
        """
        if self._desk.venue.capabilities.replayed:
            return bars
        fresh: list[Bar] = []
        for bar in bars:
            series = (bar.instrument_id, bar.timeframe)
            last = self._desk.newest.get(series)
            if not self._desk.note_newest(bar):
                continue
            if last is not None:
                await self._join(series, last, bar)
            fresh.append(bar)
        return tuple(fresh)

    async def deciding(self, run_ids: tuple[RunId, ...], bars: Sequence[Bar]) -> tuple[RunId, ...]:
        """Return those of the runs that may decide on `bars`.

        Where none may, the strategies are given the bars here: nobody else will.
        """
        if not self._gaps:
            return run_ids
        ready = tuple(run_id for run_id in run_ids if not self._is_waiting(run_id))
        if run_ids and not ready:
            for bar in bars:
                await self._feed((bar.instrument_id, bar.timeframe), (bar,))
        return ready

    def _is_waiting(self, run_id: RunId) -> bool:
        loaded = self._desk.loaded.get(run_id)
        return loaded is not None and self.waits(self._desk.runs[run_id], loaded.warmup_bars)

    def waits(self, run: Run, warmup_bars: int) -> bool:
        """Tell whether a run would look across a bar that nobody knows."""
        for (instrument_id, frame), gap in self._gaps.items():
            if instrument_id not in run.instrument_ids:
                continue
            seen_since = self._desk.newest[instrument_id, frame].timestamp - gap[-1]
            if seen_since <= warmup_bars * frame.delta:
                return True
        return False

    async def retry(self, due: datetime) -> None:
        """Ask again for every gap that stands."""
        async with self._one_asks:
            for series in list(self._gaps):
                await self._fill(series, self._gaps[series], self._before[series])

    async def _join(self, series: Series, last: Bar, bar: Bar) -> None:
        absent = starts_between(last.timestamp, bar.timestamp, bar.timeframe)
        if not absent:
            return
        async with self._one_asks:
            unknown = (*self._gaps.get(series, ()), *absent)
            left = await self._fill(series, unknown, self._before.get(series, last))
        new = [start for start in left if start in absent]
        if new:
            marks = [quiet(last, start, BarState.MISSING) for start in new]
            await self._feed(series, marks)
            await self._tell(series, new)

    async def _fill(
        self, series: Series, unknown: Sequence[datetime], before: Bar
    ) -> tuple[datetime, ...]:
        """Fetch what is unknown; feed what was found and return what was not."""
        instrument_id, frame = series
        now = self._desk.clock.now()
        count = (now - unknown[0]) // frame.delta + 1
        try:
            listed = await self._desk.venue.history(instrument_id, frame, before=now, limit=count)
        except TradingError as exc:
            _log.warning("back-fill failed", instrument=instrument_id, error=str(exc))
            self._gaps[series], self._before[series] = tuple(unknown), before
            return tuple(unknown)
        answer = filled(unknown, listed, before)
        await self._feed(series, answer.bars)
        await self._protection.on_bars(answer.bars)
        if answer.unknown:
            self._gaps[series] = answer.unknown
            self._before[series] = answer.bars[-1] if answer.bars else before
        elif self._gaps.pop(series, None) is not None:
            del self._before[series]
        return answer.unknown

    async def _feed(self, series: Series, bars: Sequence[Bar]) -> None:
        if bars:
            await self._desk.host.feed([Bars.from_bars(*series, bars)])

    async def _tell(self, series: Series, starts: Sequence[datetime]) -> None:
        instrument_id, frame = series
        first, last = starts[0], starts[-1]
        waiting = [run.name for run in self._runs_on(series)]
        event = FeedInterrupted(
            **self._desk.fact("gap", instrument_id, str(frame), first.isoformat()),
            instrument_id=instrument_id,
            message=(
                f"{frame} bars from {first:%H:%M} to {last:%H:%M} UTC are unknown; "
                f"{', '.join(waiting) or 'no run'} waits for them, exits go on. Asking again"
            ),
        )
        await self._desk.commit(Changes(events=[event]))

    def _runs_on(self, series: Series) -> Iterable[Run]:
        instrument_id, frame = series
        return (
            run
            for run in self._desk.runs.values()
            if run.is_active and instrument_id in run.instrument_ids and run.timeframe == frame
        )
