"""Sends commands to the bus so that giving up the waiting never cancels the command."""

import asyncio

from bot.telegram.tasks import TaskPool
from engine.domain.messages import Command
from engine.domain.views import Outcome
from engine.errors import OutcryError
from engine.ports import MessageBus


class StillRunning(OutcryError):
    """A command was handed over and has not ended yet; its outcome will come.

    Attributes:
        task: Ends with the outcome.
    """

    def __init__(self, command: Command, task: "asyncio.Task[Outcome]") -> None:
        super().__init__(f"{type(command).__name__} has not ended yet")
        self.task = task


class CommandSender:
    """Waits a bounded time for a command; the command itself goes on to its end."""

    def __init__(self, bus: MessageBus, *, seconds: float) -> None:
        """Store how many seconds an outcome is waited for."""
        self._bus = bus
        self._seconds = seconds
        self._pool = TaskPool("telegram command")

    async def __call__(self, command: Command) -> Outcome:
        """Return the outcome.

        Raises:
            StillRunning: None in time: it is not known yet, and comes later.
        """
        task = self._pool.spawn(self._bus.send(command))
        done, _ = await asyncio.wait((task,), timeout=self._seconds)
        if not done:
            raise StillRunning(command, task)
        return task.result()

    async def close(self) -> None:
        """Let commands end for a moment: one cut off half-way helps nobody."""
        await self._pool.close(grace=5.0)
