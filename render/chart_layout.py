"""Where things lie on a chart: plain arithmetic, without a drawing library."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from engine.domain.views import EquityPoint


def underwater(points: Sequence[EquityPoint]) -> tuple[float, ...]:
    """Return per point the fraction below the running peak, 0 or negative, flows taken out.

    Time-weighted: growth factors (equity - flow) / equity before are chained, so a deposit is
    no recovery and a withdrawal no loss. A point after equity of zero or less counts as no change.
    """
    factors = [1.0]
    for before, after in pairwise(points):
        flow = after.flows - before.flows
        factors.append(float((after.equity - flow) / before.equity) if before.equity > 0 else 1.0)
    index = list(accumulate(factors, lambda total, factor: total * factor))
    return tuple(
        value / peak - 1 if peak > 0 else 0.0
        for value, peak in zip(index, accumulate(index, max), strict=True)
    )


def apart(values: Sequence[float], room: float, low: float, high: float) -> tuple[float, ...]:
    """Return heights near `values`, at least `room` from each other, inside [low, high]."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    placed: dict[int, float] = {}
    floor = low + room / 2
    for index in order:
        placed[index] = max(values[index], floor)
        floor = placed[index] + room
    ceiling = high - room / 2
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling)
        ceiling = placed[index] - room
    return tuple(placed[index] for index in range(len(values)))


def bar_of(when: datetime, times: Sequence[datetime]) -> int | None:
    """Return the index of the bar that was open at `when`, None when it is off the chart."""
    if not times or when < times[0]:
        return None
    length = min(
        (after - before for before, after in pairwise(times)),
        default=timedelta.max,
    )
    if length is not timedelta.max and when > times[-1] + length:
        return None
    return bisect_right(times, when) - 1
