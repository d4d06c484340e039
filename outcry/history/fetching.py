"""`outcry data fetch`: from a venue's public history to the disk."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import Settings
from engine.bars import to_ms
from engine.domain.ids import InstrumentId
from engine.domain.spans import Span
from engine.errors import ConfigError, OutcryError, TradingError, UnknownInstrument
from engine.market.gaps import bars_in, ceil_to, floor_to, missing
from engine.ports import HistorySource, WallClock
from engine.storage.bars.layout import Series, folder_of
from engine.storage.bars.store import BarStore
from engine.venues.ccxt.backoff import Draw
from outcry.commands.common import settings_of
from outcry.history.backfill import Backfill, Fetched
from outcry.history.listing import named
from outcry.history.shelf import (
    bar_folder,
    complain,
    instant_of,
    progress,
    shown,
    timeframe_of,
    written,
)
from outcry.places import prepare_data_dir

FAILED, BAD_INPUT = 1, 2

OpenSource = Callable[[str, tuple[InstrumentId, ...], Settings], Awaitable[HistorySource]]
"""Connects to a venue's public history: (venue, symbols, settings)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command line, as given."""

    venue: str
    symbols: tuple[str, ...]
    timeframe: str
    since: str | None
    until: str | None
    config: Path | None
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One series to fetch."""

    series: Series
    wanted: Span


@dataclass(slots=True)
class _Outcome:
    """What came of one series; `status` is the exit status it calls for."""

    job: _Job
    fetched: Fetched = field(default_factory=Fetched)
    error: str = ""
    status: int = 0


def fetch(request: Request, open_source: OpenSource, clock: WallClock, draw: Draw) -> int:
    """Fetch what is missing of every symbol; the disk keeps what came, however this ends.

    Returns 0 when all was asked for and answered, 1 when not, 2 for a symbol or time frame that
    the venue does not have.
    """
    settings = settings_of(request.config)
    store = BarStore(bar_folder(settings))
    jobs = _jobs(request, settings, store, to_ms(clock.now()))
    prepare_data_dir(settings.data_dir)
    run = _Run(store, clock, draw)
    stopped = False
    try:
        asyncio.run(run.all(jobs, request.venue, settings, open_source))
    except KeyboardInterrupt:
        stopped = True
    _tell(run.outcomes, stopped=stopped, as_json=request.as_json)
    return FAILED if stopped else max((item.status for item in run.outcomes), default=0)


def _jobs(request: Request, settings: Settings, store: BarStore, now_ms: int) -> tuple[_Job, ...]:
    """Check everything that was asked for, before anything is asked of the venue."""
    timeframe = timeframe_of("--timeframe", request.timeframe)
    since = None if request.since is None else instant_of("--from", request.since)
    until = now_ms if request.until is None else min(instant_of("--to", request.until), now_ms)
    jobs = []
    for symbol in dict.fromkeys(request.symbols):
        series = Series(request.venue, InstrumentId(symbol), timeframe)
        folder_of(bar_folder(settings), series)  # refuses what can't be a file's name
        first = store.summary(series).first if since is None else since
        if first is None:
            raise ConfigError(
                f"--from: there are no bars of {series} yet, so say where to begin, such as "
                "--from 2024-01-01"
            )
        wanted = (ceil_to(first, timeframe), floor_to(until, timeframe))
        if wanted[1] <= wanted[0] and since is not None:
            raise ConfigError(
                f"--from {request.since}: no {timeframe} bar ended between that and "
                f"{shown(until)} UTC; use an earlier time"
            )
        jobs.append(_Job(series=series, wanted=wanted))
    return tuple(jobs)


class _Run:
    """All series of one command, one after the other: a venue's rate limit is one for all."""

    def __init__(self, store: BarStore, clock: WallClock, draw: Draw) -> None:
        self._store = store
        self._clock = clock
        self._draw = draw
        self.outcomes: list[_Outcome] = []

    async def all(
        self, jobs: tuple[_Job, ...], venue: str, settings: Settings, open_source: OpenSource
    ) -> None:
        self.outcomes = [_Outcome(job) for job in jobs]
        symbols = tuple(job.series.instrument_id for job in jobs)
        source = await open_source(venue, symbols, settings)
        try:
            for outcome in self.outcomes:
                try:
                    await self._one(outcome, source)
                except (UnknownInstrument, ConfigError) as exc:
                    outcome.error, outcome.status = _line(exc), BAD_INPUT
                except OutcryError as exc:
                    outcome.error, outcome.status = _line(exc), FAILED
        finally:
            await source.close()

    async def _one(self, outcome: _Outcome, source: HistorySource) -> None:
        series, wanted = outcome.job.series, outcome.job.wanted
        with self._store.writer(series) as writer:
            known = self._store.summary(series).known
            total = bars_in(missing(wanted, known), series.timeframe)
            backfill = Backfill(source, series, writer, clock=self._clock, draw=self._draw)
            outcome.fetched = backfill.result
            with progress(total, str(series)) as show:
                await backfill.run(wanted, known, show)


def _line(error: OutcryError) -> str:
    text = error.user_message if isinstance(error, TradingError) else str(error)
    return " ".join(text.split())


# --- output -----------------------------------------------------------------------------------


def _tell(outcomes: list[_Outcome], *, stopped: bool, as_json: bool) -> None:
    if as_json:
        complete = not stopped and all(item.status == 0 for item in outcomes)
        print(json.dumps({"complete": complete, "series": [_fields(o) for o in outcomes]}))
    for outcome in outcomes:
        if not as_json:
            print(_sentence(outcome))
        if outcome.error:
            complain(f"{outcome.job.series}: {outcome.error}")
    kept = "What was fetched is kept; run the same command again to go on"
    if stopped:
        complain(f"stopped. {kept}")
    elif any(item.status == FAILED for item in outcomes):
        complain(f"not everything was fetched. {kept}")


def _sentence(outcome: _Outcome) -> str:
    series, fetched = outcome.job.series, outcome.fetched
    parts = [f"{fetched.new:,} new bars"]
    if fetched.revised:
        parts.append(f"{fetched.revised:,} revised by the venue")
    if fetched.unknown:
        count = bars_in(fetched.unknown, series.timeframe)
        parts.append(
            f"{count:,} bars unknown: the venue tells nothing of {shown(fetched.unknown[0][0])} "
            f"to {shown(fetched.unknown[0][1])} UTC"
        )
    if not fetched.wanted and not outcome.error:
        parts = ["nothing was missing"]
    return f"{series}: {', '.join(parts)}"


def _fields(outcome: _Outcome) -> dict[str, object]:
    fetched, series = outcome.fetched, outcome.job.series
    return {
        **named(series),
        "from": written(outcome.job.wanted[0]),
        "to": written(outcome.job.wanted[1]),
        "missing_bars": fetched.wanted,
        "new_bars": fetched.new,
        "revised_bars": fetched.revised,
        "unknown": [{"from": written(start), "to": written(end)} for start, end in fetched.unknown],
        "requests": fetched.requests,
        "retries": fetched.retries,
        "error": outcome.error or None,
    }
