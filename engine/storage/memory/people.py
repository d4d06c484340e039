"""Repositories of what people are told and say: inbox, tickets, deliveries, slots, cursors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from engine.domain.records import Delivery, DeliveryState, InboxUpdate, Ticket
from engine.storage.memory.tables import Indexed, Staged, Tables, Transaction

_UNDELIVERED = frozenset({DeliveryState.PENDING, DeliveryState.SENDING})


class MemorySlots(Staged[tuple[str, str], bool]):
    __slots__ = ()

    async def claim(self, kind: str, slot: str) -> bool:
        return await self.insert((kind, slot), True)


class MemoryCursors(Staged[str, int]):
    __slots__ = ()

    async def get(self, name: str) -> int:
        return self.find(name) or 0

    async def set(self, name: str, value: int) -> None:
        await self.put(name, value)


class MemoryInbox(Staged[int, InboxUpdate]):
    __slots__ = ()

    async def add(self, update: InboxUpdate) -> bool:
        return await self.insert(update.update_id, update)

    async def add_all(self, updates: Sequence[InboxUpdate]) -> frozenset[int]:
        return frozenset([update.update_id for update in updates if await self.add(update)])

    async def last_id(self) -> int | None:
        return max((update.update_id for update in self.rows()), default=None)

    async def pending(self) -> tuple[InboxUpdate, ...]:
        received = [update for update in self.rows() if update.state == "received"]
        return tuple(sorted(received, key=attrgetter("update_id")))

    async def finish(self, update_id: int, state: str, note: str = "") -> None:
        update = self.find(update_id)
        if update is not None:
            await self.put(update_id, replace(update, state=state, note=note))

    async def finish_all(self, marks: Sequence[tuple[int, str, str]]) -> None:
        for update_id, state, note in marks:
            await self.finish(update_id, state, note)

    async def prune(self, before: datetime) -> int:
        newest = await self.last_id()
        old = [
            update.update_id
            for update in self.rows()
            if update.state != "received"
            and update.received_at < before
            and update.update_id != newest
        ]
        for update_id in old:
            await self.put(update_id, None)
        return len(old)


class MemoryTickets(Staged[str, Ticket]):
    __slots__ = ()

    async def add(self, ticket: Ticket) -> None:
        if not await self.insert(ticket.ticket_id, ticket):
            raise ValueError(f"there is a ticket {ticket.ticket_id} already")

    async def get(self, ticket_id: str) -> Ticket | None:
        return self.find(ticket_id)

    async def bind(self, ticket_id: str, message_id: int) -> None:
        ticket = self.find(ticket_id)
        if ticket is not None and ticket.state == "pending":
            await self.put(ticket_id, replace(ticket, message_id=message_id))

    async def close(self, ticket_id: str, state: str, actor_id: int, at: datetime) -> bool:
        if not self._transaction.writing:
            await self._transaction.begin_writing()  # before looking: two may press at once
        ticket = self.find(ticket_id)
        if ticket is None or ticket.state != "pending":
            return False
        await self.put(ticket_id, replace(ticket, state=state, used_at=at, used_by=actor_id))
        return True

    async def expire_pending(self, at: datetime) -> int:
        if not self._transaction.writing:
            await self._transaction.begin_writing()
        pending = [ticket for ticket in self.rows() if ticket.state == "pending"]
        for ticket in pending:
            await self.put(ticket.ticket_id, replace(ticket, state="expired", used_at=at))
        return len(pending)


class MemoryDeliveries(Indexed[str, Delivery]):
    """Deliveries by dedupe key; the key is what makes one unique, the id what orders them."""

    __slots__ = ("_tables",)

    def __init__(self, transaction: Transaction, tables: Tables) -> None:
        super().__init__(transaction, tables.deliveries, tables.undelivered, _is_undelivered)
        self._tables = tables

    async def add(self, delivery: Delivery) -> bool:
        if not await self.insert(delivery.dedupe_key, delivery):
            return False
        self._tables.last_delivery_id += 1  # a number given in vain leaves a gap, as in SQL
        numbered = replace(delivery, delivery_id=self._tables.last_delivery_id)
        await self.put(delivery.dedupe_key, numbered)
        return True

    async def lease(
        self, channel: str, now: datetime, until: datetime, limit: int
    ) -> tuple[Delivery, ...]:
        if not self._transaction.writing:
            await self._transaction.begin_writing()  # before looking: two workers may lease
        blocked: set[str] = set()
        taken: list[Delivery] = []
        for delivery in self._undelivered(channel):
            if len(taken) == limit:
                break
            if delivery.recipient in blocked:
                continue
            if not _is_due(delivery, now):
                blocked.add(delivery.recipient)
                continue
            leased = replace(
                delivery,
                state=DeliveryState.SENDING,
                lease_until=until,
                may_have_arrived=delivery.may_have_arrived
                or delivery.state is DeliveryState.SENDING,
            )
            await self.put(delivery.dedupe_key, leased)
            taken.append(leased)
        return tuple(taken)

    async def release(self, channel: str) -> int:
        held = [
            delivery
            for delivery in self._undelivered(channel)
            if delivery.state is DeliveryState.SENDING and delivery.lease_until is not None
        ]
        for delivery in held:
            await self.put(delivery.dedupe_key, replace(delivery, lease_until=None))
        return len(held)

    async def next_due(self, channel: str) -> datetime | None:
        first: dict[str, datetime] = {}  # later ones of a recipient wait for his oldest
        for delivery in self._undelivered(channel):
            first.setdefault(delivery.recipient, _due_at(delivery))
        return min(first.values(), default=None)

    async def save(self, delivery: Delivery) -> None:
        if delivery.delivery_id is None:
            raise ValueError("a delivery that was never stored can't be saved; add it")
        if self.find(delivery.dedupe_key) is not None:
            await self.put(delivery.dedupe_key, delivery)

    async def counts(self) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for delivery in self.rows():
            counts[delivery.state.value] = counts.get(delivery.state.value, 0) + 1
        return counts

    async def prune(self, before: datetime) -> int:
        old = [
            delivery.dedupe_key
            for delivery in self.rows()
            if delivery.state is DeliveryState.SENT
            and delivery.sent_at is not None
            and delivery.sent_at < before
        ]
        for key in old:
            await self.put(key, None)
        return len(old)

    def _undelivered(self, channel: str) -> list[Delivery]:
        waiting = [delivery for delivery in self.asked_for() if delivery.channel == channel]
        return sorted(waiting, key=attrgetter("delivery_id"))


def _is_undelivered(delivery: Delivery) -> bool:
    return delivery.state in _UNDELIVERED


def _due_at(delivery: Delivery) -> datetime:
    """When it may be sent, or taken from a worker that died."""
    if delivery.state is DeliveryState.SENDING and delivery.lease_until is not None:
        return delivery.lease_until
    return delivery.not_before


def _is_due(delivery: Delivery, now: datetime) -> bool:
    return _due_at(delivery) <= now
