"""Entries of what moves without a trade: flows, holdings found, moves between books, splits.

Where a fact has no id of its own the caller gives a `reference` that is the same whenever it is
told, so that booking it twice is noticed.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.entries import EntryKind, LedgerAccount, LedgerEntry
from engine.domain.ids import DUST_BOOK, UNMANAGED_BOOK, AccountId, AssetId, BookId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact, quantize
from engine.domain.movements import unit_of
from engine.domain.orders import PositionSide
from engine.domain.positions import Position
from engine.domain.postings import (
    Rates,
    entry_id_of,
    held_account,
    kept,
    negated,
    pair,
    rates_of,
    trade_postings,
)


def deposit_entry(
    *,
    account_id: AccountId,
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    book_id: BookId = UNMANAGED_BOOK,
    reason: str = "deposit",
) -> LedgerEntry:
    """Return a deposit of cash (a negative amount withdraws): a flow, never P&L."""
    return LedgerEntry(
        entry_id=entry_id_of("flow", account_id, book_id, asset, ts_event.isoformat(), reference),
        account_id=account_id,
        book_id=book_id,
        kind=EntryKind.TRANSFER,
        ts_event=ts_event,
        postings=pair(LedgerAccount.EXTERNAL, asset, amount),
        reason=reason,
        rates=rates_of(rates),
        note=reference,
    )


def withdrawal_entry(
    *,
    account_id: AccountId,
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    book_id: BookId = UNMANAGED_BOOK,
) -> LedgerEntry:
    """Return a withdrawal of cash; `amount` is positive."""
    return deposit_entry(
        account_id=account_id,
        asset=asset,
        amount=negated(amount),
        ts_event=ts_event,
        rates=rates,
        reference=reference,
        book_id=book_id,
        reason="withdrawal",
    )


def cash_adjustment_entry(
    *,
    account_id: AccountId,
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    reason: str,
) -> LedgerEntry:
    """Return a difference of cash that nobody explained: a flow, shown with its reason."""
    return LedgerEntry(
        entry_id=entry_id_of("adjust", account_id, asset, ts_event.isoformat(), reference),
        account_id=account_id,
        book_id=UNMANAGED_BOOK,
        kind=EntryKind.ADJUSTMENT,
        ts_event=ts_event,
        postings=pair(LedgerAccount.ADJUSTMENT, asset, amount),
        reason=reason,
        rates=rates_of(rates),
        note=reference,
    )


def found_position_entry(
    *,
    account_id: AccountId,
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    book_id: BookId = UNMANAGED_BOOK,
    side: PositionSide = PositionSide.NET,
    kind: EntryKind = EntryKind.TRANSFER,
    reason: str = "found",
) -> LedgerEntry:
    """Return what the venue holds and the ledger does not: a deposit of a base asset, a holding
    from before us, a difference (kind ADJUSTMENT). `quantity` is signed; negative takes away.

    Spot is a flow worth `quantity` at `price`. A contract is as if opened at `price`: the wallet
    does not change by it, so nothing flows.
    """
    quantity = kept(quantity)
    value = instrument.value(quantity, price)
    if instrument.kind is InstrumentKind.SPOT:
        account = (
            LedgerAccount.ADJUSTMENT if kind is EntryKind.ADJUSTMENT else LedgerAccount.EXTERNAL
        )
        postings = pair(account, instrument.base, quantity)
    else:
        postings = trade_postings(instrument, quantity, value)
    key = (account_id, book_id, instrument.id, side, ts_event.isoformat(), reference)
    return LedgerEntry(
        entry_id=entry_id_of("found", *key),
        account_id=account_id,
        book_id=book_id,
        kind=kind,
        ts_event=ts_event,
        postings=postings,
        instrument_id=instrument.id,
        position_side=side,
        quantity=quantity,
        price=price,
        value=value,
        reason=reason,
        rates=rates_of(rates),
        note=reference,
    )


def book_transfer_entries(
    position: Position,
    *,
    account_id: AccountId,
    to_book: BookId,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    quantity: Decimal | None = None,
    reason: str = "transfer",
) -> tuple[LedgerEntry, LedgerEntry]:
    """Return the two entries that move a position, or a part, with its cost to another book.

    The cost is stated in the entries (the average, for a part): the new book gets it whatever is
    found out later about the old one, whose realised P&L then takes the difference.

    Args:
        position: The position as the ledger has it; its last movement comes before the transfer.
        quantity: Unsigned part to move; None moves all.

    Raises:
        ValueError: There is not that much to move, or it goes nowhere.
    """
    with exact():
        held = abs(position.quantity)
    size = held if quantity is None else kept(quantity)
    if not ZERO < size <= held:
        raise ValueError(
            f"{position.book_id} holds {position.quantity} of {position.instrument_id}: "
            f"{size} can't be moved"
        )
    if to_book == position.book_id:
        raise ValueError(f"{position.instrument_id} is in {to_book} already")
    with exact():
        moved = size if position.quantity > 0 else -size
        cost = position.cost
        if size != held:
            cost = quantize(position.cost * moved / position.quantity)
    sequence = _after(position, ts_event)
    out, into = (
        _moved(position, account_id, book, amount, value, ts_event, sequence, rates, reference)
        for book, amount, value in (
            (position.book_id, negated(moved), negated(cost)),
            (to_book, moved, cost),
        )
    )
    return (
        replace(out, reason=reason, counter_book=to_book),
        replace(into, reason=reason, counter_book=position.book_id),
    )


def moved_entries(
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal,
    *,
    account_id: AccountId,
    from_book: BookId,
    to_book: BookId,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    reason: str,
    side: PositionSide = PositionSide.NET,
) -> tuple[LedgerEntry, LedgerEntry]:
    """Return the two entries that book a trade of one book (signed `quantity`) to another.

    As if the one had not made it and the other had, at `price`: a trade by hand that closed a
    position of ours is netted so.
    """
    value = instrument.value(quantity, price)
    out, into = (
        LedgerEntry(
            entry_id=entry_id_of("net", account_id, book, other, instrument.id, side, reference),
            account_id=account_id,
            book_id=book,
            kind=EntryKind.TRANSFER,
            ts_event=ts_event,
            postings=trade_postings(instrument, amount, worth),
            instrument_id=instrument.id,
            position_side=side,
            quantity=amount,
            price=price,
            value=worth,
            reason=reason,
            rates=rates_of(rates),
            note=reference,
            counter_book=other,
        )
        for book, other, amount, worth in (
            (from_book, to_book, negated(quantity), negated(value)),
            (to_book, from_book, quantity, value),
        )
    )
    return out, into


def _moved(
    position: Position,
    account_id: AccountId,
    book_id: BookId,
    quantity: Decimal,
    value: Decimal,
    ts_event: datetime,
    sequence: int,
    rates: Rates,
    reference: str,
) -> LedgerEntry:
    key = (account_id, book_id, position.instrument_id, position.side, reference)
    return LedgerEntry(
        entry_id=entry_id_of("move", *key, ts_event.isoformat()),
        account_id=account_id,
        book_id=book_id,
        kind=EntryKind.TRANSFER,
        ts_event=ts_event,
        sequence=sequence,
        postings=trade_postings(position.instrument, quantity, value),
        instrument_id=position.instrument_id,
        position_side=position.side,
        quantity=quantity,
        price=position.average_price,
        value=value,
        rates=rates_of(rates),
        note=reference,
    )


def dust_transfer(
    position: Position,
    *,
    account_id: AccountId,
    ts_event: datetime,
    rates: Rates,
) -> tuple[LedgerEntry, LedgerEntry]:
    """Return the entries that move a remainder too small to be sold to the dust book.

    Ask `Instrument.is_dust` first. The position is flat afterwards and its round trip closed.
    """
    return book_transfer_entries(
        position,
        account_id=account_id,
        to_book=DUST_BOOK,
        ts_event=ts_event,
        rates=rates,
        # Dust of one book may come again; it comes once after each last movement.
        reference=f"{position.book_id} {position.last_at} {position.last_sequence}",
        reason="dust",
    )


def split_entry(
    position: Position,
    ratio: Decimal,
    *,
    account_id: AccountId,
    ts_event: datetime,
    reference: str,
) -> LedgerEntry:
    """Return a split: `ratio` new units for each old one, the cost kept (0.1 is a reverse split).

    Args:
        position: The position as the ledger has it; its last movement comes before the split.

    Raises:
        ValueError: The ratio is not above zero, or there is nothing to split.
    """
    if ratio <= 0 or not position.quantity:
        raise ValueError(f"{position.quantity} of {position.instrument_id} can't split by {ratio}")
    with exact():
        change = quantize(position.quantity * ratio) - position.quantity
    unit, held = unit_of(position.instrument), held_account(position.instrument)
    key = (account_id, position.book_id, position.instrument_id, position.side, reference)
    return LedgerEntry(
        entry_id=entry_id_of("split", *key, ts_event.isoformat()),
        account_id=account_id,
        book_id=position.book_id,
        kind=EntryKind.CORPORATE_ACTION,
        ts_event=ts_event,
        sequence=_after(position, ts_event),
        postings=pair(LedgerAccount.ADJUSTMENT, unit, change, held=held),
        instrument_id=position.instrument_id,
        position_side=position.side,
        quantity=change,
        reason="split",
        note=reference,
    )


def _after(position: Position, ts_event: datetime) -> int:
    """Return a sequence that puts an entry behind the position's last movement."""
    return position.last_sequence + 1 if position.last_at == ts_event else 0
