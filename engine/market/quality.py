"""What is wrong or odd in recorded bars: counts, and the first examples of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars, Float64, Int64
from engine.domain.spans import Span
from engine.market.gaps import bars_in, missing

EXAMPLES = 5
ZERO_VOLUME_RUN = 30
"""So many bars in a row without volume are odd: a venue writes such where its feed stood."""
OUTLIER_DEVIATIONS = 25.0
"""A return so many robust standard deviations from the median is odd ..."""
OUTLIER_RETURN = 0.02
"""... if it is also at least this large: quiet markets have tiny deviations."""
_NORMAL = 1.4826  # the median absolute deviation of a normal distribution, times this, is its sigma

_DAY = 86_400

_Mask = NDArray[np.bool_]
_Text = Callable[[Bars, int], str]


class Check(StrEnum):
    DUPLICATES = "duplicates"
    DISORDER = "disorder"
    GAPS = "gaps"
    OHLC = "ohlc"
    PRICES = "prices"
    OFF_GRID = "off_grid"
    FUTURE = "future"
    ZERO_VOLUME = "zero_volume"
    OUTLIERS = "outliers"


@dataclass(frozen=True, slots=True)
class Example:
    """Where something was found: from when, ms UTC, and what."""

    start_ms: int
    what: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        count: How often; for gaps and runs the bars in them.
        is_error: The data is wrong or incomplete; otherwise it is odd and may be right.
    """

    check: Check
    count: int
    is_error: bool
    examples: tuple[Example, ...]


def inspect(bars: Bars, known: tuple[Span, ...], now_ms: int) -> tuple[Finding, ...]:
    """Return a finding per check, in the order of `Check`; a count of 0 is a pass.

    Args:
        bars: As stored: duplicates, disorder and bad prices included.
        known: Where an absent bar is proven not to exist; other absent bars are gaps.
        now_ms: A bar that ends later can't be true.
    """
    return (
        _where(Check.DUPLICATES, _again(bars), bars, _same_start),
        _where(Check.DISORDER, _earlier(bars), bars, _out_of_order),
        _gaps(bars, known),
        _where(Check.OHLC, _disordered_prices(bars), bars, _ohlc),
        _where(Check.PRICES, _impossible(bars), bars, _ohlc),
        _where(Check.OFF_GRID, _off_grid(bars), bars, _start_off_grid),
        _where(Check.FUTURE, bars.timestamp + _step(bars) > now_ms, bars, _not_over),
        _zero_volume(bars),
        _outliers(bars),
    )


def _step(bars: Bars) -> int:
    return bars.timeframe.seconds * 1000


# --- row by row -------------------------------------------------------------------------------


def _where(check: Check, bad: _Mask, bars: Bars, text: _Text) -> Finding:
    rows = np.flatnonzero(bad)
    examples = tuple(
        Example(int(bars.timestamp[row]), text(bars, int(row))) for row in rows[:EXAMPLES]
    )
    return Finding(check, len(rows), True, examples)


def _again(bars: Bars) -> _Mask:
    """Mark every row whose start some row before it has."""
    bad = np.ones(len(bars), np.bool_)
    _, firsts = np.unique(bars.timestamp, return_index=True)
    bad[firsts] = False
    return bad


def _earlier(bars: Bars) -> _Mask:
    bad = np.zeros(len(bars), np.bool_)
    bad[1:] = np.diff(bars.timestamp) < 0
    return bad


def _disordered_prices(bars: Bars) -> _Mask:
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    bad: _Mask = (bars.high < top) | (bars.low > bottom) | (bars.high < bars.low)
    return bad


def _impossible(bars: Bars) -> _Mask:
    bad: _Mask = ~(np.isfinite(bars.volume) & (bars.volume >= 0))
    for column in (bars.open, bars.high, bars.low, bars.close):
        bad |= ~(np.isfinite(column) & (column > 0))
    return bad


def _off_grid(bars: Bars) -> _Mask:
    """Mark starts off the grid; bars of several days begin where the first one did."""
    if not len(bars):
        return np.zeros(0, np.bool_)
    anchor = int(bars.timestamp[0]) if bars.timeframe.seconds > _DAY else 0
    bad: _Mask = (bars.timestamp - anchor) % _step(bars) != 0
    return bad


def _same_start(bars: Bars, row: int) -> str:
    return "a second bar of this start"


def _out_of_order(bars: Bars, row: int) -> str:
    return "earlier than the bar before it"


def _start_off_grid(bars: Bars, row: int) -> str:
    return f"no bar of {bars.timeframe} starts then"


def _not_over(bars: Bars, row: int) -> str:
    return "it has not ended yet"


def _ohlc(bars: Bars, row: int) -> str:
    columns = ("open", "high", "low", "close", "volume")
    return ", ".join(f"{name} {getattr(bars, name)[row]:.12g}" for name in columns)


# --- over several rows ------------------------------------------------------------------------


def _gaps(bars: Bars, known: tuple[Span, ...]) -> Finding:
    """Unknown stretches from the first bar to the last."""
    if not len(bars):
        return Finding(Check.GAPS, 0, True, ())
    wanted = (int(bars.timestamp.min()), int(bars.timestamp.max()) + _step(bars))
    spans = missing(wanted, known)
    examples = tuple(
        Example(start, f"{bars_in([(start, end)], bars.timeframe):,} bars unknown")
        for start, end in spans[:EXAMPLES]
    )
    return Finding(Check.GAPS, bars_in(spans, bars.timeframe), True, examples)


def _zero_volume(bars: Bars) -> Finding:
    runs = [run for run in _runs(bars.volume == 0) if run[1] - run[0] >= ZERO_VOLUME_RUN]
    examples = tuple(
        Example(int(bars.timestamp[first]), f"{end - first:,} bars in a row without volume")
        for first, end in runs[:EXAMPLES]
    )
    return Finding(Check.ZERO_VOLUME, sum(end - first for first, end in runs), False, examples)


def _runs(mask: _Mask) -> Iterator[tuple[int, int]]:
    """Yield (first row, row after the last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _outliers(bars: Bars) -> Finding:
    """Closes that jump between neighbouring bars, by the median absolute deviation of returns."""
    rows, returns = _returns(bars)
    if not len(returns):
        return Finding(Check.OUTLIERS, 0, False, ())
    distance = np.abs(returns - np.median(returns))
    deviation = _deviation(distance)
    limit = max(OUTLIER_DEVIATIONS * deviation, OUTLIER_RETURN)
    odd = np.flatnonzero(distance > limit) if deviation else np.array([], np.int64)
    examples = tuple(
        Example(
            int(bars.timestamp[rows[at]]),
            f"close {bars.close[rows[at]]:.12g} is {np.expm1(returns[at]):+.2%} from the bar "
            f"before, {distance[at] / deviation:.0f} deviations",
        )
        for at in odd[:EXAMPLES].tolist()
    )
    return Finding(Check.OUTLIERS, len(odd), False, examples)


def _deviation(distance: Float64) -> float:
    """Return the robust sigma; where most bars stand still, that of those that move."""
    median = float(np.median(distance))
    if median == 0 and (distance > 0).any():
        median = float(np.median(distance[distance > 0]))
    return median * _NORMAL


def _returns(bars: Bars) -> tuple[Int64, Float64]:
    """Return (row, log return of its close) where the bar before is the neighbour in time."""
    usable = np.isfinite(bars.close) & (bars.close > 0)
    near = (np.diff(bars.timestamp) == _step(bars)) & usable[1:] & usable[:-1]
    rows = np.flatnonzero(near) + 1
    return rows, np.log(bars.close[rows] / bars.close[rows - 1])
