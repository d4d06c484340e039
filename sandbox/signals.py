"""A wake-up call between tasks of one event loop."""

from __future__ import annotations

import asyncio


class Signal:
    """Wakes everyone who waits, each time something changes.

    Check the condition, then `wait()` with no await between the two: nothing can be missed,
    because only other tasks of the same loop call `notify()`.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all present waiters."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        """Wait for the next `notify()`."""
        await self._event.wait()

    async def wait_until(self, deadline: float) -> bool:
        """Wait for the next `notify()` until `deadline` on the loop's clock; False on time-out."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
