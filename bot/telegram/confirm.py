"""Dangerous commands: a preview with a ticket, then, on the press, a second look, then the act.

What is confirmed is what was shown: where a quantity changed, a position came or went, or a price
moved by more than half a percent, the press does nothing but show the new preview.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import structlog

from bot.telegram.call import Call
from bot.telegram.replies import Button, Emphasis, Press, Reply
from bot.telegram.tickets import (
    Shown,
    Subject,
    TicketRefused,
    Tickets,
    decode_subject,
)
from engine.domain.messages import Role
from engine.domain.records import Ticket

DRIFT_ALLOWED = Decimal("0.005")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would happen, ready to be shown and to be compared with later.

    Attributes:
        subject: The canonical arguments, with what was shown.
        confirm: The label of the button that acts.
    """

    html: str
    subject: Subject
    confirm: str


class Operation(Protocol):
    """Something that is only done by a second, deliberate press."""

    name: str
    role: Role
    seconds: float

    async def preview(self, call: Call, subject: Subject, changed: str) -> Preview | Reply:
        """Return what would happen now; a `Reply` where there is nothing to confirm.

        Args:
            changed: Why this is the second preview, for the text; empty for the first.
        """
        ...

    async def execute(self, call: Call, subject: Subject) -> Reply:
        """Do it."""
        ...


class Confirmations:
    """Offers operations, and carries out what is confirmed."""

    def __init__(self, tickets: Tickets, operations: Mapping[str, Operation]) -> None:
        self._tickets = tickets
        self._operations = operations

    async def offer(self, call: Call, operation: str, subject: Subject) -> Reply:
        """Return the preview with its two buttons, or why there is nothing to confirm."""
        preview = await self._operations[operation].preview(call, subject, "")
        if isinstance(preview, Reply):
            return preview
        return await self._show(call, operation, preview, message_id=None)

    async def confirm(self, call: Call, ticket_id: str, message_id: int) -> Reply:
        """Answer the press of a confirming button; the reply goes in place of the message.

        Raises:
            TicketRefused: Nothing was done, and the message stays as it is.
        """
        ticket = await self._look(call, ticket_id, message_id)
        operation = self._operation(ticket, call)
        subject = decode_subject(ticket.arguments)
        fresh = await operation.preview(call, subject, "")
        if isinstance(fresh, Reply):
            await self._tickets.close(ticket_id, "expired", call.operator)
            return fresh
        change = drift(subject.shown, fresh.subject.shown)
        if change:
            return await self._ask_again(call, ticket, operation, subject, change)
        if not await self._tickets.use(ticket, call.operator):
            raise TicketRefused(await self._tickets.fate(ticket))
        _log.info("confirmed", operation=ticket.name, operator=call.operator.id)
        return await operation.execute(call, subject)

    async def decline(self, call: Call, ticket_id: str, message_id: int) -> Reply:
        """Answer the press of [Cancel]."""
        ticket = await self._look(call, ticket_id, message_id)
        if not await self._tickets.close(ticket.ticket_id, "cancelled", call.operator):
            raise TicketRefused(await self._tickets.fate(ticket))
        return Reply(html=f"Cancelled: /{ticket.name} was not carried out. Nothing was changed.")

    async def _look(self, call: Call, ticket_id: str, message_id: int) -> Ticket:
        return await self._tickets.look(
            ticket_id, operator=call.operator, chat_id=call.chat_id, message_id=message_id
        )

    def _operation(self, ticket: Ticket, call: Call) -> Operation:
        operation = self._operations.get(ticket.name)
        if operation is None:
            raise TicketRefused("This button is of an older version. Send the command again.")
        if not call.operator.role.covers(operation.role):
            raise TicketRefused(f"This needs the role {operation.role.value}. Nothing was done.")
        return operation

    async def _ask_again(
        self, call: Call, ticket: Ticket, operation: Operation, subject: Subject, change: str
    ) -> Reply:
        if not await self._tickets.close(ticket.ticket_id, "expired", call.operator):
            raise TicketRefused(await self._tickets.fate(ticket))
        preview = await operation.preview(call, subject, change)
        if isinstance(preview, Reply):
            return preview
        return await self._show(call, ticket.name, preview, message_id=ticket.message_id)

    async def _show(
        self, call: Call, operation: str, preview: Preview, *, message_id: int | None
    ) -> Reply:
        ticket = await self._tickets.issue(
            operation,
            preview.subject,
            operator=call.operator,
            chat_id=call.chat_id,
            seconds=self._operations[operation].seconds,
            message_id=message_id,
        )
        # Cancel first: a thumb that lands on the first button changes nothing.
        buttons = (
            Button(label="Cancel", data=f"{Press.DECLINE}|{ticket.ticket_id}"),
            Button(
                label=preview.confirm,
                data=f"{Press.CONFIRM}|{ticket.ticket_id}",
                emphasis=Emphasis.DANGER,
            ),
        )
        return Reply(html=preview.html, buttons=(buttons,), ticket_id=ticket.ticket_id)


def drift(before: tuple[Shown, ...], now: tuple[Shown, ...]) -> str:
    """Return what changed between two previews, empty where nothing that matters did."""
    old = {line.ref.id: line for line in before}
    new = {line.ref.id: line for line in now}
    for ref_id in old.keys() ^ new.keys():
        line = old.get(ref_id) or new[ref_id]
        what = "is gone" if ref_id in old else "came in"
        return f"{line.ref.instrument_id} {what}."
    for ref_id, line in new.items():
        if Decimal(line.quantity) != Decimal(old[ref_id].quantity):
            return f"{line.ref.instrument_id} is {line.quantity} now, not {old[ref_id].quantity}."
        if _moved(old[ref_id].price, line.price):
            return f"{line.ref.instrument_id} is at {line.price} now, not {old[ref_id].price}."
    return ""


def _moved(before: str | None, now: str | None) -> bool:
    if before is None or now is None:
        return before != now
    old = Decimal(before)
    return abs(Decimal(now) - old) > DRIFT_ALLOWED * abs(old)
