"""Stretches of time: what is known of a series, and what is missing in it.

A series knows a stretch when a venue has spoken of all of it. A bar that is absent there is
proven: nothing traded. A bar that is absent elsewhere is unknown, and is never made up.
"""

from collections.abc import Iterable

from engine.domain.bars import Timeframe
from engine.domain.spans import Span, merge

_DAY, _WEEK = 86_400, 604_800
_MONDAY_MS = 345_600_000  # the first Monday after the epoch: weeks begin on Mondays


def missing(wanted: Span, known: Iterable[Span]) -> tuple[Span, ...]:
    """Return the parts of `wanted` that `known` says nothing of, in order."""
    start, end = wanted
    unknown = []
    for known_from, known_to in merge(known):
        if known_to <= start:
            continue
        if known_from >= end:
            break
        if known_from > start:
            unknown.append((start, known_from))
        start = known_to
    if start < end:
        unknown.append((start, end))
    return tuple(unknown)


def bars_in(spans: Iterable[Span], timeframe: Timeframe) -> int:
    """Return how many bars of `timeframe` the spans have room for, a begun one counted."""
    step = timeframe.seconds * 1000
    return sum(-(-(end - start) // step) for start, end in spans)


def grid_start(timeframe: Timeframe) -> int:
    """Return one instant at which a bar starts, ms: the epoch, or a Monday for whole weeks."""
    return _MONDAY_MS if timeframe.seconds % _WEEK == 0 else 0


def floor_to(instant_ms: int, timeframe: Timeframe) -> int:
    """Return when the bar starts that holds the instant."""
    anchor, step = grid_start(timeframe), timeframe.seconds * 1000
    return instant_ms - (instant_ms - anchor) % step


def ceil_to(instant_ms: int, timeframe: Timeframe) -> int:
    """Return the first start of a bar at or after the instant."""
    floor = floor_to(instant_ms, timeframe)
    return floor if floor == instant_ms else floor + timeframe.seconds * 1000


def is_on_grid(instant_ms: int, timeframe: Timeframe) -> bool:
    """Tell whether a bar may start then; venues differ on where bars of several days begin."""
    return timeframe.seconds > _DAY or floor_to(instant_ms, timeframe) == instant_ms
