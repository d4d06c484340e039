"""Checkpoints of SQLite's write-ahead log, beside the commits instead of inside one of them.

SQLite copies the log back into the database by itself in whichever commit makes it too long: that
one takes several milliseconds instead of one. If it is the commit of a bar close's intents, the
orders wait. https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import structlog

_log = structlog.get_logger(__name__)

_EVERY = 100  # commits: of a few pages each, about the thousand pages that SQLite lets it grow to
_LONG = 4_000  # pages
_WAITS_MS = 100


class Checkpoints:
    """Makes one checkpoint at a time, in a thread and on a connection of its own.

    It holds no writer up (PASSIVE). The log begins anew only when all of it has been copied, which
    writers without a pause prevent: where it has become long, they wait while the little that is
    left is copied (FULL).

    Args:
        path: The database file.
        set_up: Sets up each new connection.
    """

    def __init__(self, path: str, set_up: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._set_up = set_up
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoints")
        self._commits = 0
        self._running: asyncio.Future[None] | None = None

    def committed(self) -> None:
        """Count a commit; begin a checkpoint when there were enough of them."""
        self._commits += 1
        if self._commits >= _EVERY and self._running is None:
            self._commits = 0
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._thread, self._copy)
            self._running.add_done_callback(self._ended)

    async def close(self) -> None:
        """Wait for the one that runs."""
        if self._running is not None:
            await asyncio.wait((self._running,))
        self._thread.shutdown(wait=False)

    def _ended(self, running: asyncio.Future[None]) -> None:
        self._running = None
        error = None if running.cancelled() else running.exception()
        if error is not None:  # nothing is lost: the log only stays as long as it is
            _log.warning("no checkpoint; tried again later", database=self._path, cause=str(error))

    def _copy(self) -> None:
        with closing(sqlite3.connect(self._path)) as connection:
            self._set_up(connection)
            connection.execute(f"PRAGMA busy_timeout={_WAITS_MS}")  # for others at work
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages >= _LONG:
                connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
