"""What is done for several instruments at once: a slow answer about one holds up no other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from engine.desk.state import Desk

T = TypeVar("T")


async def together(desk: Desk, do: Callable[[T], Awaitable[None]], subjects: Iterable[T]) -> None:
    """Do it for each of them side by side; on a replayed venue in their order.

    Whoever plays a recording again meets the same turns.
    """
    if desk.venue.capabilities.replayed:
        for subject in subjects:
            await do(subject)
        return
    await asyncio.gather(*(do(subject) for subject in subjects))
