"""Coarser bars from finer ones, exact.

A coarse bar is final only when every moment of it is known: its fine bars are there, or proven
not to exist. One with an unknown part is MISSING, and comes without a place in what is known.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from engine.bars import from_ms, to_ms
from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.money import exact
from engine.domain.spans import Span, merge
from engine.market.gaps import ceil_to, floor_to, grid_start

_DAY = 86_400


class Intervals:
    """The intervals of a time frame: on the UTC grid, or whole local days of a zone."""

    def __init__(self, timeframe: Timeframe, zone: tzinfo | None = None) -> None:
        """Take the zone that days are cut in, None for UTC.

        Raises:
            ValueError: A zone cuts days only, and `timeframe` is not one day.
        """
        if zone is not None and timeframe.seconds != _DAY:
            raise ValueError(f"a time zone cuts days, not bars of {timeframe}")
        self.timeframe = timeframe
        self._zone = zone

    def around(self, instant_ms: int) -> Span:
        """Return the interval that holds the instant; a local day may have 23 or 25 hours."""
        if self._zone is None:
            start = floor_to(instant_ms, self.timeframe)
            return start, start + self.timeframe.seconds * 1000
        local = from_ms(instant_ms).astimezone(self._zone).date()
        return self._midnight(local.toordinal()), self._midnight(local.toordinal() + 1)

    def whole(self, known: Iterable[Span]) -> tuple[Span, ...]:
        """Return what is known of this time frame: each span cut back to whole intervals."""
        return merge((self._up(start), self._down(end)) for start, end in merge(known))

    def _up(self, instant_ms: int) -> int:
        if self._zone is None:
            return ceil_to(instant_ms, self.timeframe)
        start, end = self.around(instant_ms)
        return start if start == instant_ms else end

    def _down(self, instant_ms: int) -> int:
        return self.around(instant_ms)[0]

    def _midnight(self, ordinal: int) -> int:
        local = datetime.fromordinal(ordinal).replace(tzinfo=self._zone)
        return to_ms(local.astimezone(UTC))


def check_multiple(fine: Timeframe, coarse: Timeframe) -> None:
    """Refuse a pair of which one does not divide the other.

    Raises:
        ValueError: Says why, in a line.
    """
    if coarse.seconds <= fine.seconds or coarse.seconds % fine.seconds:
        raise ValueError(f"bars of {coarse} can't be made of bars of {fine}: use a whole multiple")
    if _DAY % fine.seconds and grid_start(coarse) != grid_start(fine):
        raise ValueError(f"bars of {fine} do not fit into weeks that begin on Mondays")


def resample(bars: Iterable[Bar], known: Iterable[Span], intervals: Intervals) -> Iterator[Bar]:
    """Yield a bar per interval in which anything traded, in order.

    Args:
        bars: Fine ones of one instrument, oldest first.
        known: Where a fine bar that is absent is proven not to exist.

    FINAL when the whole interval is known; else MISSING: of what is there, for whoever wants to
    show it, not for a strategy. Volume is an exact sum. An interval that is known and without a
    bar yields nothing: `Intervals.whole` tells that it is empty.

    Raises:
        ValueError: A fine bar lies across the end of an interval: that zone's midnight is not
            at its edge.
    """
    whole = iter(intervals.whole(known))
    span = next(whole, None)
    for (start, end), group in _grouped(bars, intervals):
        while span is not None and span[1] <= start:
            span = next(whole, None)
        is_known = span is not None and span[0] <= start and end <= span[1]
        state = BarState.FINAL if is_known else BarState.MISSING
        yield _joined(group, from_ms(start), intervals.timeframe, state)


def _grouped(bars: Iterable[Bar], intervals: Intervals) -> Iterator[tuple[Span, list[Bar]]]:
    group: list[Bar] = []
    span: Span = (0, 0)
    end = datetime.min.replace(tzinfo=UTC)
    for bar in bars:
        if bar.timestamp >= end or not group:
            if group:
                yield span, group
            span = intervals.around(to_ms(bar.timestamp))
            end = from_ms(span[0]) + timedelta(milliseconds=span[1] - span[0])
            group = []
        if bar.end > end:
            raise ValueError(
                f"the {bar.timeframe} bar of {bar.timestamp:%Y-%m-%d %H:%M} UTC lies across the "
                f"end of a {intervals.timeframe} one; use finer bars"
            )
        group.append(bar)
    if group:
        yield span, group


def _joined(group: list[Bar], start: datetime, timeframe: Timeframe, state: BarState) -> Bar:
    first = group[0]
    with exact():
        volume = sum((bar.volume for bar in group[1:]), first.volume)
    return Bar(
        first.instrument_id,
        timeframe,
        start,
        first.open,
        max(bar.high for bar in group),
        min(bar.low for bar in group),
        group[-1].close,
        volume,
        state,
    )
