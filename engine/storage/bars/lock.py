"""One process writes a series at a time; the lock falls with the process."""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import AccountInUse, StorageError


class SeriesLock:
    """A `flock` on a file in the series' folder: `with SeriesLock(folder)`. Readers need none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take it, or say who has it.

        Raises:
            AccountInUse: Another process writes here.
            StorageError: The lock file can't be written.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise StorageError(
                f"the lock file {self._path} can't be written: {exc.strerror}. Nothing was "
                "changed. Make its folder writable for this user"
            ) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(descriptor)
            raise AccountInUse(
                f"{self._path.parent} is being written by {self._owner()}. Nothing was changed; "
                "that one goes on. Wait for its end and run the command again"
            ) from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)  # closing unlocks

    def _owner(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return f"process {int(self._path.read_text())}"
        return "another process"  # it is about to sign
