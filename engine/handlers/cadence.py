"""When a job is due next. Pure."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

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
    if match := _EVERY.match(cadence):
        return _next_multiple(int(match[1]), instant)
    if match := _DAILY.match(cadence):
        return _next_daily(time.fromisoformat(match[1]), ZoneInfo(match[2]), instant)
    raise ValueError(f"cadence {cadence!r} is neither 'every Ns' nor 'daily HH:MM ZONE'")


def _next_multiple(seconds: int, instant: datetime) -> datetime:
    whole = int(instant.timestamp()) // seconds + 1
    return datetime.fromtimestamp(whole * seconds, UTC)


def _next_daily(at: time, zone: ZoneInfo, instant: datetime) -> datetime:
    day = instant.astimezone(zone).date() - timedelta(days=1)
    while True:
        due = datetime.combine(day, at, zone).astimezone(UTC)
        if due > instant:
            return due
        day += timedelta(days=1)
