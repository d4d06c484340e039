"""Marks inbox rows as finished, many in one commit, off the path of the answers."""

import asyncio

import structlog

from engine.errors import StorageError
from engine.ports import UnitOfWorkFactory, WallClock

_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class InboxMarks:
    """Collects what is finished; `run` writes it.

    A crash in between leaves a row as "received": the next start looks at it again, where a
    read is harmless and a command is known by its id.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, wall: WallClock) -> None:
        self._unit_of_work = unit_of_work
        self._wall = wall
        self._pending: list[tuple[int, str, str]] = []
        self._wake = asyncio.Event()

    def finish(self, update_id: int, state: str = "done", note: str = "") -> None:
        """Note that an update needs nothing more."""
        self._pending.append((update_id, state, note[:200]))
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled; what is left is written then."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._flush_or_wait()
        finally:
            await self._flush_at_end()

    async def _flush_or_wait(self) -> None:
        try:
            await self._flush()
        except StorageError as exc:
            _log.warning("inbox marks not written, trying again", error=str(exc))
            self._wake.set()
            await self._wall.sleep(_RETRY_SECONDS)

    async def _flush_at_end(self) -> None:
        try:
            await asyncio.wait_for(self._flush(), timeout=2.0)
        except (StorageError, TimeoutError) as exc:
            _log.warning("inbox marks not written at the end", error=str(exc))

    async def _flush(self) -> None:
        batch = self._pending[:]
        if not batch:
            return
        async with self._unit_of_work() as uow:
            await uow.inbox.finish_all(batch)
            await uow.commit()
        del self._pending[: len(batch)]
