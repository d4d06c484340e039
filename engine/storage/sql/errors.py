"""What the database drivers raise, mapped to ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from engine.errors import StorageError
from engine.storage.sql.faults import storage_error


def place_of(url: str | URL) -> str:
    """Return what to call the database in a message: the file, or host and name; no password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ":memory:"
    return parsed.render_as_string(hide_password=True)


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Turn what a driver raises into StorageError.

    A value that a column refuses (a float as money, a naive datetime) is a fault of the caller
    and stays the ValueError or TypeError that it was.
    """
    try:
        yield
    except DBAPIError as exc:
        raise storage_error(place, exc.orig or exc) from exc
    except sqlite3.Error as exc:
        raise storage_error(place, exc) from exc
    except StatementError as exc:
        if isinstance(exc.orig, ValueError | TypeError):
            raise exc.orig from None
        raise storage_error(place, exc) from exc
    except SQLAlchemyError as exc:
        raise storage_error(place, exc) from exc


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Turn a stored value that can't be rebuilt (damaged, or not of ours) into StorageError."""
    try:
        yield
    except (ArithmeticError, ValueError, msgspec.DecodeError) as exc:
        raise StorageError(
            f"database {place}: a row does not fit this version ({exc}). Nothing was changed."
            " Start the version that wrote it, or restore the last backup."
        ) from exc
