"""Waiting with an end, and tasks with an owner."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from engine.ports import WallClock

T = TypeVar("T")


class StreamCut(ConnectionError):
    """The connection was dropped under a call: by the library, or by us because it was silent."""


async def within(wall: WallClock, seconds: float, work: Coroutine[Any, Any, T], *, name: str) -> T:
    """Await `work`, for `seconds` of the wall clock at most; it is over when this returns.

    Raises:
        TimeoutError: It took longer and was cancelled.
        StreamCut: The library cancelled what `work` waited for, as it does when it closes a
            connection; nobody asked this task to end.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    timer = asyncio.get_running_loop().create_task(wall.sleep(seconds), name=f"{name}: time-out")
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError(f"no answer within {seconds:g} s")
        if task.cancelled():
            raise StreamCut("the connection was closed")
        return task.result()
    finally:
        await ended(task, timer)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel what still runs and wait until all have ended; their errors are the caller's."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def event_within(wall: WallClock, seconds: float, event: asyncio.Event) -> bool:
    """Wait for `event`, for `seconds` at most; clear it and tell whether it came."""
    try:
        await within(wall, seconds, event.wait(), name="event")
    except TimeoutError:
        return False
    event.clear()
    return True
