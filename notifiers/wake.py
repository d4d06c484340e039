"""Waiting for a call or for time to pass, whichever comes first."""

import asyncio

from engine.ports import WallClock


class WakeUp:
    """A bell: rung any number of times, it wakes one waiter once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    def quiet(self) -> None:
        """Forget earlier rings: call it before looking for work, so that no ring is lost."""
        self._rung.clear()

    async def wait(self, clock: WallClock, seconds: float) -> None:
        """Return at a ring since the last `quiet`, or when `seconds` of wall time have passed."""
        if self._rung.is_set():
            return
        ring = asyncio.ensure_future(self._rung.wait())
        time = asyncio.ensure_future(clock.sleep(seconds))
        try:
            await asyncio.wait({ring, time}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()
            time.cancel()
            await asyncio.gather(ring, time, return_exceptions=True)
