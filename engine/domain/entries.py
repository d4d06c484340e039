"""Ledger entries: what was booked, as balanced postings. Append-only; corrections are new ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from engine.domain.ids import (
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    EntryId,
    InstrumentId,
    TradeId,
    VenueOrderId,
)
from engine.domain.orders import OrderPurpose, OrderSide, PositionSide


class EntryKind(StrEnum):
    FILL = "fill"
    FEE = "fee"
    FUNDING = "funding"
    INTEREST = "interest"
    TRANSFER = "transfer"  # deposit, withdrawal, or between books
    CORPORATE_ACTION = "corporate_action"
    LIQUIDATION = "liquidation"
    ADJUSTMENT = "adjustment"
    CORRECTION = "correction"


class LedgerAccount(StrEnum):
    """The two sides of double entry: what is held, and where it came from or went."""

    HOLDING = "holding"  # what the account has of an asset
    POSITION = "position"  # contracts of a derivative, counted in the instrument's own "asset"
    TRADING = "trading"  # the counterpart of fills
    FEES = "fees"
    FUNDING = "funding"
    INTEREST = "interest"
    EXTERNAL = "external"  # the world outside: deposits and withdrawals
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One line of an entry; the amounts of an entry sum to zero per asset."""

    ledger_account: LedgerAccount
    asset: AssetId
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One booking.

    Attributes:
        entry_id: Unique; for a fill a function of `Fill.key`, so that booking twice is noticed.
        ts_event, sequence: Canonical order of the fold, with the entry id as the last resort.
        quantity: Of a fill: base units or contracts, signed (buy positive).
        price, value: Of a fill: quote per base, and `Instrument.value(quantity, price)`.
        rates: Reporting units per unit of each posted asset when it was booked.
        corrects: Of a CORRECTION: the entry that it undoes.
        counter_book: Of a move between books: the other one. The venue knows nothing of it.
        purpose, reason: Copied from the order, for trades and reports.
    """

    entry_id: EntryId
    account_id: AccountId
    book_id: BookId
    kind: EntryKind
    ts_event: datetime
    postings: tuple[Posting, ...]
    sequence: int = 0
    instrument_id: InstrumentId | None = None
    position_side: PositionSide = PositionSide.NET
    side: OrderSide | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    value: Decimal | None = None
    trade_id: TradeId | None = None
    venue_order_id: VenueOrderId | None = None
    client_order_id: ClientOrderId | None = None
    purpose: OrderPurpose | None = None
    reason: str = ""
    rates: Mapping[AssetId, Decimal] = field(default_factory=dict)
    note: str = ""
    corrects: EntryId | None = None
    counter_book: BookId | None = None


def in_canonical_order(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return the entries in the order of the fold, in which every one of them is a step forward."""
    return sorted(entries, key=attrgetter("ts_event", "sequence", "entry_id"))
