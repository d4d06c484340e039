"""Money that moved at the venue without an order: booked at once, with its reason (SEMANTICS 8)."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from engine.desk.state import Changes, Desk
from engine.domain.booking import (
    Rates,
    account_fee_entry,
    cash_adjustment_entry,
    deposit_entry,
    found_position_entry,
    funding_entry,
    interest_entry,
)
from engine.domain.entries import LedgerEntry
from engine.domain.events import FlowBooked
from engine.domain.flows import AccountFlow, FlowKind
from engine.domain.ids import (
    UNMANAGED_BOOK,
    AccountId,
    AssetId,
    BookId,
    EntryId,
    digest_id,
)
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact, quantize
from engine.domain.postings import negated
from engine.handlers.netting import Netting


class _Fact(TypedDict):
    """What every entry of a flow says."""

    account_id: AccountId
    ts_event: datetime
    rates: Rates
    reference: str
    asset: AssetId


class Flows:
    """Books flows: once, whoever reports them."""

    def __init__(self, desk: Desk, netting: Netting) -> None:
        self._desk = desk
        self._netting = netting

    def is_booked(self, flow: AccountFlow) -> bool:
        return self._desk.ledger.has(_entry_id(flow, 0)) or self._is_before_us(flow.ts_event)

    async def book(self, flow: AccountFlow) -> bool:
        """Book one flow in one commit; False when that was done before."""
        desk = self._desk
        async with desk.section:
            if self.is_booked(flow):
                return False
            changes = Changes()
            for number, entry in enumerate(self._entries(flow)):
                # Whose it is may change: the id follows from the flow alone.
                self._netting.book(replace(entry, entry_id=_entry_id(flow, number)), changes)
            taken, books = self._withdrawn(flow, changes)
            adjustments = [] if taken is None else self._netting.follow(taken, books, changes)
            changes.events.append(self._told(flow, books))
            await desk.commit(changes)
            desk.outside.wanted = desk.outside.wanted or bool(desk.outside.open)
            for instrument in desk.instruments.values():
                if flow.asset in {instrument.base, instrument.quote, instrument.settlement}:
                    desk.activity.happened(instrument.id)
        await self._netting.carry_out(adjustments)
        return True

    def _is_before_us(self, at: datetime) -> bool:
        mark = self._desk.outside.mark
        return mark is not None and at < mark.opened_at

    def _told(self, flow: AccountFlow, books: tuple[BookId, ...]) -> FlowBooked:
        names = ", ".join(self._desk.book_name(book_id) for book_id in books)
        note = f"taken from the position of {names}" if names else ""
        return FlowBooked(
            **self._desk.fact("flow", flow.flow_id),
            kind=flow.kind,
            asset=flow.asset,
            amount=flow.amount,
            instrument_id=flow.instrument_id,
            note="; ".join(part for part in (flow.note, note) if part),
        )

    # --- entries -----------------------------------------------------------------------------

    def _entries(self, flow: AccountFlow) -> list[LedgerEntry]:
        desk = self._desk
        fact = _Fact(
            account_id=desk.account.id,
            ts_event=flow.ts_event,
            rates=desk.rates_of(flow.asset),
            reference=flow.flow_id,
            asset=flow.asset,
        )
        instrument = None
        if flow.instrument_id is not None:
            instrument = desk.instruments.get(flow.instrument_id)
        if flow.kind is FlowKind.FUNDING and instrument is not None:
            return [
                funding_entry(book_id=book_id, instrument=instrument, amount=amount, **fact)
                for book_id, amount in self._shares(instrument, flow.amount)
            ]
        return [_of_account(flow, fact)]

    def _shares(self, instrument: Instrument, amount: Decimal) -> list[tuple[BookId, Decimal]]:
        """Split an amount over the books that hold the instrument, by size.

        What rounding leaves is the last one's.
        """
        held = [
            (p.book_id, abs(p.quantity))
            for p in self._desk.ledger.positions()
            if p.instrument_id == instrument.id
        ]
        if not held:
            return [(UNMANAGED_BOOK, amount)]
        with exact():
            total = sum((size for _, size in held), ZERO)
            shares = [(book_id, quantize(amount * size / total)) for book_id, size in held[:-1]]
            left = amount - sum((share for _, share in shares), ZERO)
        return [*shares, (held[-1][0], left)]

    # --- withdrawals of what runs hold -------------------------------------------------------

    def _withdrawn(
        self, flow: AccountFlow, changes: Changes
    ) -> tuple[Instrument | None, tuple[BookId, ...]]:
        """Take from our positions what a withdrawal took beyond what was held outside them.

        The position is gone from the venue: its run must not try to sell it.
        """
        desk = self._desk
        instrument = self._instrument_of(flow)
        if flow.kind is not FlowKind.TRANSFER or flow.amount >= ZERO or instrument is None:
            return None, ()
        price = desk.price(instrument.id)
        with exact():
            outside = desk.ledger.cash().get(flow.asset, ZERO)
            outside += desk.position(UNMANAGED_BOOK, instrument.id).quantity
        if outside >= ZERO or price is None:
            return None, ()
        left = -outside
        books: list[BookId] = []
        for position in self._netting.opposed(instrument, -left):
            with exact():
                part = min(left, position.quantity)
                left -= part
            if part:
                self._from_book(flow, instrument, position.book_id, part, price, changes)
                books.append(position.book_id)
        return instrument, tuple(books)

    def _from_book(
        self,
        flow: AccountFlow,
        instrument: Instrument,
        book_id: BookId,
        quantity: Decimal,
        price: Decimal,
        changes: Changes,
    ) -> None:
        """Book that a withdrawal took `quantity` of a book's position, not of the free balance."""
        desk = self._desk
        rates = desk.rates_of(instrument.settlement, instrument.base)
        reference = f"{flow.flow_id} {book_id}"
        taken = found_position_entry(
            account_id=desk.account.id,
            instrument=instrument,
            quantity=negated(quantity),
            price=price,
            ts_event=flow.ts_event,
            rates=rates,
            reference=reference,
            book_id=book_id,
            reason="withdrawal",
        )
        free = deposit_entry(
            account_id=desk.account.id,
            asset=instrument.base,
            amount=quantity,
            ts_event=flow.ts_event,
            rates=rates,
            reference=reference,
            reason="withdrawn from a position",
        )
        self._netting.book(taken, changes)
        self._netting.book(free, changes)

    def _instrument_of(self, flow: AccountFlow) -> Instrument | None:
        """Return the spot instrument in which positions of the asset are held."""
        spot = [
            instrument
            for instrument in self._desk.instruments.values()
            if instrument.kind is InstrumentKind.SPOT and instrument.base == flow.asset
        ]
        held = [i for i in spot if self._desk.ledger.net_quantity(i.id)]
        return min(held or spot, key=lambda i: i.id, default=None)


def _of_account(flow: AccountFlow, fact: _Fact) -> LedgerEntry:
    """Return the entry of a flow that belongs to no position."""
    match flow.kind:
        case FlowKind.FEE:
            return account_fee_entry(amount=flow.amount, **fact)
        case FlowKind.FUNDING | FlowKind.INTEREST:  # funding on what we do not trade is income
            return interest_entry(amount=flow.amount, **fact)
        case FlowKind.TRANSFER:
            reason = "deposit" if flow.amount > ZERO else "withdrawal"
            return deposit_entry(amount=flow.amount, reason=reason, **fact)
        case FlowKind.ADJUSTMENT:
            reason = flow.note or "booked by the venue"
            return cash_adjustment_entry(amount=flow.amount, reason=reason, **fact)


def _entry_id(flow: AccountFlow, number: int) -> EntryId:
    parts = (flow.account_id, flow.kind, flow.flow_id, flow.asset)
    return EntryId(digest_id("flow-", *parts, *((str(number),) if number else ())))
