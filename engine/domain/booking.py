"""Entries built from what happened: fills, costs, flows, moves between books, corporate actions.

Entry ids are functions of what is booked, so that the same fact booked twice is noticed. Where a
fact has no id of its own the caller gives a `reference` that is the same whenever it is told.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.entries import EntryKind, LedgerAccount, LedgerEntry, Posting
from engine.domain.ids import (
    DUST_BOOK,
    UNMANAGED_BOOK,
    AccountId,
    AssetId,
    BookId,
    EntryId,
    digest_id,
)
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact, quantize
from engine.domain.movements import unit_of
from engine.domain.orders import Fill, OrderPurpose, PositionSide
from engine.domain.positions import Position

Rates = Mapping[AssetId, Decimal]


def fill_entry(
    fill: Fill,
    *,
    book_id: BookId,
    instrument: Instrument,
    rates: Rates,
    purpose: OrderPurpose | None = None,
    reason: str = "",
    kind: EntryKind = EntryKind.FILL,
) -> LedgerEntry:
    """Return the entry of one execution, its commission included.

    Args:
        rates: Reporting units per unit of settlement and commission asset. An asset without one
            is booked all the same; the figures that need it are incomplete until it is priced.
        kind: LIQUIDATION when the venue closed the position by force.
    """
    with exact():
        quantity = fill.quantity * fill.side.sign
    value = instrument.value(quantity, fill.price)
    postings = _trade_postings(instrument, quantity, value)
    if fill.commission:
        postings += _pair(LedgerAccount.FEES, fill.commission_asset, -fill.commission)
    return LedgerEntry(
        entry_id=fill_entry_id(fill),
        account_id=fill.account_id,
        book_id=book_id,
        kind=kind,
        ts_event=fill.ts_event,
        sequence=fill.sequence,
        postings=postings,
        instrument_id=fill.instrument_id,
        position_side=fill.position_side,
        side=fill.side,
        quantity=quantity,
        price=fill.price,
        value=value,
        trade_id=fill.trade_id,
        venue_order_id=fill.venue_order_id,
        client_order_id=fill.client_order_id,
        purpose=purpose,
        reason=reason,
        rates=rates_of(rates),
    )


def fill_entry_id(fill: Fill) -> EntryId:
    """Return the id under which this execution is booked, whoever reports it."""
    return EntryId(digest_id("fill-", fill.key))


def fee_entry(
    original: LedgerEntry,
    *,
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
) -> LedgerEntry:
    """Return a fee (positive) or rebate (negative) that became known after its fill was booked.

    A fee in the base of a spot instrument is valued at the fill's price.
    """
    return replace(
        original,
        entry_id=_entry_id("fee", original.entry_id, reference),
        kind=EntryKind.FEE,
        ts_event=ts_event,
        sequence=original.sequence + 1 if ts_event == original.ts_event else 0,
        postings=_pair(LedgerAccount.FEES, asset, -amount),
        side=None,
        quantity=None,
        value=None,
        rates=rates_of(rates),
        note=reference,
    )


def bust_entry(original: LedgerEntry, *, ts_event: datetime, reason: str = "bust") -> LedgerEntry:
    """Return the entry that undoes `original`: every posting reversed, at the same rates.

    The position is folded as if neither had happened. A corrected fill is a bust and a new fill.
    """
    return replace(
        original,
        entry_id=_entry_id("bust", original.entry_id),
        kind=EntryKind.CORRECTION,
        ts_event=ts_event,
        sequence=0,
        postings=tuple(replace(p, amount=-p.amount) for p in original.postings),
        side=None if original.side is None else original.side.opposite,
        quantity=None if original.quantity is None else -original.quantity,
        value=None if original.value is None else -original.value,
        reason=reason,
        corrects=original.entry_id,
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
        entry_id=_entry_id("flow", account_id, book_id, asset, ts_event.isoformat(), reference),
        account_id=account_id,
        book_id=book_id,
        kind=EntryKind.TRANSFER,
        ts_event=ts_event,
        postings=_pair(LedgerAccount.EXTERNAL, asset, amount),
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
        amount=-amount,
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
        entry_id=_entry_id("adjust", account_id, asset, ts_event.isoformat(), reference),
        account_id=account_id,
        book_id=UNMANAGED_BOOK,
        kind=EntryKind.ADJUSTMENT,
        ts_event=ts_event,
        postings=_pair(LedgerAccount.ADJUSTMENT, asset, amount),
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
    value = instrument.value(quantity, price)
    if instrument.kind is InstrumentKind.SPOT:
        account = (
            LedgerAccount.ADJUSTMENT if kind is EntryKind.ADJUSTMENT else LedgerAccount.EXTERNAL
        )
        postings = _pair(account, instrument.base, quantity)
    else:
        postings = _trade_postings(instrument, quantity, value)
    key = (account_id, book_id, instrument.id, side, ts_event.isoformat(), reference)
    return LedgerEntry(
        entry_id=_entry_id("found", *key),
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
    size = abs(position.quantity) if quantity is None else quantity
    if not ZERO < size <= abs(position.quantity):
        raise ValueError(
            f"{position.book_id} holds {position.quantity} of {position.instrument_id}: "
            f"{size} can't be moved"
        )
    if to_book == position.book_id:
        raise ValueError(f"{position.instrument_id} is in {to_book} already")
    with exact():
        moved = size if position.quantity > 0 else -size
        cost = position.cost
        if size != abs(position.quantity):
            cost = quantize(position.cost * moved / position.quantity)
    sequence = _after(position, ts_event)
    out, into = (
        _moved(position, account_id, book, amount, value, ts_event, sequence, rates, reference)
        for book, amount, value in (
            (position.book_id, -moved, -cost),
            (to_book, moved, cost),
        )
    )
    return replace(out, reason=reason), replace(into, reason=reason)


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
        entry_id=_entry_id("move", *key, ts_event.isoformat()),
        account_id=account_id,
        book_id=book_id,
        kind=EntryKind.TRANSFER,
        ts_event=ts_event,
        sequence=sequence,
        postings=_trade_postings(position.instrument, quantity, value),
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


def funding_entry(
    *,
    account_id: AccountId,
    book_id: BookId,
    instrument: Instrument,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    asset: AssetId | None = None,
    side: PositionSide = PositionSide.NET,
) -> LedgerEntry:
    """Return a funding payment; positive was received. In the settlement asset unless named."""
    return _income(
        EntryKind.FUNDING,
        LedgerAccount.FUNDING,
        (account_id, book_id, instrument, side),
        instrument.settlement if asset is None else asset,
        amount,
        ts_event,
        rates,
        reference,
    )


def interest_entry(
    *,
    account_id: AccountId,
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    book_id: BookId = UNMANAGED_BOOK,
    instrument: Instrument | None = None,
    side: PositionSide = PositionSide.NET,
) -> LedgerEntry:
    """Return interest or borrowing cost; positive was received."""
    return _income(
        EntryKind.INTEREST,
        LedgerAccount.INTEREST,
        (account_id, book_id, instrument, side),
        asset,
        amount,
        ts_event,
        rates,
        reference,
    )


def dividend_entry(
    *,
    account_id: AccountId,
    book_id: BookId,
    instrument: Instrument,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
) -> LedgerEntry:
    """Return a cash dividend in the quote (negative: owed on a short); counted as interest."""
    return _income(
        EntryKind.CORPORATE_ACTION,
        LedgerAccount.INTEREST,
        (account_id, book_id, instrument, PositionSide.NET),
        instrument.quote,
        amount,
        ts_event,
        rates,
        reference,
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
    unit, held = unit_of(position.instrument), _held(position.instrument)
    key = (account_id, position.book_id, position.instrument_id, position.side, reference)
    return LedgerEntry(
        entry_id=_entry_id("split", *key, ts_event.isoformat()),
        account_id=account_id,
        book_id=position.book_id,
        kind=EntryKind.CORPORATE_ACTION,
        ts_event=ts_event,
        sequence=_after(position, ts_event),
        postings=_pair(LedgerAccount.ADJUSTMENT, unit, change, held=held),
        instrument_id=position.instrument_id,
        position_side=position.side,
        quantity=change,
        reason="split",
        note=reference,
    )


def rates_of(rates: Rates) -> dict[AssetId, Decimal]:
    """Return a copy with no more than the 18 places that storage keeps."""
    return {asset: rate if _places(rate) <= 18 else quantize(rate) for asset, rate in rates.items()}


def _places(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{amount} is not a rate")
    return -exponent


def _income(
    kind: EntryKind,
    account: LedgerAccount,
    place: tuple[AccountId, BookId, Instrument | None, PositionSide],
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
) -> LedgerEntry:
    account_id, book_id, instrument, side = place
    name = "" if instrument is None else instrument.id
    key = (account_id, book_id, name, side, asset, ts_event.isoformat(), reference)
    return LedgerEntry(
        entry_id=_entry_id(kind, *key),
        account_id=account_id,
        book_id=book_id,
        kind=kind,
        ts_event=ts_event,
        postings=_pair(account, asset, amount),
        instrument_id=None if instrument is None else instrument.id,
        position_side=side,
        reason=str(kind),
        rates=rates_of(rates),
        note=reference,
    )


def _entry_id(kind: str, *parts: str) -> EntryId:
    return EntryId(digest_id(f"{kind}-", *parts))


def _held(instrument: Instrument) -> LedgerAccount:
    return (
        LedgerAccount.HOLDING if instrument.kind is InstrumentKind.SPOT else LedgerAccount.POSITION
    )


def _pair(
    account: LedgerAccount,
    asset: AssetId,
    amount: Decimal,
    *,
    held: LedgerAccount = LedgerAccount.HOLDING,
) -> tuple[Posting, ...]:
    """Return the two postings of `amount` received, `account` saying why."""
    return (
        Posting(ledger_account=held, asset=asset, amount=amount),
        Posting(ledger_account=account, asset=asset, amount=-amount),
    )


def _trade_postings(
    instrument: Instrument, quantity: Decimal, value: Decimal
) -> tuple[Posting, ...]:
    """Return `quantity` bought (signed) for `value`: the one shape of every kind of instrument."""
    trading = LedgerAccount.TRADING
    return _pair(trading, unit_of(instrument), quantity, held=_held(instrument)) + _pair(
        trading, instrument.settlement, -value
    )


def _after(position: Position, ts_event: datetime) -> int:
    """Return a sequence that puts an entry behind the position's last movement."""
    return position.last_sequence + 1 if position.last_at == ts_event else 0


__all__ = [
    "Rates",
    "book_transfer_entries",
    "bust_entry",
    "cash_adjustment_entry",
    "deposit_entry",
    "dividend_entry",
    "dust_transfer",
    "fee_entry",
    "fill_entry",
    "fill_entry_id",
    "found_position_entry",
    "funding_entry",
    "interest_entry",
    "rates_of",
    "split_entry",
    "withdrawal_entry",
]
