"""Higher time frames: which of their bars had closed by each bar, and making them from bars."""

import numpy as np

from engine.bars import STATE_CODES, Bars, Float64, Int64
from engine.domain.bars import BarState, Timeframe

_WEEK_MS = 604_800_000
_MONDAY_MS = 4 * 86_400_000  # 1970-01-05, the first Monday of the epoch


def closed_index(bars: Bars, higher: Bars) -> Int64:
    """Return, for each bar, the index of the last `higher` bar that had closed by its close.

    int64[n], -1 where none had. Both close on the same instant: it counts as closed.
    """
    closes = bars.timestamp + bars.timeframe.seconds * 1000
    higher_closes = higher.timestamp + higher.timeframe.seconds * 1000
    return np.searchsorted(higher_closes, closes, side="right").astype(np.int64) - 1


def on_bars(bars: Bars, higher: Bars, values: Float64) -> Float64:
    """Spread `values`, one per `higher` bar, over `bars` as they were known at each close.

    float64[n] of `bars`, NaN before the first higher close. This is the way to use a higher
    time frame in `decide`: picking `values` by hand is how look-ahead gets in.
    """
    index = closed_index(bars, higher)
    result = np.full(len(bars), np.nan)
    known = index >= 0
    result[known] = np.asarray(values, dtype=np.float64)[index[known]]
    return result


def in_base_bars(count: int, higher: Timeframe, base: Timeframe) -> int:
    """Return how many `base` bars `count` bars of `higher` span, for `warmup`; one to spare."""
    return (count + 1) * max(1, higher.seconds // base.seconds)


def resampled(bars: Bars, timeframe: Timeframe) -> Bars:
    """Return the complete bars of a higher time frame that `bars` make up.

    Buckets start at multiples of the time frame since the epoch UTC, weeks on Monday. One that
    had not closed by the last bar's close is left out, and so is a first one that `bars` begin
    in the middle of. A bucket without any bar is absent, as in the data; one with a gap inside
    holds what there was.
    """
    if not len(bars):
        return _bars(bars, timeframe, bars.timestamp, bars, np.array([], dtype=np.int64))
    size = timeframe.seconds * 1000
    anchor = _MONDAY_MS if size % _WEEK_MS == 0 else 0
    start = (bars.timestamp - anchor) // size * size + anchor
    first = np.flatnonzero(np.diff(start, prepend=start[0] - size))
    last_close = int(bars.timestamp[-1]) + bars.timeframe.seconds * 1000
    keep = start[first] + size <= last_close
    if start[0] != bars.timestamp[0]:
        keep[0] = False
    return _bars(bars, timeframe, start[first], bars, first)[_span(keep)]


def higher_bars(base: Bars, given: Bars | None, timeframe: Timeframe) -> Bars:
    """Return the bars of a higher time frame: those given, continued by what `base` makes up.

    So it does not matter whether a feed has the time frame, only its history, or neither. Given
    ones that end before `base` begins are left out: nothing is decided across a hole.
    """
    made = resampled(base, timeframe)
    if given is None or not len(given):
        return made
    if given.timestamp[-1] + timeframe.seconds * 1000 < base.timestamp[0]:
        return made
    newer = made[int(np.searchsorted(made.timestamp, given.timestamp[-1], side="right")) :]
    if not len(newer):
        return given
    return Bars(
        base.instrument_id,
        timeframe,
        np.concatenate([given.timestamp, newer.timestamp]),
        np.concatenate([given.open, newer.open]),
        np.concatenate([given.high, newer.high]),
        np.concatenate([given.low, newer.low]),
        np.concatenate([given.close, newer.close]),
        np.concatenate([given.volume, newer.volume]),
        np.concatenate([given.state, newer.state]),
    )


def _span(keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> slice:
    """Return the slice of a mask that is True in one run."""
    kept = np.flatnonzero(keep)
    return slice(int(kept[0]), int(kept[-1]) + 1) if len(kept) else slice(0, 0)


def _bars(bars: Bars, timeframe: Timeframe, starts: Int64, rows: Bars, first: Int64) -> Bars:
    if not len(first):
        empty = np.array([], dtype=np.float64)
        none = np.array([], dtype=np.int64)
        columns = (empty,) * 5
        return Bars(bars.instrument_id, timeframe, none, *columns, none.astype(np.int8))
    last = np.append(first[1:], len(rows)) - 1
    return Bars(
        bars.instrument_id,
        timeframe,
        starts,
        rows.open[first],
        np.maximum.reduceat(rows.high, first),
        np.minimum.reduceat(rows.low, first),
        rows.close[last],
        np.add.reduceat(rows.volume, first),
        np.full(len(first), STATE_CODES[BarState.FINAL], dtype=np.int8),
    )
