"""Storage that outlives the process: what was committed is there in the next life, nothing else."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from engine.errors import StorageError
from engine.storage.memory import MemoryStorage, MemoryUnitOfWork
from engine.storage.writer import WriterLock


class ProcessGone(BaseException):
    """A dead process tried to act on the world. Not an Exception: nothing may survive it."""


@dataclass(frozen=True, slots=True)
class CommitFate:
    """What becomes of one commit.

    Attributes:
        fails: The disk is full: nothing is stored, and the caller hears of it.
        before, after: Seconds until the transaction is durable, and from then until the process
            hears of it. A crash in the first loses it, in the second only the answer.
    """

    fails: bool = False
    before: float = 0.0
    after: float = 0.0


PROMPT = CommitFate()


class CrashJournal:
    """Committed transactions over all lives of one service.

    A transaction is applied in one turn, so a power cut finds all of it or nothing.
    """

    def __init__(self, fate: Callable[[], CommitFate]) -> None:
        self.storage = MemoryStorage()
        self.fate = fate
        self.commits = 0
        self.on_commit: Callable[[], None] = _nothing

    def open(self) -> "LifeStorage":
        """Return the journal as a new process sees it; whoever held the right to write is dead."""
        self.storage.writer = WriterLock()
        return LifeStorage(self)


class LifeStorage:
    """One process's way to the journal; worthless once the process is dead."""

    def __init__(self, journal: CrashJournal) -> None:
        self.journal = journal
        self.alive = True

    def unit_of_work(self) -> "JournalledUnit":
        """Return a new transaction; this method is a `UnitOfWorkFactory`."""
        return JournalledUnit(self)

    def check(self) -> None:
        if not self.alive:
            raise ProcessGone("a dead process reached for its storage")


class JournalledUnit(MemoryUnitOfWork):
    """A unit of work whose commit takes time, may fail, and may be the last thing done."""

    def __init__(self, life: LifeStorage) -> None:
        life.check()
        super().__init__(life.journal.storage)
        self._life = life

    async def __aenter__(self) -> Self:
        self._life.check()
        return await super().__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._life.alive:
            await super().__aexit__(exc_type, exc, traceback)

    async def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Store everything or nothing.

        Raises:
            StorageError: The disk is full; nothing was stored.
        """
        life, journal = self._life, self._life.journal
        life.check()
        if not self.writing:  # it only read
            await super().commit()
            return
        fate = journal.fate()
        await asyncio.sleep(fate.before)  # zero gives way too: the process may end here
        life.check()
        if fate.fails:
            raise StorageError("database or disk is full; nothing was stored")
        await super().commit()
        journal.commits += 1
        journal.on_commit()
        await asyncio.sleep(fate.after)
        life.check()


def _nothing(*_: Any) -> None:
    return None
