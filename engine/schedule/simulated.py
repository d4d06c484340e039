"""Market time that whoever plays the market moves: for replays, backtests and tests."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple

import structlog

_log = structlog.get_logger(__name__)


class SimulatedClock:
    """A `SettableClock`: stands still until it is told to move on."""

    __slots__ = ("_now",)

    def __init__(self, start: datetime) -> None:
        """Stand at `start`, aware UTC; raise ValueError for a naive one."""
        self._now = _aware(start)

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        if _aware(instant) < self._now:
            raise ValueError(f"market time can't go back from {self._now} to {instant}")
        self._now = instant


class _Due(NamedTuple):
    """Orders by due time, then by the order of asking: two names never compare callbacks."""

    due: datetime
    number: int
    key: str
    wake: Callable[[], Awaitable[None]]


class SimulatedScheduler:
    """A `Scheduler` that `fire_due` drives: every due callback is awaited before it returns.

    Callbacks of one instant run in the order they were asked for. What a callback schedules for
    an instant not after `now` runs in the same call, in due order; a time that has passed when it
    is asked for fires at the next call.
    """

    __slots__ = ("_firing", "_heap", "_number", "_pending")

    def __init__(self) -> None:
        self._pending: dict[str, _Due] = {}
        # May hold entries that were replaced or cancelled: `_pending` tells which ones count.
        self._heap: list[_Due] = []
        self._number = 0
        self._firing = False

    def wake_at(self, key: str, due: datetime, wake: Callable[[], Awaitable[None]]) -> None:
        self._number += 1
        entry = _Due(_aware(due), self._number, key, wake)
        self._pending[key] = entry
        heappush(self._heap, entry)

    def cancel(self, key: str) -> None:
        self._pending.pop(key, None)

    def next_due(self) -> datetime | None:
        entry = self._first()
        return None if entry is None else entry.due

    async def fire_due(self, now: datetime) -> None:
        """Await everything due by `now`, in due order.

        Raises:
            RuntimeError: Called again before an earlier call returned: two calls of one key
                would overlap.
        """
        entry = self._first()
        if entry is None or entry.due > now:
            return
        if self._firing:
            raise RuntimeError("fire_due is running already; a callback must not call it")
        self._firing = True
        try:
            while (entry := self._first()) is not None and entry.due <= now:
                del self._pending[entry.key]
                heappop(self._heap)
                await _call(entry)
        finally:
            self._firing = False

    async def run(self) -> None:
        """Wait to be cancelled: nothing happens by itself in simulated time."""
        await asyncio.get_running_loop().create_future()

    def _first(self) -> _Due | None:
        heap, pending = self._heap, self._pending
        while heap:
            entry = heap[0]
            if pending.get(entry.key) is entry:
                return entry
            heappop(heap)
        return None


async def _call(entry: _Due) -> None:
    try:
        await entry.wake()
    except Exception:  # the job boundary: one job's fault must not disturb the others
        _log.exception("scheduled job failed", key=entry.key, due=entry.due.isoformat())


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant}")
    return instant
