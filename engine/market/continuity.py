"""What lies between the last bar of a series and the next: nothing, a proven silence, or a gap.

Two things that look alike are kept apart (SEMANTICS 6): an interval in which nothing traded, which
the venue proves by listing a bar after it, and one that nobody knows of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Filled:
    """A gap after the venue was asked.

    Attributes:
        bars: One per interval that is known now: BACKFILLED, or EMPTY where nothing traded.
        unknown: Starts of the intervals that are still not.
    """

    bars: tuple[Bar, ...]
    unknown: tuple[datetime, ...]


def starts_between(last: datetime, following: datetime, frame: Timeframe) -> tuple[datetime, ...]:
    """Return the starts of the intervals after the bar at `last` and before that at `following`."""
    count = (following - last) // frame.delta - 1
    return tuple(last + number * frame.delta for number in range(1, max(count, 0) + 1))


def filled(unknown: Sequence[datetime], listed: Iterable[Bar], before: Bar) -> Filled:
    """Return what a venue's list of bars tells of the intervals that are unknown.

    Args:
        unknown: Starts, oldest first.
        listed: Final bars as the venue lists them, from the first of `unknown` on at least.
        before: The bar before the first of `unknown`: an empty one stays at its close.
    """
    found = {bar.timestamp: bar for bar in listed}
    newest = max(found, default=None)
    bars: list[Bar] = []
    last = before
    for number, start in enumerate(unknown):
        last = _nearer(last, found, start)
        bar = found.get(start)
        if bar is not None:
            last = msgspec.structs.replace(bar, state=BarState.BACKFILLED)
        elif newest is not None and start < newest:
            last = quiet(last, start, BarState.EMPTY)
        else:
            return Filled(tuple(bars), tuple(unknown[number:]))
        bars.append(last)
    return Filled(tuple(bars), ())


def _nearer(last: Bar, found: Mapping[datetime, Bar], start: datetime) -> Bar:
    """Return the newest bar before `start`: two gaps may have known bars between them."""
    step = start - last.timeframe.delta
    while step > last.timestamp:
        if step in found:
            return found[step]
        step -= last.timeframe.delta
    return last


def quiet(before: Bar, start: datetime, state: BarState) -> Bar:
    """Return a bar that stays at the last price, without volume.

    EMPTY: nothing traded, proven. MISSING: nobody knows; no strategy looks across it.
    """
    price = before.close
    return Bar(
        before.instrument_id,
        before.timeframe,
        start,
        price,
        price,
        price,
        price,
        ZERO,
        state,
    )
