"""The kill latch, read and written without the event loop: for the kill thread and `outcry kill`.

A connection of its own for each call, plain SQL, no SQLAlchemy: it works while the service holds
its connections, whatever its event loop does, and is quick to import. Reading never
waits. Writing waits for a transaction that is open at that moment.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from engine.domain.accounts import Latch, TradingState
from engine.domain.ids import AccountId
from engine.storage.sql.faults import storage_error

# As the table's column type writes it, so that both sides read each other.
_INSTANT = "%Y-%m-%d %H:%M:%S.%f"

_READ = "SELECT state, reason, actor, since FROM latches WHERE account_id = ?"
_WRITE = """
    INSERT INTO latches (account_id, state, reason, actor, since) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (account_id) DO UPDATE SET
        state = excluded.state, reason = excluded.reason,
        actor = excluded.actor, since = excluded.since
    WHERE latches.state <> ?
"""


def read_latch(path: str | Path, account_id: AccountId) -> Latch | None:
    """Return what is stored, None when nothing ever was.

    Raises:
        StorageError: The database is not there or can't be read.
    """
    with _connected(path, busy_seconds=1.0) as connection:
        row = connection.execute(_READ, (account_id,)).fetchone()
    if row is None:
        return None
    state, reason, actor, since = row
    return Latch(
        account_id=account_id,
        state=TradingState(state),
        reason=reason,
        actor=actor,
        since=datetime.strptime(since, _INSTANT).replace(tzinfo=UTC),
    )


def write_latch(path: str | Path, latch: Latch, *, busy_seconds: float = 5.0) -> bool:
    """Store `latch`, durable on return; an account that is HALTED stays so, as first written.

    Returns False when it was halted already: only a person's re-arm, through the unit of work,
    releases it.

    Raises:
        StorageError: The database is not there or can't be written, or another transaction
            stayed open for `busy_seconds`: try again, or use the kill file.
    """
    since = latch.since.astimezone(UTC).strftime(_INSTANT)
    values = (latch.account_id, latch.state.value, latch.reason, latch.actor, since)
    with _connected(path, busy_seconds) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        return connection.execute(_WRITE, (*values, TradingState.HALTED.value)).rowcount == 1


@contextmanager
def _connected(path: str | Path, busy_seconds: float) -> Iterator[sqlite3.Connection]:
    uri = f"{Path(path).absolute().as_uri()}?mode=rw"  # never creates a database
    try:
        with closing(
            sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None)
        ) as connection:
            yield connection
    except sqlite3.Error as exc:
        raise storage_error(str(path), exc) from exc
