"""A lane per operator: his commands in order, nobody waiting for anybody else's."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from bot.telegram.tasks import TaskPool

Job = Callable[[], Awaitable[None]]


class Lanes:
    """Runs the jobs of each actor one after another.

    The next job starts when the one before it has ended, or after `patience` seconds: a job that
    never ends holds up nothing for longer than that.
    """

    def __init__(self, pool: TaskPool, *, patience: float, depth: int) -> None:
        """Store the limits.

        Args:
            patience: Seconds that a job waits for the one before it.
            depth: Waiting jobs of one actor beyond which `submit` says no.
        """
        self._pool = pool
        self._patience = patience
        self._depth = depth
        self._waiting: dict[int, deque[Job]] = {}
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Begin no further job until `release`; jobs are still taken, up to `depth`."""
        self._open.clear()

    def release(self) -> None:
        """Go on after `hold`."""
        self._open.set()

    def submit(self, actor_id: int, job: Job, *, always: bool = False) -> bool:
        """Put a job into the actor's lane; False, and nothing happens, where that is full.

        Args:
            always: Take it however full the lane is.
        """
        waiting = self._waiting.get(actor_id)
        if waiting is None:
            self._waiting[actor_id] = deque((job,))
            self._pool.spawn(self._work(actor_id))
            return True
        if len(waiting) >= self._depth and not always:
            return False
        waiting.append(job)
        return True

    async def _work(self, actor_id: int) -> None:
        waiting = self._waiting[actor_id]
        try:
            while waiting:
                await self._open.wait()
                task = self._pool.spawn(_run(waiting.popleft()))
                await asyncio.wait((task,), timeout=self._patience)
        finally:
            del self._waiting[actor_id]


async def _run(job: Job) -> None:
    await job()
