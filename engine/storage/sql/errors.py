"""What a database driver raises, as one line for a person."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

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


def place_of(url: str | URL) -> str:
    """Return what to call the database in a message: the file, or host and name; no password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ":memory:"
    return parsed.render_as_string(hide_password=True)


def storage_error(place: str, error: Exception) -> StorageError:
    """Word `error`, a driver's or SQLAlchemy's, for a person."""
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
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


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Turn what a driver raises into StorageError.

    A value that a column refuses (a float as money, a naive datetime) is a fault of the caller
    and stays the ValueError or TypeError that it was.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as exc:
        raise storage_error(place, exc) from exc
    except StatementError as exc:
        if isinstance(exc.orig, ValueError | TypeError):
            raise exc.orig from None
        raise storage_error(place, exc) from exc
    except SQLAlchemyError as exc:
        raise storage_error(place, exc) from exc
    except msgspec.ValidationError as exc:
        raise StorageError(
            f"database {place}: a row does not fit this version ({exc}). Nothing was changed."
        ) from exc
