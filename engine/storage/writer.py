"""The right to write: one unit of work of this process has it at a time, in the order asked."""

import asyncio
from collections import deque

_Task = asyncio.Task[object] | None


class WriterLock:
    """A fair lock that notices a task about to wait for itself."""

    __slots__ = ("_owner", "_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._owner: _Task = None
        self._waiting: deque[tuple[asyncio.Future[None], _Task]] = deque()

    async def acquire(self) -> None:
        """Wait for the turn.

        Raises:
            RuntimeError: This task has it already, in another unit of work: it would wait for
                itself for ever.
        """
        task = asyncio.current_task()
        if not self._taken:
            self._taken, self._owner = True, task
            return
        if self._owner is task:
            raise RuntimeError("this task writes in another unit of work already")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, task))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the turn had just come: pass it on
            raise

    def release(self) -> None:
        """Give the turn to whoever has waited longest."""
        while self._waiting:
            turn, task = self._waiting.popleft()
            if not turn.done():
                self._owner = task  # already here, so that nobody overtakes
                turn.set_result(None)
                return
        self._taken, self._owner = False, None
