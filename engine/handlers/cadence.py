"""When a job is due next. Pure."""

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERY = re.compile(r"^every (\d+)s$")
_DAILY = re.compile(r"^daily (\d\d:\d\d) (\S+)$")


def next_after(cadence: str, instant: datetime) -> datetime:
    """Return the first due time after `instant`, UTC.

    "every 30s" counts from the epoch, so that restarts don't shift it; "daily 17:00
    America/New_York" is a local wall time, whatever the day's length; a local time that a clock
    change skips falls as much later as the clocks go forward.

    Raises:
        ValueError: No such cadence.
    """
    parsed = _parsed(cadence)
    if isinstance(parsed, timedelta):
        return _EPOCH + ((instant - _EPOCH) // parsed + 1) * parsed
    return _next_daily(*parsed, instant)


@lru_cache(maxsize=64)  # one is asked for by the second
def _parsed(cadence: str) -> timedelta | tuple[time, ZoneInfo]:
    """Return an interval, or a time of day and its zone."""
    if match := _EVERY.match(cadence):
        return timedelta(seconds=int(match[1]))
    if match := _DAILY.match(cadence):
        return time.fromisoformat(match[1]), ZoneInfo(match[2])
    raise ValueError(f"cadence {cadence!r} is neither 'every Ns' nor 'daily HH:MM ZONE'")


def _next_daily(at: time, zone: ZoneInfo, instant: datetime) -> datetime:
    day = instant.astimezone(zone).date() - timedelta(days=1)
    while True:
        due = datetime.combine(day, at, zone).astimezone(UTC)
        if due > instant:
            return due
        day += timedelta(days=1)
