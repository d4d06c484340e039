"""When a job is due next. Pure."""

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = re.compile(r"^every (\d+)s(?: \+(\d+\.\d)s)?$")
_DAILY = re.compile(r"^daily (\d\d:\d\d) (\S+)$")


def next_after(cadence: str, instant: datetime) -> datetime:
    """Return the first due time after `instant`, UTC.

    "every 30s" counts from the epoch, so that restarts don't shift it, "every 30s +15.5s" from so
    much later; "daily 17:00 America/New_York" is a local wall time, whatever the day's length; a
    local time that a clock change skips falls as much later as the clocks go forward.

    Raises:
        ValueError: No such cadence.
    """
    parsed = _parsed(cadence)
    if isinstance(parsed, _Interval):
        return parsed.first + ((instant - parsed.first) // parsed.length + 1) * parsed.length
    return _next_daily(*parsed, instant)


def beside_bars(seconds: int) -> str:
    """Return the cadence of every so many seconds, as far from the closes of bars as can be.

    Bars close on whole seconds, most of them on whole multiples: what is due by the machine's clock
    must not be in the way of a decision.
    """
    return f"every {seconds}s +{seconds // 2}.5s"


class _Interval(NamedTuple):
    first: datetime
    length: timedelta


@lru_cache(maxsize=64)  # one is asked for by the second
def _parsed(cadence: str) -> _Interval | tuple[time, ZoneInfo]:
    """Return an interval, or a time of day and its zone."""
    if match := _EVERY.match(cadence):
        later = timedelta(seconds=float(match[2] or 0))
        return _Interval(_EPOCH + later, timedelta(seconds=int(match[1])))
    if match := _DAILY.match(cadence):
        return time.fromisoformat(match[1]), ZoneInfo(match[2])
    raise ValueError(f"cadence {cadence!r} is neither 'every Ns [+Ns]' nor 'daily HH:MM ZONE'")


def _next_daily(at: time, zone: ZoneInfo, instant: datetime) -> datetime:
    day = instant.astimezone(zone).date() - timedelta(days=1)
    while True:
        due = datetime.combine(day, at, zone).astimezone(UTC)
        if due > instant:
            return due
        day += timedelta(days=1)
