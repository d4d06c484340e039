"""Entries of what trading makes and costs: fills, fees, busts, funding, interest, dividends.

Entry ids are functions of what is booked, so that the same fact booked twice is noticed. Where a
fact has no id of its own the caller gives a `reference` that is the same whenever it is told.
Entries of what moves without a trade are made in `transfers`, and offered here beside these.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.entries import EntryKind, LedgerAccount, LedgerEntry
from engine.domain.ids import UNMANAGED_BOOK, AccountId, AssetId, BookId, EntryId, digest_id
from engine.domain.instruments import Instrument
from engine.domain.money import exact
from engine.domain.orders import Fill, OrderPurpose, PositionSide
from engine.domain.postings import Rates, entry_id_of, kept, negated, pair, rates_of, trade_postings
from engine.domain.transfers import (
    book_transfer_entries,
    cash_adjustment_entry,
    deposit_entry,
    dust_transfer,
    found_position_entry,
    moved_entries,
    split_entry,
    withdrawal_entry,
)

__all__ = [
    "Rates",
    "account_fee_entry",
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
    "moved_entries",
    "rates_of",
    "split_entry",
    "withdrawal_entry",
]


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
        quantity = kept(fill.quantity) * fill.side.sign
    value = instrument.value(quantity, fill.price)
    postings = trade_postings(instrument, quantity, value)
    if fill.commission:
        postings += pair(LedgerAccount.FEES, fill.commission_asset, negated(fill.commission))
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
        entry_id=entry_id_of("fee", original.entry_id, reference),
        kind=EntryKind.FEE,
        ts_event=ts_event,
        sequence=original.sequence + 1 if ts_event == original.ts_event else 0,
        postings=pair(LedgerAccount.FEES, asset, negated(amount)),
        side=None,
        quantity=None,
        value=None,
        rates=rates_of(rates),
        note=reference,
    )


def account_fee_entry(
    *,
    account_id: AccountId,
    asset: AssetId,
    amount: Decimal,
    ts_event: datetime,
    rates: Rates,
    reference: str,
    book_id: BookId = UNMANAGED_BOOK,
    instrument: Instrument | None = None,
) -> LedgerEntry:
    """Return a fee that no fill explains; negative was paid."""
    return _income(
        EntryKind.FEE,
        LedgerAccount.FEES,
        (account_id, book_id, instrument, PositionSide.NET),
        asset,
        amount,
        ts_event,
        rates,
        reference,
    )


def bust_entry(original: LedgerEntry, *, ts_event: datetime, reason: str = "bust") -> LedgerEntry:
    """Return the entry that undoes `original`: every posting reversed, at the same rates.

    The position is folded as if neither had happened. A corrected fill is a bust and a new fill.
    """
    return replace(
        original,
        entry_id=entry_id_of("bust", original.entry_id),
        kind=EntryKind.CORRECTION,
        ts_event=ts_event,
        sequence=0,
        postings=tuple(replace(p, amount=negated(p.amount)) for p in original.postings),
        side=None if original.side is None else original.side.opposite,
        quantity=None if original.quantity is None else negated(original.quantity),
        value=None if original.value is None else negated(original.value),
        reason=reason,
        corrects=original.entry_id,
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
        entry_id=entry_id_of(kind, *key),
        account_id=account_id,
        book_id=book_id,
        kind=kind,
        ts_event=ts_event,
        postings=pair(account, asset, amount),
        instrument_id=None if instrument is None else instrument.id,
        position_side=side,
        reason=str(kind),
        rates=rates_of(rates),
        note=reference,
    )
