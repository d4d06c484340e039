"""The bar store: what is there, its bars, and the one way to add some."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engine.bars import Bars, from_ms, to_ms
from engine.domain.bars import Bar
from engine.domain.spans import Span, merge, within
from engine.errors import ConfigError, DataError
from engine.storage.bars.files import Extent, Footer, read_extent, read_table, write_table
from engine.storage.bars.layout import SUFFIX, Series, all_series, bounds_of, folder_of, period_of
from engine.storage.bars.lock import SeriesLock
from engine.storage.bars.replacing import make_folder, remove_rests
from engine.storage.bars.rows import SCHEMA, bars_of, columns_of, merged, table_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a series holds, from its files' footers.

    Attributes:
        bars: Rows.
        first, last: Starts of bars, ms UTC; None without any.
        known: Stretches that the venue has spoken of, in order, apart from each other.
        size: Bytes on disk.
        source: The finer time frame it was resampled from; "" as the venue tells it.
    """

    series: Series
    bars: int
    first: int | None
    last: int | None
    known: tuple[Span, ...]
    size: int
    source: str


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition changed: rows that are new, and rows that differ from before."""

    new: int
    revised: int


class BarStore:
    """Recorded bars under one folder. Reading needs no lock: files are replaced whole.

    Every method that reads raises DataError for a damaged file, and names it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def series(self) -> tuple[Series, ...]:
        """Return everything that is there, by venue, symbol and time frame."""
        return tuple(sorted(all_series(self._root)))

    def summary(self, series: Series) -> Summary:
        """Return what a series holds; without files, nothing."""
        extents = [read_extent(path) for _, path in self._files(series)]
        firsts = [item.first for item in extents if item.first is not None]
        lasts = [item.last for item in extents if item.last is not None]
        return Summary(
            series=series,
            bars=sum(item.bars for item in extents),
            first=min(firsts, default=None),
            last=max(lasts, default=None),
            known=merge(span for item in extents for span in item.footer.known),
            size=sum(item.size for item in extents),
            source=_source(extents),
        )

    def tables(self, series: Series, span: Span | None = None) -> Iterator[pa.Table]:
        """Yield the rows that start within `span` (None: all), a table per file, oldest first."""
        for period, path in self._files(series):
            start, end = map(to_ms, bounds_of(period))
            if span is not None and (end <= span[0] or start >= span[1]):
                continue
            _, table = read_table(path)
            yield table if span is None else _cut(table, span)

    def bars(self, series: Series, span: Span | None = None) -> Iterator[Bar]:
        """Yield exact bars that start within `span`, in the order of the files."""
        for table in self.tables(series, span):
            try:
                yield from bars_of(series, table)
            except (ArithmeticError, ValueError, KeyError, TypeError) as exc:
                raise _bad_cell(series) from exc

    def columns(self, series: Series, span: Span | None = None) -> Bars:
        """Return float64 columns of the bars that start within `span`, unchecked."""
        tables = list(self.tables(series, span))
        try:
            return columns_of(series, pa.concat_tables([SCHEMA.empty_table(), *tables]))
        except pa.ArrowException as exc:
            raise _bad_cell(series) from exc

    @contextmanager
    def writer(self, series: Series, *, source: str = "") -> Iterator["SeriesWriter"]:
        """Hold the right to add to a series.

        Args:
            source: The finer time frame that the bars are made of, "" for the venue's own.

        Raises:
            AccountInUse: Another process adds to it.
            ConfigError: What is there comes from elsewhere: the two are never mixed.
            StorageError: The folder can't be written.
        """
        folder = folder_of(self._root, series)
        make_folder(folder)
        with SeriesLock(folder):
            remove_rests(folder)
            held = self.summary(series)
            if held.known and held.source != source:
                raise ConfigError(
                    f"{series} on disk comes {_origin(held.source)}; bars {_origin(source)} are "
                    "not mixed with it. Nothing was changed. Write them to a file instead, or "
                    f"remove {folder} to begin anew"
                )
            yield SeriesWriter(folder, series, source)

    def _files(self, series: Series) -> list[tuple[str, Path]]:
        """Return (period, file) of a series, oldest first."""
        folder = folder_of(self._root, series)
        paths = sorted(folder.glob(f"[0-9]*{SUFFIX}"))
        return [(path.name.removesuffix(SUFFIX), path) for path in paths if _is_period(path)]


class SeriesWriter:
    """Adds bars to one series; lives as long as its lock (see `BarStore.writer`)."""

    def __init__(self, folder: Path, series: Series, source: str) -> None:
        self._folder = folder
        self._series = series
        self._source = source

    def add(self, bars: Iterable[Bar], known: Iterable[Span]) -> Added:
        """Keep bars and what else is known of their time: on the disk when this returns.

        Args:
            bars: In any order, each start once; one that is there with other prices is REVISED.
            known: Where an absent bar is proven not to exist; the time of `bars` is so anyway.

        File by file, oldest first: killed between two, the first ones are kept.

        Raises:
            StorageError: A file can't be written; it and the later ones are as they were.
        """
        step = self._series.timeframe.seconds * 1000
        rows: dict[str, list[Bar]] = defaultdict(list)
        spans = list(known)
        for bar in bars:
            rows[period_of(self._series.timeframe, bar.timestamp)].append(bar)
            start = to_ms(bar.timestamp)
            spans.append((start, start + step))
        everything = merge(spans)
        new = revised = 0
        for period in self._periods(everything):
            added = self._replace(period, rows[period], everything)
            new, revised = new + added.new, revised + added.revised
        return Added(new, revised)

    def _periods(self, spans: tuple[Span, ...]) -> list[str]:
        """Return the periods that the spans touch, oldest first."""
        periods = dict.fromkeys(
            period
            for start, end in spans
            for period in _touched(self._series, from_ms(start), from_ms(end))
        )
        return list(periods)

    def _replace(self, period: str, bars: list[Bar], known: tuple[Span, ...]) -> Added:
        path = self._folder / f"{period}{SUFFIX}"
        before: tuple[Span, ...] = ()
        old = SCHEMA.empty_table()
        if path.exists():
            footer, old = read_table(path)
            before = footer.known
        start, end = map(to_ms, bounds_of(period))
        after = merge((*before, *within((start, end), known)))
        table, revised = merged(old, table_of(bars))
        if after != before or revised or table.num_rows != old.num_rows:
            write_table(path, Footer.of(self._series, after, self._source), table)
        return Added(table.num_rows - old.num_rows, revised)


def _touched(series: Series, start: datetime, end: datetime) -> Iterator[str]:
    while start < end:
        period = period_of(series.timeframe, start)
        yield period
        start = bounds_of(period)[1]


def _cut(table: pa.Table, span: Span) -> pa.Table:
    starts = pc.cast(table["timestamp"], pa.int64())
    inside = pc.and_(pc.greater_equal(starts, span[0]), pc.less(starts, span[1]))
    return table.filter(inside)


def _is_period(path: Path) -> bool:
    try:
        bounds_of(path.name.removesuffix(SUFFIX))
    except ValueError:
        return False
    return True


def _source(extents: list[Extent]) -> str:
    return next((item.footer.source for item in extents if item.footer.source), "")


def _origin(source: str) -> str:
    return f"from {source} bars" if source else "from the venue"


def _bad_cell(series: Series) -> DataError:
    return DataError(
        f"{series}: a cell is no number. Nothing was changed. Run: outcry data verify; then take "
        "the damaged file away and fetch its period again"
    )
