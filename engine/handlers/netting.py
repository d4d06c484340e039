"""What happened outside our books and took from them: booked to those whose positions it closed."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.booking import moved_entries
from engine.domain.entries import LedgerEntry
from engine.domain.ids import UNMANAGED_BOOK, BookId, RunId
from engine.domain.instruments import Instrument
from engine.domain.ledger import Position
from engine.domain.money import ZERO, exact
from engine.domain.orders import PositionSide
from engine.handlers.protection import Protection, ProtectiveOrders
from engine.handlers.runs import stopped_when_flat


class Netting:
    """Moves quantities between books, inside the section; nothing is traded by it."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection

    def take(
        self,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        *,
        at: datetime,
        reference: str,
        reason: str,
        changes: Changes,
    ) -> tuple[Decimal, tuple[BookId, ...]]:
        """Book signed `quantity` of `unmanaged` to managed books of the opposite sign, by name.

        Returns what is left over, signed, and the books that it took from.
        """
        left = quantity
        touched: list[BookId] = []
        for position in self.opposed(instrument, quantity):
            if not left:
                break
            with exact():
                part = min(abs(left), abs(position.quantity)).copy_sign(left)
                left -= part
            self.move(
                instrument,
                part,
                price,
                UNMANAGED_BOOK,
                position.book_id,
                at=at,
                reference=reference,
                reason=reason,
                changes=changes,
            )
            touched.append(position.book_id)
        return left, tuple(touched)

    def opposed(self, instrument: Instrument, quantity: Decimal) -> tuple[Position, ...]:
        """Return managed positions that a trade of signed `quantity` makes smaller, by book."""
        return tuple(
            position
            for position in self._desk.managed_positions()
            if position.instrument_id == instrument.id and position.quantity * quantity < ZERO
        )

    def move(
        self,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        from_book: BookId,
        to_book: BookId,
        *,
        at: datetime,
        reference: str,
        reason: str,
        changes: Changes,
    ) -> None:
        """Book signed `quantity` of one book to another at `price`."""
        desk = self._desk
        for entry in moved_entries(
            instrument,
            quantity,
            price,
            account_id=desk.account.id,
            from_book=from_book,
            to_book=to_book,
            ts_event=at,
            rates=desk.rates_of(instrument.settlement, instrument.base),
            reference=reference,
            reason=reason,
        ):
            self.book(entry, changes)

    def book(self, entry: LedgerEntry, changes: Changes) -> None:
        """Book an entry and note it for the commit; one that was booked before is left out."""
        if self._desk.ledger.book(entry).applied:
            changes.entries.append(entry)

    def follow(
        self, instrument: Instrument, books: Iterable[BookId], changes: Changes
    ) -> list[ProtectiveOrders]:
        """Bring plans, runs and exits in line with positions that were made smaller.

        Returns what to carry out once `changes` is committed.
        """
        desk = self._desk
        adjustments: list[ProtectiveOrders] = []
        for book_id in dict.fromkeys(books):
            key: PlanKey = (book_id, instrument.id, PositionSide.NET)
            plan = changes.plans.get(key, desk.plans.get(key))
            if plan is not None and not desk.position(book_id, instrument.id).quantity:
                plan = changes.plans[key] = None
            adjustments.append(self._protection.intents(key, plan, changes))
            run = desk.runs.get(RunId(book_id))
            if run is not None:
                stopped_when_flat(desk, run, changes)
        desk.activity.happened(instrument.id)
        return adjustments

    async def carry_out(self, adjustments: Iterable[ProtectiveOrders]) -> None:
        """Send what `follow` noted, once it is committed."""
        for adjustment in adjustments:
            await self._protection.carry_out(adjustment)
