"""The SQLite file in which the sandbox remembers its world."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from sandbox.jsontypes import JsonObject, as_object

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Value, ...]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS chats (
    id INTEGER PRIMARY KEY, doc TEXT NOT NULL, state TEXT NOT NULL,
    next_message_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL, doc TEXT NOT NULL, extra TEXT NOT NULL,
    PRIMARY KEY (chat_id, message_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS updates (
    update_id INTEGER PRIMARY KEY, doc TEXT NOT NULL, expires_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS callbacks (
    id TEXT PRIMARY KEY, chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL, asked_at REAL NOT NULL, answer TEXT);
CREATE TABLE IF NOT EXISTS files (file_id TEXT PRIMARY KEY, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY, received_at REAL NOT NULL, sender TEXT NOT NULL,
    recipients TEXT NOT NULL, raw BLOB NOT NULL, unread INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pushes (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, doc TEXT NOT NULL);
"""


class Database:
    """One connection in autocommit mode, used from the event loop only.

    WAL without fsync: a killed sandbox loses nothing, a machine that loses power may.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def run(self, sql: str, *values: Value) -> int:
        """Execute one statement and return the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Execute one statement for every row, in one transaction."""
        with self.transaction():
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row of a query, or None."""
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside at once, or nothing; nested uses join the outer one."""
        if self._connection.in_transaction:
            yield
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def setting(self, key: str) -> JsonObject | None:
        """Return a stored setting, or None if it was never written."""
        row = self.row("SELECT value FROM settings WHERE key = ?", key)
        return None if row is None else load_object(row[0])

    def put_setting(self, key: str, value: JsonObject) -> None:
        """Store a setting."""
        self.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", key, dump(value))

    def clear(self) -> None:
        """Forget everything but the settings."""
        with self.transaction():
            for table in ("chats", "messages", "updates", "callbacks", "files", "mails", "pushes"):
                self.run(f"DELETE FROM {table}")  # noqa: S608 (names are the literals above)


def dump(value: object) -> str:
    """Write JSON as Telegram does: no spaces, UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load_object(text: Value) -> JsonObject:
    """Read a JSON object that this package wrote."""
    return as_object(json.loads(text if isinstance(text, str) else "{}"))


def integer(value: Value) -> int:
    """Read an INTEGER column."""
    if not isinstance(value, int):
        raise TypeError(f"expected an integer column, got {value!r}")
    return value


def text(value: Value) -> str:
    """Read a TEXT column."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text column, got {value!r}")
    return value
