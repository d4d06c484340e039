"""Virtual time as the product's clock ports, and a scheduler on it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from tests.simulation.loop import DeterministicLoop, Turn

_log = structlog.get_logger(__name__)

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
"""What virtual second 0 is."""

_EPOCH_MS = int(EPOCH.timestamp()) * 1000


def milliseconds(seconds: float) -> int:
    """Return a virtual second as epoch milliseconds UTC."""
    return _EPOCH_MS + int(seconds * 1000)


def instant(seconds: float) -> datetime:
    """Return a virtual second as an instant, to the microsecond."""
    return EPOCH + timedelta(0, seconds)


class VirtualClock:
    """A `WallClock` of the loop's time."""

    __slots__ = ("_at", "_loop", "_now")

    def __init__(self, loop: DeterministicLoop) -> None:
        self._loop = loop
        self._at = 0.0
        self._now = EPOCH

    def now(self) -> datetime:
        seconds = self._loop.time()
        if seconds != self._at:  # asked often within one instant
            self._at, self._now = seconds, instant(seconds)
        return self._now

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))

    def timeout(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)


@dataclass(slots=True)
class _Wake:
    due: datetime
    call: Callable[[], Awaitable[None]]
    timer: Turn | None


class LoopScheduler:
    """A `Scheduler` on the loop's time, with the manners of the live one.

    Before `run` it only remembers. A callback that falls due while its key still runs starts when
    that has ended; one that raises is logged. Each key has a task of its own.
    """

    def __init__(self, loop: DeterministicLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, _Wake] = {}
        self._overdue: dict[str, _Wake] = {}
        self._idle: dict[str, asyncio.Future[_Wake]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._started = False

    def wake_at(self, key: str, due: datetime, wake: Callable[[], Awaitable[None]]) -> None:
        if due.tzinfo is None:
            raise ValueError(f"an instant needs a time zone: {due}")
        self.cancel(key)
        timer = self._timer(key, due) if self._started else None
        self._waiting[key] = _Wake(due, wake, timer)

    def _timer(self, key: str, due: datetime) -> Turn:
        seconds = max((due - EPOCH).total_seconds(), self._loop.time())
        return self._loop.call_at(seconds, self._fire, key)

    def cancel(self, key: str) -> None:
        self._overdue.pop(key, None)
        wake = self._waiting.pop(key, None)
        if wake is not None and wake.timer is not None:
            wake.timer.cancel()

    def next_due(self) -> datetime | None:
        dues = [wake.due for wake in (*self._waiting.values(), *self._overdue.values())]
        return min(dues, default=None)

    async def fire_due(self, now: datetime) -> None:
        """Do nothing: the loop's time fires by itself."""

    async def run(self) -> None:
        """Wake what falls due, until cancelled; then wait for the callbacks that it cancels."""
        self._started = True
        for key, wake in self._waiting.items():
            wake.timer = self._timer(key, wake.due)
        try:
            await self._loop.create_future()
        finally:
            self._started = False
            for wake in self._waiting.values():
                if wake.timer is not None:
                    wake.timer.cancel()
                wake.timer = None
            tasks = tuple(self._tasks.values())
            self._tasks.clear()
            self._idle.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _fire(self, key: str) -> None:
        wake = self._waiting.pop(key, None)
        if wake is None:
            return
        idle = self._idle.pop(key, None)
        if idle is not None:
            idle.set_result(wake)
            return
        self._overdue[key] = wake
        if key not in self._tasks:
            self._tasks[key] = self._loop.create_task(self._serve(key), name=f"job {key}")

    async def _serve(self, key: str) -> None:
        """Run one key's callbacks one after another, for as long as the scheduler runs."""
        while True:
            wake = self._overdue.pop(key, None)
            if wake is None:
                idle = self._idle[key] = self._loop.create_future()
                wake = await idle
            try:
                await wake.call()
            except Exception:  # the job boundary, as in the live scheduler
                _log.exception("scheduled job failed", key=key, due=wake.due.isoformat())
