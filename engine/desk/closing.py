"""How much of a position may be closed: the smaller of ours and the venue's (SEMANTICS 8)."""

from dataclasses import replace
from decimal import Decimal

from engine.desk.state import Desk
from engine.domain.differences import DifferenceKind
from engine.domain.ids import DUST_BOOK, UNMANAGED_BOOK, BookId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.policies import PositionChange


def closable(desk: Desk, book_id: BookId, instrument_id: InstrumentId) -> Decimal:
    """Return what of the book's position can be sold and the venue still holds; never negative.

    On the quantity increment: a fee taken from what was bought leaves a remainder below it.
    What was taken from us there (sold by hand, withdrawn, unexplained) is taken off the books
    that it was held for, the last ones by name first.
    """
    quantity = desk.ledger.quantity(book_id, instrument_id)
    if not quantity:
        return ZERO
    held = _held(desk, book_id, instrument_id, quantity)
    return desk.instruments[instrument_id].round_quantity(held)


def _held(desk: Desk, book_id: BookId, instrument_id: InstrumentId, quantity: Decimal) -> Decimal:
    with exact():
        lacking = _lacking(desk, instrument_id, 1 if quantity > 0 else -1)
        if not lacking:
            return abs(quantity)
        before = sum(
            (
                abs(p.quantity)
                for p in desk.ledger.positions()
                if p.instrument_id == instrument_id
                and p.book_id not in {UNMANAGED_BOOK, DUST_BOOK}
                and p.book_id > book_id
                and p.quantity * quantity > 0
            ),
            ZERO,
        )
        return max(abs(quantity) - max(lacking - before, ZERO), ZERO)


def at_most(held: Decimal, change: PositionChange) -> PositionChange:
    """Return a closing step for no more than `held`."""
    return change if change.quantity <= held else replace(change, quantity=held)


def _lacking(desk: Desk, instrument_id: InstrumentId, sign: int) -> Decimal:
    """Return by how much the venue holds less of our positions on that side than our books say."""
    instrument = desk.instruments[instrument_id]
    outside = desk.ledger.quantity(UNMANAGED_BOOK, instrument_id) + unexplained(desk, instrument)
    held_before = desk.outside.opening.get(instrument_id, ZERO)
    if instrument.kind is not InstrumentKind.SPOT and held_before * sign < 0:
        outside -= held_before  # an opposed contract from before us takes nothing from ours
    return max(-outside * sign, ZERO)


def unexplained(desk: Desk, instrument: Instrument) -> Decimal:
    """Return what the venue holds of the instrument beyond its books: of spot, mere balances too.

    Signed; from the ledger's cash and from differences that were confirmed.
    """
    if instrument.kind is not InstrumentKind.SPOT:
        return desk.outside.unexplained(DifferenceKind.POSITION, instrument.id)
    cash = desk.ledger.cash().get(instrument.base, ZERO)
    with exact():
        return cash + desk.outside.unexplained(DifferenceKind.BALANCE, instrument.base)
