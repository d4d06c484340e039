"""Confirmation tickets: single use, expiring, bound to actor, chat, message and arguments."""

import secrets
from base64 import b32encode
from datetime import datetime, timedelta

import msgspec

from bot.telegram.settings import Operator
from engine.domain.commands import PositionRef
from engine.domain.differences import DifferenceAnswer
from engine.domain.ids import DifferenceId, InstrumentId
from engine.domain.money import to_text
from engine.domain.records import Ticket
from engine.domain.views import PreviewLine
from engine.errors import OutcryError
from engine.ports import UnitOfWorkFactory, WallClock

_TOO_LATE = "Too late: the confirmation has expired. Nothing was done. Send the command again."


class TicketRefused(OutcryError):
    """A press that does nothing; says why."""


class Shown(msgspec.Struct, frozen=True):
    """One position as the preview showed it: what the confirmation is compared with."""

    ref: PositionRef
    quantity: str  # plain decimal text, signed
    price: str | None

    @classmethod
    def of(cls, line: PreviewLine) -> "Shown":
        price = None if line.price is None else to_text(line.price)
        return cls(line.ref, to_text(line.quantity), price)


class Given(msgspec.Struct, frozen=True):
    """An answer to a difference."""

    difference_id: DifferenceId
    answer: DifferenceAnswer


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a ticket is about: immutable references, never a place in a list.

    Attributes:
        refs: Positions to close; empty for all managed ones of `instrument_ids` (empty: all).
        names: Runs.
        shown: What the preview listed.
        given: What is said of a difference.
    """

    refs: tuple[PositionRef, ...] = ()
    instrument_ids: tuple[InstrumentId, ...] = ()
    names: tuple[str, ...] = ()
    shown: tuple[Shown, ...] = ()
    given: Given | None = None


def encode_subject(subject: Subject) -> str:
    """Return canonical JSON: the same subject is always the same text."""
    return msgspec.json.encode(subject, order="sorted").decode()


def decode_subject(text: str) -> Subject:
    return msgspec.json.decode(text, type=Subject)


class Tickets:
    """Issues tickets and honours each at most once, whoever presses how often."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, wall: WallClock) -> None:
        self._unit_of_work = unit_of_work
        self._wall = wall

    async def issue(
        self,
        operation: str,
        subject: Subject,
        *,
        operator: Operator,
        chat_id: int,
        seconds: float,
        message_id: int | None = None,
    ) -> Ticket:
        """Store a new ticket; `bind` it once its message is sent."""
        now = self._wall.now()
        ticket = Ticket(
            ticket_id=_new_id(),
            name=operation,
            arguments=encode_subject(subject),
            actor_id=operator.id,
            chat_id=chat_id,
            message_id=message_id,
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        async with self._unit_of_work() as uow:
            await uow.tickets.add(ticket)
            await uow.commit()
        return ticket

    async def bind(self, ticket_id: str, message_id: int) -> None:
        """Bind to the message that shows its buttons."""
        async with self._unit_of_work() as uow:
            await uow.tickets.bind(ticket_id, message_id)
            await uow.commit()

    async def look(
        self, ticket_id: str, *, operator: Operator, chat_id: int, message_id: int
    ) -> Ticket:
        """Return the pending ticket of a press; changes nothing.

        Raises:
            TicketRefused: Somebody else's, another message's, used, dropped or too old.
        """
        async with self._unit_of_work() as uow:
            ticket = await uow.tickets.get(ticket_id)
        if ticket is None:
            raise TicketRefused("This button is not known any more. Send the command again.")
        if ticket.actor_id != operator.id:
            raise TicketRefused("Only who asked for this can confirm it. Nothing was done.")
        if ticket.chat_id != chat_id or ticket.message_id != message_id:
            raise TicketRefused("This button belongs to another message. Nothing was done.")
        if ticket.state != "pending":
            raise TicketRefused(already(ticket))
        if self._wall.now() > ticket.expires_at:
            raise TicketRefused(_TOO_LATE)
        return ticket

    async def use(self, ticket: Ticket, operator: Operator) -> bool:
        """Take the ticket for good; False when somebody was first or it has expired meanwhile."""
        if self._wall.now() > ticket.expires_at:
            return False
        return await self.close(ticket.ticket_id, "used", operator)

    async def close(self, ticket_id: str, state: str, operator: Operator) -> bool:
        """Move a pending ticket on; False when it was not pending."""
        async with self._unit_of_work() as uow:
            closed = await uow.tickets.close(ticket_id, state, operator.id, self._wall.now())
            await uow.commit()
        return closed

    async def fate(self, ticket: Ticket) -> str:
        """Say what became of a ticket that was pending a moment ago and could not be taken."""
        async with self._unit_of_work() as uow:
            now = await uow.tickets.get(ticket.ticket_id)
        if now is None or now.state == "pending":
            return _TOO_LATE
        return already(now)

    async def expire_all(self) -> int:
        """Expire what is pending: after a restart nothing is confirmed by an old button."""
        async with self._unit_of_work() as uow:
            expired = await uow.tickets.expire_pending(self._wall.now())
            if expired:
                await uow.commit()
        return expired


def already(ticket: Ticket) -> str:
    """Say what became of a ticket that is not pending."""
    if ticket.state == "used":
        return f"Already confirmed{_at(ticket.used_at)}. It was carried out once, not again."
    if ticket.state == "cancelled":
        return f"Already cancelled{_at(ticket.used_at)}. Nothing was done."
    return "Expired: the question was asked again, or the service restarted. Nothing was done."


def _at(when: datetime | None) -> str:
    return f" at {when:%H:%M:%S} UTC" if when is not None else ""


def _new_id() -> str:
    """Return 128 random bits in base 32: 26 characters, so that callback data stays short."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
