"""Waiting with an end, and tasks with an owner."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from engine.ports import WallClock

T = TypeVar("T")


class StreamCut(ConnectionError):
    """The connection was dropped under a call: by the library, or by us because it was silent."""


async def within(wall: WallClock, seconds: float, work: Awaitable[T]) -> T:
    """Await `work`, for `seconds` of the wall clock at most; it is over when this returns.

    Raises:
        TimeoutError: It took longer and was cancelled.
        StreamCut: The library cancelled what `work` waited for, as it does when it closes a
            connection; nobody asked the task to end.
    """
    task = asyncio.current_task()
    ends = task.cancelling() if task is not None else 0
    try:
        async with wall.timeout(seconds):
            try:
                return await work
            except asyncio.CancelledError:
                if task is not None and task.cancelling() > ends:
                    raise
                raise StreamCut("the connection was closed") from None
    except TimeoutError as exc:
        if exc.args:  # the system's, of the work itself
            raise
        raise TimeoutError(f"no answer within {seconds:g} s") from exc


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel what still runs and wait until all have ended; their errors are the caller's."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def event_within(wall: WallClock, seconds: float, event: asyncio.Event) -> bool:
    """Wait for `event`, for `seconds` at most; clear it and tell whether it came."""
    try:
        await within(wall, seconds, event.wait())
    except TimeoutError:
        return False
    event.clear()
    return True
