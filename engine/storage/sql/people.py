"""Repositories of what people say and are told, over SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update

from engine.domain.records import InboxUpdate, Ticket
from engine.storage.sql.mapping import values
from engine.storage.sql.tables import people as t
from engine.storage.sql.trading import SqlRepository


class SqlSlots(SqlRepository):
    async def claim(self, kind: str, slot: str) -> bool:
        return await self._transaction.insert_once(t.slots, {"kind": kind, "slot": slot})


class SqlCursors(SqlRepository):
    _one = select(t.cursors.c.value).where(t.cursors.c.name == bindparam("cursor"))

    async def get(self, name: str) -> int:
        return int(await self._transaction.scalar(self._one, {"cursor": name}) or 0)

    async def set(self, name: str, value: int) -> None:
        self._transaction.save(t.cursors, {"name": name, "value": value}, "name")


class SqlInbox(SqlRepository):
    _last = select(func.max(t.inbox.c.update_id))
    _known = select(t.inbox.c.update_id).where(
        t.inbox.c.update_id.in_(bindparam("ids", expanding=True))
    )
    _pending = select(t.inbox).where(t.inbox.c.state == "received").order_by(t.inbox.c.update_id)
    _finish = (
        update(t.inbox)
        .where(t.inbox.c.update_id == bindparam("key"))
        .values(state=bindparam("new_state"), note=bindparam("new_note"))
    )
    _prune = delete(t.inbox).where(
        t.inbox.c.state != "received",
        t.inbox.c.received_at < bindparam("before"),
        # The newest stays: it tells which offset to ask for next.
        t.inbox.c.update_id < select(func.max(t.inbox.c.update_id)).scalar_subquery(),
    )

    async def add(self, update: InboxUpdate) -> bool:
        return await self._transaction.insert_once(t.inbox, values(update))

    async def add_all(self, updates: Sequence[InboxUpdate]) -> frozenset[int]:
        """Look and insert under the write lock: two round trips for a whole batch."""
        await self._transaction.begin_writing()
        by_id = {update.update_id: update for update in reversed(updates)}
        rows = await self._transaction.rows(self._known, {"ids": list(by_id)})
        new = [by_id[update_id] for update_id in by_id.keys() - {row["update_id"] for row in rows}]
        await self._transaction.insert_all(t.inbox, [values(update) for update in new])
        return frozenset(update.update_id for update in new)

    async def last_id(self) -> int | None:
        last: int | None = await self._transaction.scalar(self._last)
        return last

    async def pending(self) -> tuple[InboxUpdate, ...]:
        return await self._transaction.records(InboxUpdate, self._pending)

    async def finish(self, update_id: int, state: str, note: str = "") -> None:
        parameters = {"key": update_id, "new_state": state, "new_note": note}
        await self._transaction.write(self._finish, parameters)

    async def finish_all(self, marks: Sequence[tuple[int, str, str]]) -> None:
        await self._transaction.write_all(
            self._finish,
            [{"key": key, "new_state": state, "new_note": note} for key, state, note in marks],
        )

    async def prune(self, before: datetime) -> int:
        return await self._transaction.write(self._prune, {"before": before})


class SqlTickets(SqlRepository):
    _one = select(t.tickets).where(t.tickets.c.ticket_id == bindparam("ticket_id"))
    _pending = update(t.tickets).where(t.tickets.c.state == "pending")
    _of_key = _pending.where(t.tickets.c.ticket_id == bindparam("key"))
    _bind = _of_key.values(message_id=bindparam("new_message_id"))
    _close = _of_key.values(
        state=bindparam("new_state"), used_at=bindparam("at"), used_by=bindparam("by")
    )
    _expire = _pending.values(state="expired", used_at=bindparam("at"))

    async def add(self, ticket: Ticket) -> None:
        """Insert.

        Raises:
            ValueError: There is a ticket of that id: ids are random, so this is a fault.
        """
        if not await self._transaction.insert_once(t.tickets, values(ticket)):
            raise ValueError(f"there is a ticket {ticket.ticket_id} already")

    async def get(self, ticket_id: str) -> Ticket | None:
        return await self._transaction.record(Ticket, self._one, {"ticket_id": ticket_id})

    async def bind(self, ticket_id: str, message_id: int) -> None:
        parameters = {"key": ticket_id, "new_message_id": message_id}
        await self._transaction.write(self._bind, parameters)

    async def close(self, ticket_id: str, state: str, actor_id: int, at: datetime) -> bool:
        parameters = {"key": ticket_id, "new_state": state, "at": at, "by": actor_id}
        return await self._transaction.write(self._close, parameters) == 1

    async def expire_pending(self, at: datetime) -> int:
        return await self._transaction.write(self._expire, {"at": at})
