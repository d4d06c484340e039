"""Recorded series laid on one time line: which bars close when, and which bar is under way."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import repeat

import msgspec
import numpy as np

from engine.bars import STATES, Bars, Float64, Int64
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import DataError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK_MS = 7 * 86_400_000
_CHUNK = 1024

NO_TRADE = frozenset({BarState.EMPTY, BarState.MISSING})


def instants(milliseconds: Int64) -> list[datetime]:
    """Return aware UTC instants, exactly."""
    return list(map(_EPOCH.__add__, milliseconds.astype("m8[ms]").astype("m8[us]").tolist()))


def _decimals(column: Float64) -> list[Decimal]:
    return list(map(Decimal, map(repr, column.tolist())))


class Series:
    """One recorded series: columns, and its rows as domain bars, made a chunk at a time."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.instrument_id = bars.instrument_id
        self.starts: Int64 = bars.timestamp
        self.ends: Int64 = bars.timestamp + bars.timeframe.seconds * 1000
        self._chunk: list[Bar] = []
        self._first = self._last = 0  # rows [first, last) are in the chunk

    def __len__(self) -> int:
        return len(self.starts)

    def bar(self, row: int) -> Bar:
        """Return one row as a domain bar; rows asked for in order cost 2 us each."""
        if self._first <= row < self._last:
            return self._chunk[row - self._first]
        self._first, self._last = row, min(row + _CHUNK, len(self))
        self._chunk = self._convert(self._first, self._last)
        return self._chunk[0]

    def _convert(self, first: int, last: int) -> list[Bar]:
        part = self.bars[first:last]
        return list(
            map(
                Bar,
                repeat(part.instrument_id),
                repeat(part.timeframe),
                instants(part.timestamp),
                _decimals(part.open),
                _decimals(part.high),
                _decimals(part.low),
                _decimals(part.close),
                _decimals(part.volume),
                map(STATES.__getitem__, part.state.tolist()),
            )
        )

    def closed_by(self, instant_ms: int) -> int:
        """Return how many bars have closed at or before the instant."""
        return int(np.searchsorted(self.ends, instant_ms, side="right"))


class Lane:
    """The bars that an instrument's orders are matched against, in order.

    The finest series counts; a coarser one only outside the finer one's span.

    Attributes:
        next: Index of the first bar that has not closed yet.
        last: The bar that closed last, None before the first.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        finest = min(series, key=lambda one: one.bars.timeframe.seconds)
        kept = [(finest, np.arange(len(finest)))]
        first, last = int(finest.starts[0]), int(finest.ends[-1])
        rest = [one for one in series if one is not finest]
        for one in sorted(rest, key=lambda one: one.bars.timeframe.seconds):
            outside = np.flatnonzero((one.ends <= first) | (one.starts >= last))
            kept.append((one, outside))
            first, last = min(first, int(one.starts[0])), max(last, int(one.ends[-1]))
        self.rows = {id(one): np.isin(np.arange(len(one)), rows) for one, rows in kept}
        starts = np.concatenate([one.starts[rows] for one, rows in kept])
        order = np.argsort(starts, kind="stable")
        self.starts: Int64 = starts[order]
        self.ends: Int64 = np.concatenate([one.ends[rows] for one, rows in kept])[order]
        owners = np.concatenate([np.full(len(rows), i) for i, (_, rows) in enumerate(kept)])
        self._owner = owners[order]
        self._row = np.concatenate([rows for _, rows in kept])[order]
        self._series: list[Series] = [one for one, _ in kept]
        self.count = len(starts)
        self.next = 0
        self.last: Bar | None = None

    @property
    def has_ended(self) -> bool:
        return self.next >= self.count

    def bar(self, index: int) -> Bar:
        return self._series[int(self._owner[index])].bar(int(self._row[index]))

    def under_way(self, now_ms: int) -> Bar | None:
        """Return the bar that has started by now and not ended; None while the market is shut."""
        if self.has_ended or self.starts[self.next] > now_ms:
            return None
        bar = self.bar(self.next)
        return None if bar.state in NO_TRADE else bar

    def seek(self, now_ms: int) -> None:
        """Stand at an instant: what has closed by then is past."""
        self.next = int(np.searchsorted(self.ends, now_ms, side="right"))
        self.last = self.bar(self.next - 1) if self.next else None


class Close(msgspec.Struct, frozen=True, gc=False):
    """One bar's closing on the time line."""

    end_ms: int
    end: datetime
    step_ms: int
    series: Series
    row: int
    matches: bool  # it is a bar of its instrument's lane


class Tape:
    """All series on one time line, by the instants at which their bars close."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = tuple(series)
        self._steps = [one.bars.timeframe.seconds * 1000 for one in series]
        by_instrument: dict[InstrumentId, list[Series]] = {}
        for one in series:
            by_instrument.setdefault(one.instrument_id, []).append(one)
        self.lanes = {name: Lane(mine) for name, mine in by_instrument.items()}
        ends = np.concatenate([one.ends for one in series])
        order = np.argsort(ends, kind="stable")
        self.ends: Int64 = ends[order]
        self._owner = np.concatenate([np.full(len(one), i) for i, one in enumerate(series)])[order]
        self._row = np.concatenate([np.arange(len(one)) for one in series])[order]
        self._matches = np.concatenate(
            [self.lanes[one.instrument_id].rows[id(one)] for one in series]
        )[order]
        self._first = self._last = 0
        self._chunk: list[Close] = []

    def __len__(self) -> int:
        return len(self.ends)

    def find(self, instrument_id: InstrumentId, timeframe: Timeframe) -> Series | None:
        """Return a recorded series; None where there is none."""
        wanted = (instrument_id, timeframe)
        return next(
            (one for one in self.series if (one.instrument_id, one.bars.timeframe) == wanted), None
        )

    def lacks(self, instrument_id: InstrumentId, timeframe: Timeframe) -> str:
        """Return that a series is not recorded, and what is, for people."""
        there = sorted(f"{one.instrument_id} {one.bars.timeframe}" for one in self.series)
        return f"No {timeframe} bars of {instrument_id} are recorded. Recorded: {', '.join(there)}."

    def close(self, index: int) -> Close:
        """Return one closing; asked for in order they cost little."""
        if self._first <= index < self._last:
            return self._chunk[index - self._first]
        self._first, self._last = index, min(index + _CHUNK, len(self))
        cut = slice(self._first, self._last)
        owners = self._owner[cut].tolist()
        self._chunk = list(
            map(
                Close,
                self.ends[cut].tolist(),
                instants(self.ends[cut]),
                map(self._steps.__getitem__, owners),
                map(self.series.__getitem__, owners),
                self._row[cut].tolist(),
                self._matches[cut].tolist(),
            )
        )
        return self._chunk[0]

    def index_at(self, instant_ms: int) -> int:
        """Return the index of the first closing at or after an instant."""
        return int(np.searchsorted(self.ends, instant_ms, side="left"))

    def prints(self) -> dict[str, str]:
        """Return a digest of every series, by its name: equal data, equal digests."""
        digests = {}
        for one in self.series:
            digest = hashlib.sha256(one.bars.timestamp.tobytes())
            digest.update(one.bars.close.tobytes())
            digests[f"{one.instrument_id} {one.bars.timeframe}"] = digest.hexdigest()[:16]
        return digests

    def seek(self, now_ms: int) -> None:
        for lane in self.lanes.values():
            lane.seek(now_ms)


@dataclass(frozen=True, slots=True)
class Plan:
    """When the replay begins, and what was moved for it.

    Attributes:
        start_ms: The first instant of market time; everything closed by then is history.
        note: For people: which series play at other dates than recorded; empty for none.
    """

    series: tuple[Series, ...]
    start_ms: int
    note: str


def plan_replay(recorded: Iterable[Bars], *, start_after: int, rebase: bool) -> Plan:
    """Choose the start and, with `rebase`, move series of other dates to it.

    Every series has at least `start_after` bars of history at the start. An instrument whose
    recording does not span the start is moved by whole weeks, so that weekday and time of day
    stay what they were; all its series move together.

    Raises:
        DataError: No series, or one that is too short.
    """
    series = [Series(bars) for bars in recorded]
    if not series:
        raise DataError("There is nothing to replay: give at least one data file.")
    for one in series:
        if len(one) <= start_after:
            raise DataError(
                f"{one.instrument_id} {one.bars.timeframe}: {len(one)} bars, and {start_after} "
                "are needed before the replay starts. Give a longer file, or start after fewer."
            )
    if not start_after and not rebase:
        return Plan(tuple(series), min(int(one.starts[0]) for one in series), "")
    ready: dict[InstrumentId, int] = {}
    for one in series:
        begins = int(one.ends[start_after - 1] if start_after else one.starts[0])
        ready[one.instrument_id] = max(ready.get(one.instrument_id, begins), begins)
    start_ms = max(ready.values())
    if not rebase:
        return Plan(tuple(series), start_ms, "")
    moved, notes = [], []
    for one in series:
        last = max(int(x.ends[-1]) for x in series if x.instrument_id == one.instrument_id)
        weeks = 0 if last > start_ms else (start_ms - ready[one.instrument_id]) // _WEEK_MS
        moved.append(_shifted(one, weeks * _WEEK_MS))
        if weeks:
            notes.append(_shift_note(one, weeks))
    return Plan(tuple(moved), start_ms, " ".join(notes))


def _shifted(series: Series, by_ms: int) -> Series:
    bars = series.bars
    return Series(replace(bars, timestamp=bars.timestamp + by_ms)) if by_ms else series


def _shift_note(series: Series, weeks: int) -> str:
    first, last = instants(series.bars.timestamp[[0, -1]])
    return (
        f"{series.instrument_id} {series.bars.timeframe} was recorded {first:%Y-%m-%d} to "
        f"{last:%Y-%m-%d} and plays {weeks} weeks later."
    )
