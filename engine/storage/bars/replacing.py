"""Files that are replaced as a whole and stay so through a power cut."""

import os
from collections.abc import Callable
from pathlib import Path

from engine.errors import StorageError

_TEMPORARY = ".tmp"


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make the new file beside `path`, then put it in its place.

    Killed at any point, `path` is the old file or the new one; a rest with the suffix .tmp may
    lie beside it (see `remove_rests`).

    Raises:
        StorageError: It can't be written; `path` is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        write(temporary)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as exc:
        raise StorageError(
            f"{path} can't be written: {exc.strerror or exc}. It is as it was. Make room, or its "
            "folder writable for this user, and run the command again"
        ) from exc
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, and have the disk remember each.

    Raises:
        StorageError: It can't be made.
    """
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in absent:
            _sync(path.parent)
    except OSError as exc:
        raise StorageError(
            f"the folder {folder} can't be made: {exc.strerror}. Nothing was changed. Make the "
            "data directory writable for this user"
        ) from exc


def remove_rests(folder: Path) -> None:
    """Remove what a killed writer left; only whoever holds the folder's lock may ask for it."""
    for rest in folder.glob(f".*{_TEMPORARY}"):
        rest.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
