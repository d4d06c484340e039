"""Clocks and due times: what tells the time, what wakes at it."""

from collections.abc import (
    Awaitable,
    Callable,
)
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Market clocks drive bars and sessions, wall clocks tickets and back-off."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC; never earlier than an answer before."""
        ...


class SettableClock(Clock, Protocol):
    """A simulated market clock: whoever plays the market moves it."""

    def advance_to(self, instant: datetime) -> None:
        """Move on to `instant`; raise ValueError when it lies in the past."""
        ...


class WallClock(Clock, Protocol):
    """Real time: also measures and waits."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; returns at once for zero or less."""
        ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Let what is awaited inside take so long; then it is cancelled.

        Entering or leaving it makes no task. It raises TimeoutError where time was up.
        """
        ...


class Scheduler(Protocol):
    """Wakes callbacks at due times of one clock. Holds nothing durable: due times are our rows.

    A callback that raises is logged and does not disturb the others. Two calls of one key never
    overlap. `run` works until cancelled (simulated: returns only when cancelled as well, and
    callbacks are awaited inside `fire_due`, in due order, before the clock moves on).
    """

    def wake_at(self, key: str, due: datetime, wake: Callable[[], Awaitable[None]]) -> None:
        """Call `wake` once at `due` (at once when that has passed); replaces `key`'s old time."""
        ...

    def cancel(self, key: str) -> None:
        """Forget `key`; no error when there is none."""
        ...

    def next_due(self) -> datetime | None:
        """Return the earliest due time, None when there is none."""
        ...

    async def fire_due(self, now: datetime) -> None:
        """Simulated clocks only: await everything due by `now`. Live ones do nothing here."""
        ...

    async def run(self) -> None: ...
