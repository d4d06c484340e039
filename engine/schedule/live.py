"""Real time: the wall clock, the market clock of live trading, and APScheduler behind the port."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from engine.ports import Clock

_log = structlog.get_logger(__name__)

# Each on purpose. A job here is one wake-up: late is still wanted ("at once when that has
# passed"), where APScheduler's own default drops what is more than a second late. A firing only
# hands the callback over, so it never takes long enough to meet the next one of its key.
_JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class SystemWallClock:
    """The machine's clock, as a `WallClock`."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the present instant; stands still while the machine's clock was set back."""
        self._last = max(self._last, datetime.now(UTC))
        return self._last

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))

    def timeout(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)


class LiveMarketClock:
    """Market time of live and paper trading: it is wall time."""

    def __init__(self, wall: Clock) -> None:
        self._wall = wall

    def now(self) -> datetime:
        return self._wall.now()


class _Wake(NamedTuple):
    due: datetime
    call: Callable[[], Awaitable[None]]


class ApschedulerScheduler:
    """A `Scheduler` on wall time, over APScheduler's `AsyncIOScheduler` with its memory store.

    APScheduler only says when. The callbacks are tasks of `run`: they are awaited when it is
    cancelled, one that raises is logged, and one that falls due while the same key still runs
    starts when that has ended (APScheduler alone would drop it).
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Wake] = {}
        self._running: set[str] = set()
        self._overdue: dict[str, _Wake] = {}  # fell due while their key was running
        self._tasks: asyncio.TaskGroup | None = None
        self._scheduler: Any = AsyncIOScheduler(  # the library has no type information
            timezone=UTC, job_defaults=_JOB_DEFAULTS
        )

    def wake_at(self, key: str, due: datetime, wake: Callable[[], Awaitable[None]]) -> None:
        if due.tzinfo is None:
            raise ValueError(f"an instant needs a time zone: {due}")
        self._overdue.pop(key, None)
        self._waiting[key] = _Wake(due, wake)
        self._add_job(key, due)

    def _add_job(self, key: str, due: datetime) -> None:
        self._scheduler.add_job(
            self._fire,
            DateTrigger(run_date=due, timezone=UTC),
            args=(key,),
            id=key,
            name=key,
            replace_existing=True,
        )

    def cancel(self, key: str) -> None:
        self._overdue.pop(key, None)
        if self._waiting.pop(key, None) is not None and self._scheduler.get_job(key) is not None:
            self._scheduler.remove_job(key)

    def next_due(self) -> datetime | None:
        dues = [wake.due for wake in (*self._waiting.values(), *self._overdue.values())]
        return min(dues, default=None)

    async def fire_due(self, now: datetime) -> None:
        """Do nothing: real time fires by itself."""

    async def run(self) -> None:
        """Wake what falls due, until cancelled; then wait for the callbacks that it cancels."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._scheduler.start()
                for key, wake in self._waiting.items():  # its store forgets when it is shut down
                    self._add_job(key, wake.due)
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None
            if self._scheduler.running:
                self._scheduler.shutdown(wait=False)

    async def _fire(self, key: str) -> None:
        wake = self._waiting.get(key)
        if wake is None or self._tasks is None or self._scheduler.get_job(key) is not None:
            return  # cancelled, or moved to another time, between its due time and this turn
        del self._waiting[key]
        if key in self._running:
            self._overdue[key] = wake
        else:
            self._start(key, wake)

    def _start(self, key: str, wake: _Wake) -> None:
        if self._tasks is None:
            return
        self._running.add(key)
        self._tasks.create_task(self._call(key, wake), name=f"job {key}")

    async def _call(self, key: str, wake: _Wake) -> None:
        try:
            await wake.call()
        except Exception:  # the job boundary: one job's fault must not disturb the others
            _log.exception("scheduled job failed", key=key, due=wake.due.isoformat())
        finally:
            self._running.discard(key)
            overdue = self._overdue.pop(key, None)
        if overdue is not None:
            self._start(key, overdue)
