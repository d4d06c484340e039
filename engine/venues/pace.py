"""How fast market time passes for whoever watches a replay."""

import asyncio

from engine.ports import WallClock

_CLOSED_AFTER = 3  # bars without one: the market is shut, nobody waits for it
_LONGEST_PAUSE = 1.0  # wall seconds that shut hours may take
_BREATHE_EVERY = 256  # instants played at full speed before other tasks get their turn


class Pace:
    """Waits between instants, and wakes early when something happens in between.

    Args:
        speed: Market seconds per wall second; None never waits.
    """

    def __init__(self, wall: WallClock, speed: float | None) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise ValueError(f"speed {speed} is not a positive number of seconds per second")
        self._wall = wall
        self._speed = speed
        self._stirred = asyncio.Event()
        self._reached = 0.0  # wall time at which the present instant was, or should have been
        self._from_ms: int | None = None
        self._plays = 0

    def stir(self) -> None:
        """Wake the one who waits: an order came, or an answer waits to be told."""
        self._stirred.set()

    async def until_stirred(self) -> None:
        """Wait for `stir` alone."""
        await self._stirred.wait()
        self._stirred.clear()

    async def wait(self, now_ms: int, due_ms: int, step_ms: int) -> bool:
        """Wait until the instant `due_ms` is due; False at once when something stirs.

        Hours without bars cost one bar's time and at most a second. Who is late is not
        hurried: at most one interval is made up.

        Args:
            step_ms: The length of a bar of what comes next.
        """
        if self._speed is None:
            self._plays += 1
            if self._plays % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        else:
            interval = self._interval(now_ms, due_ms, step_ms)
            if self._from_ms != now_ms:
                self._from_ms = now_ms
                self._reached = max(self._reached, self._wall.monotonic() - interval)
            await self._sleep(self._reached + interval - self._wall.monotonic())
        if self._stirred.is_set():
            self._stirred.clear()
            return False
        if self._speed is not None:
            self._reached += self._interval(now_ms, due_ms, step_ms)
        return True

    def _interval(self, now_ms: int, due_ms: int, step_ms: int) -> float:
        speed = self._speed or 1.0
        ahead = due_ms - now_ms
        if ahead > _CLOSED_AFTER * step_ms:
            return min(step_ms / 1000 / speed, _LONGEST_PAUSE)
        return ahead / 1000 / speed

    async def _sleep(self, seconds: float) -> None:
        if seconds <= 0 or self._stirred.is_set():
            await asyncio.sleep(0)
            return
        sleeping = asyncio.ensure_future(self._wall.sleep(seconds))
        stirring = asyncio.ensure_future(self._stirred.wait())
        try:
            await asyncio.wait({sleeping, stirring}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stirring.cancel()
            await asyncio.gather(sleeping, stirring, return_exceptions=True)
