"""The event log over SQL."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import bindparam, func, select

from engine.domain.events import UnknownEventType, decode_event
from engine.domain.ids import AccountId
from engine.domain.messages import Event
from engine.domain.records import StoredEvent
from engine.errors import StorageError
from engine.storage.sql.mapping import RowMapping, event_values
from engine.storage.sql.tables.trading import events
from engine.storage.sql.transaction import SqlTransaction

_log = structlog.get_logger(__name__)


class SqlEvents:
    """Events by sequence number.

    A row that this version can't read (written by a newer one before a downgrade, or damaged)
    must not stop those who tell people what happens: `after` leaves it out, logs it once per
    process, and goes on to the rows behind it; the row keeps its number. `of_types`, which
    figures are computed from, leaves nothing out: it raises.
    """

    _after = (
        select(events)
        .where(events.c.seq > bindparam("after"))
        .order_by(events.c.seq)
        .limit(bindparam("limit"))
    )
    _last = select(func.max(events.c.seq))
    _of_types = (
        select(events)
        .where(
            events.c.account_id == bindparam("account_id"),
            events.c.name.in_(bindparam("names", expanding=True)),
            events.c.ts_event >= bindparam("start"),
            events.c.ts_event < bindparam("end"),
        )
        .order_by(events.c.seq)
    )

    def __init__(self, transaction: SqlTransaction, place: str, reported: set[int]) -> None:
        """Store what is shared with the storage: its name, and which rows were logged."""
        self._transaction = transaction
        self._place = place
        self._reported = reported

    async def add(self, event: Event) -> bool:
        return await self._transaction.insert_once(events, event_values(event))

    async def after(self, seq: int, limit: int) -> tuple[StoredEvent, ...]:
        found: list[StoredEvent] = []
        while len(found) < limit:
            wanted = limit - len(found)
            rows = await self._transaction.rows(self._after, {"after": seq, "limit": wanted})
            found.extend(stored for row in rows if (stored := self._readable(row)) is not None)
            if len(rows) < wanted:
                break
            seq = rows[-1]["seq"]
        return tuple(found)

    async def last_seq(self) -> int:
        return int(await self._transaction.scalar(self._last) or 0)

    async def of_types(
        self, account_id: AccountId, names: Sequence[str], start: datetime, end: datetime
    ) -> tuple[StoredEvent, ...]:
        """Return events of the named types with start <= ts_event < end, in order.

        Raises:
            StorageError: One of them can't be read.
        """
        parameters = {"account_id": account_id, "names": list(names), "start": start, "end": end}
        rows = await self._transaction.rows(self._of_types, parameters)
        try:
            return tuple(_stored(row) for row in rows)
        except (UnknownEventType, msgspec.DecodeError) as exc:
            raise StorageError(
                f"database {self._place}: an event can't be read by this version ({exc})."
                " Nothing was changed."
            ) from exc

    def _readable(self, row: RowMapping) -> StoredEvent | None:
        try:
            return _stored(row)
        except (UnknownEventType, msgspec.DecodeError) as exc:
            if row["seq"] not in self._reported:
                self._reported.add(row["seq"])
                _log.error(
                    "stored event left out: this version can't read it",
                    seq=row["seq"],
                    event_id=row["event_id"],
                    event_name=row["name"],
                    cause=str(exc),
                )
            return None


def _stored(row: RowMapping) -> StoredEvent:
    return StoredEvent(seq=row["seq"], event=decode_event(row["name"], row["payload"].encode()))
