"""One process owns an account: a lock that falls with the process, so a restart never waits."""

import contextlib
import fcntl
import os
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import msgspec

from engine.domain.ids import AccountId
from engine.errors import AccountInUse, StorageError
from engine.ports import Clock


class Owner(msgspec.Struct, frozen=True):
    """Who holds a lock, as written into its file."""

    pid: int
    started_at: datetime


class AccountLock:
    """A `flock` on a file beside the SQLite database: `with AccountLock(...)`.

    The kernel gives it back when the process ends, however it ends. The file stays: removing it
    would let two processes lock two files of one name. It is not inherited over exec; a child
    made by a bare fork would keep the account locked. (On PostgreSQL the same will be a session's
    advisory lock, which needs a connection and hence a class of its own.)
    """

    def __init__(self, database: str | Path, account_id: AccountId, *, clock: Clock) -> None:
        """Store the SQLite file, the account and the wall clock; nothing is locked yet."""
        self._database = Path(database)
        self._account_id = account_id
        self._clock = clock
        self._descriptor: int | None = None

    @property
    def path(self) -> Path:
        """The lock file: NAME.ACCOUNT.lock in the database's folder."""
        return self._database.with_name(
            f"{self._database.name}.{quote(self._account_id, safe='')}.lock"
        )

    def acquire(self) -> None:
        """Take the account, or say who has it.

        Raises:
            AccountInUse: Another process has it (or another lock of this one).
            StorageError: The lock file can't be written.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise self._cannot_lock(exc) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sign(descriptor)
        except BlockingIOError as exc:
            os.close(descriptor)
            raise self._in_use() from exc
        except OSError as exc:
            os.close(descriptor)
            raise self._cannot_lock(exc) from exc
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the account back; no error when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)  # closing unlocks

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _sign(self, descriptor: int) -> None:
        owner = msgspec.json.encode(Owner(pid=os.getpid(), started_at=self._clock.now()))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, owner, 0)

    def _in_use(self) -> AccountInUse:
        who = "another process"  # it may be about to sign
        with contextlib.suppress(OSError, msgspec.DecodeError):
            owner = msgspec.json.decode(self.path.read_bytes(), type=Owner)
            who = f"process {owner.pid}, started {owner.started_at:%Y-%m-%d %H:%M:%S} UTC"
        return AccountInUse(
            f"account {self._account_id} is in use by {who}. This start did nothing; that one goes"
            " on. Stop it first, or use another account or data directory."
        )

    def _cannot_lock(self, cause: OSError) -> StorageError:
        return StorageError(
            f"the lock file {self.path} can't be written: {cause.strerror}. Nothing was changed."
            " Make its folder exist and writable for this user."
        )
