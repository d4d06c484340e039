"""A wall clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Sleeper(Protocol):
    """What knows how to wait."""

    async def sleep(self, seconds: float) -> None: ...


@asynccontextmanager
async def timed_out(clock: Sleeper, seconds: float) -> AsyncIterator[None]:
    """A time-out by the `sleep` of a clock that is not the loop's."""
    async with asyncio.timeout(None) as limit:

        async def expire() -> None:
            await clock.sleep(seconds)
            limit.reschedule(0.0)  # long ago, by the loop's clock

        timer = asyncio.create_task(expire())
        try:
            yield
        finally:
            timer.cancel()


class FakeWallClock:
    """A `WallClock` that stands still: `sleep` returns when the test has moved time that far."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._numbers = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)  # gives way as the real one does, or a loop over it would hang
            return
        woken = asyncio.get_running_loop().create_future()
        heappush(self._sleepers, (self._elapsed + seconds, next(self._numbers), woken))
        self._changed.set()
        await woken

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[None]:
        return timed_out(self, seconds)

    @property
    def sleeping(self) -> int:
        """How many wait in `sleep` at present."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    async def until_sleeping(self, number: int = 1) -> None:
        """Wait until at least `number` tasks are in `sleep`."""
        while self.sleeping < number:
            self._changed.clear()
            await self._changed.wait()

    async def advance(self, seconds: float) -> None:
        """Move time on; sleepers wake one by one, each at its own instant, and get to run.

        What a woken task sleeps for next counts from its instant, so one call carries a loop
        that sleeps a second at a time through many rounds.
        """
        end = self._elapsed + seconds
        await _let_others_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heappop(self._sleepers)
            if woken.done():  # cancelled while it slept
                continue
            self._elapsed = due
            woken.set_result(None)
            await _let_others_run()
        self._elapsed = end


async def _let_others_run() -> None:
    for _ in range(20):  # a chain of awaits needs a turn of the loop for each link
        await asyncio.sleep(0)
