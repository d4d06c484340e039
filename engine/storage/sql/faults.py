"""What SQLite says, as one line for a person. Needs nothing but the standard library."""

import sqlite3
from pathlib import Path

from engine.errors import StorageError

# SQLite's primary result codes, the low byte of the extended ones:
# https://www.sqlite.org/rescode.html
_ADVICE: dict[int, str] = {
    sqlite3.SQLITE_READONLY: "it is read-only. Make the file and its folder writable for this user",
    sqlite3.SQLITE_PERM: "this user may not. Make the file and its folder writable for this user",
    sqlite3.SQLITE_FULL: "the disk is full. Free some space",
    sqlite3.SQLITE_IOERR: "the disk answered with an error. Check the disk and its free space",
    sqlite3.SQLITE_CORRUPT: "the file is damaged. Restore the last backup",
    sqlite3.SQLITE_NOTADB: "it is not a database. Move that file away, or name another one",
    sqlite3.SQLITE_BUSY: "another program holds it locked. Close that program",
    sqlite3.SQLITE_LOCKED: "another program holds it locked. Close that program",
}


def storage_error(place: str, cause: BaseException) -> StorageError:
    """Word what a driver raised at the database `place` for a person."""
    return StorageError(f"database {place}: {_reason(place, cause)}. Nothing was changed.")


def _reason(place: str, cause: BaseException) -> str:
    code = getattr(cause, "sqlite_errorcode", None)
    text = (str(cause) or type(cause).__name__).splitlines()[0]
    if code is None:
        return text
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(place)
    if "no such table" in text or "no such column" in text:
        return f"its tables are missing or old ({text}). Run `outcry db upgrade`"
    return _ADVICE.get(primary, text)


def _cannot_open(place: str) -> str:
    folder = Path(place).parent
    if not folder.is_dir():
        return f"there is no folder {folder}. Create it, or name another database"
    return "it can't be opened or created. Make the file and its folder writable for this user"
