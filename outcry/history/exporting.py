"""`outcry data export` and `outcry data resample`."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.domain.bars import Bar, BarState
from engine.domain.spans import Span, within
from engine.errors import ConfigError, DataError
from engine.market.resample import Intervals, check_multiple, resample
from engine.storage.bars.export import check_target, export_bars, export_tables
from engine.storage.bars.layout import Series
from engine.storage.bars.store import BarStore
from outcry.commands.common import settings_of
from outcry.history.listing import named
from outcry.history.shelf import (
    NoHistory,
    bar_folder,
    one_series,
    progress,
    shown,
    span_of,
    timeframe_of,
    watched,
)

_KEEP_EVERY = 50_000  # coarse bars held in memory at once


class _Table(Protocol):
    """Rows of the store."""

    @property
    def num_rows(self) -> int: ...


Rows = TypeVar("Rows", bound=_Table)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """The command line of `export`, as given."""

    venue: str
    symbol: str
    timeframe: str
    out: Path
    since: str | None
    until: str | None
    config: Path | None
    as_json: bool


def export(request: ExportRequest) -> int:
    """Write one series, or a time range of it, as one file."""
    store = BarStore(bar_folder(settings_of(request.config)))
    check_target(request.out)
    span = span_of(request.since, request.until)
    series = one_series(store, request.venue, request.symbol, request.timeframe)
    if not any(table.num_rows for table in store.tables(series, span)):
        summary = store.summary(series)
        raise NoHistory(
            f"{series} has no bars in that time; it has {shown(summary.first)} to "
            f"{shown(summary.last)} UTC. Nothing was written"
        )
    total = store.summary(series).bars
    with progress(total, f"{series} to {request.out.name}") as show:
        count = export_tables(_counted(store.tables(series, span), show), request.out)
    if request.as_json:
        print(json.dumps({**named(series), "bars": count, "file": str(request.out)}))
    else:
        print(f"{series}: {count:,} bars written to {request.out}")
    return 0


def _counted(tables: Iterable[Rows], show: Callable[[int], None]) -> Iterator[Rows]:
    done = 0
    for table in tables:
        yield table
        done += table.num_rows
        show(done)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampleRequest:
    """The command line of `resample`, as given."""

    venue: str
    symbol: str
    source: str
    target: str
    zone: str | None
    out: Path | None
    config: Path | None
    as_json: bool


class _Tally:
    """Counts coarse bars as they pass, and keeps back those with an unknown part."""

    def __init__(self) -> None:
        self.states: Counter[BarState] = Counter()
        self.first_missing: Bar | None = None

    def final(self, bars: Iterable[Bar]) -> Iterator[Bar]:
        for bar in bars:
            self.states[bar.state] += 1
            if bar.state is BarState.FINAL:
                yield bar
            elif self.first_missing is None:
                self.first_missing = bar


def resample_history(request: ResampleRequest) -> int:
    """Make coarser bars of a series: into the store, or into one file."""
    store = BarStore(bar_folder(settings_of(request.config)))
    intervals = _intervals(request)
    if request.out is not None:
        check_target(request.out)
    fine = one_series(store, request.venue, request.symbol, request.source)
    try:
        check_multiple(fine.timeframe, intervals.timeframe)
    except ValueError as exc:
        raise ConfigError(f"--to-timeframe: {exc}") from None
    coarse = Series(fine.venue, fine.instrument_id, intervals.timeframe)
    summary = store.summary(fine)
    if summary.first is None or summary.last is None:
        raise NoHistory(f"{fine} has no bars yet: nothing was resampled")
    # what is known before the first bar may only be from before the listing: no empty bars of that
    traded = (intervals.around(summary.first)[0], intervals.around(summary.last)[1])
    tally = _Tally()
    try:
        with progress(summary.bars, f"{fine} to {coarse.timeframe}") as show:
            read = watched(store.bars(fine), show)
            bars = tally.final(resample(read, summary.known, intervals))
            if request.out is None:
                whole = within(traded, intervals.whole(summary.known))
                _keep(store, coarse, fine, bars, whole)
            else:
                export_bars(bars, request.out)
    except ValueError as exc:
        raise DataError(f"{fine}: {exc}") from exc
    _tell(request, coarse, tally)
    return 0


def _intervals(request: ResampleRequest) -> Intervals:
    target = timeframe_of("--to-timeframe", request.target)
    if request.zone is None:
        return Intervals(target)
    if request.out is None:
        raise ConfigError("--zone: the store keeps UTC days only; name a file with --out")
    try:
        return Intervals(target, ZoneInfo(request.zone))
    except (ZoneInfoNotFoundError, OSError):
        raise ConfigError(
            f"--zone {request.zone}: use an IANA name such as Europe/Berlin"
        ) from None
    except ValueError as exc:
        raise ConfigError(f"--zone: {exc}") from None


def _keep(
    store: BarStore, coarse: Series, fine: Series, bars: Iterator[Bar], whole: tuple[Span, ...]
) -> None:
    """Add final bars to the store part by part, then what else is known of their time."""
    with store.writer(coarse, source=str(fine.timeframe)) as writer:
        part: list[Bar] = []
        for bar in bars:
            part.append(bar)
            if len(part) == _KEEP_EVERY:
                writer.add(part, ())
                part = []
        writer.add(part, whole)


def _tell(request: ResampleRequest, coarse: Series, tally: _Tally) -> None:
    final, incomplete = tally.states[BarState.FINAL], tally.states[BarState.MISSING]
    where = "the store" if request.out is None else str(request.out)
    if request.as_json:
        fields = {"bars": final, "incomplete": incomplete, "from": request.source}
        out = None if request.out is None else str(request.out)
        print(json.dumps({**named(coarse), **fields, "file": out}))
        return
    print(f"{coarse}: {final:,} bars made of {request.source} bars, written to {where}")
    if tally.first_missing is not None:
        print(
            f"{incomplete:,} more have an unknown part and were left out, the first at "
            f"{tally.first_missing.timestamp:%Y-%m-%d %H:%M} UTC. Fetch the missing "
            f"{request.source} bars, then resample again"
        )
