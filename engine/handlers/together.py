"""What is done for several instruments at once: a slow answer about one holds up no other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from engine.desk.state import Desk

_AT_A_TIME = 10  # questions: the venue's own budget paces them

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


def in_batches(subjects: Sequence[T], size: int = _AT_A_TIME) -> Iterator[Sequence[T]]:
    """Part them, in their order: without `size` into as many as a venue is asked about at once."""
    for start in range(0, len(subjects), size):
        yield subjects[start : start + size]
