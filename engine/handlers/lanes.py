"""A live venue's messages, side by side: no fill waits behind a decision whose answer is slow.

The messages of one lane are handled in their order. Decisions meet in the desk's serial section.
"""

import asyncio
from collections.abc import Awaitable, Callable

from engine.domain.ids import InstrumentId
from engine.ports import BarsClosed, FillReported, OrderReported, VenueMessage

Lane = str | InstrumentId


class Lanes:
    """One queue and one task per lane, in a task group of the caller's.

    Args:
        take: Handles one message to its end; what it raises ends the group.
    """

    def __init__(
        self, take: Callable[[VenueMessage], Awaitable[None]], group: asyncio.TaskGroup
    ) -> None:
        self._take = take
        self._group = group
        self._queues: dict[Lane, asyncio.Queue[VenueMessage]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def put(self, message: VenueMessage) -> None:
        """Hand a message to its lane."""
        lane = _lane(message)
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = asyncio.Queue()
            work = self._group.create_task(self._work(queue), name=f"lane {lane}")
            self._tasks.append(work)
        queue.put_nowait(message)

    def close(self) -> None:
        """End the lanes; what they have not handled stays unhandled."""
        for task in self._tasks:
            task.cancel()

    async def _work(self, queue: asyncio.Queue[VenueMessage]) -> None:
        while True:
            await self._take(await queue.get())


def _lane(message: VenueMessage) -> Lane:
    if isinstance(message, FillReported):
        return message.fill.instrument_id
    if isinstance(message, OrderReported):
        return message.report.instrument_id
    return "bars" if isinstance(message, BarsClosed) else "account"
