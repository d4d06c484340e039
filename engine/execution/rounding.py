"""What a venue's rounding may have taken from a balance, or given to it (ADR 0019).

A venue keeps an asset in whole increments and rounds what it books; our books keep 18 places. Each
amount that was booked may differ by less than one increment. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.domain.accounts import Balance
from engine.domain.entries import EntryKind, LedgerAccount, LedgerEntry
from engine.domain.ids import AssetId
from engine.domain.money import ZERO, exact

REASON = "rounding"

# What the venue works out itself. Transfers are told to the last digit, and what we book to come
# even with the venue is its own number.
_ROUNDED = frozenset(
    {
        EntryKind.FILL,
        EntryKind.LIQUIDATION,
        EntryKind.FEE,
        EntryKind.FUNDING,
        EntryKind.INTEREST,
        EntryKind.CORRECTION,
    }
)


@dataclass(frozen=True, slots=True)
class Rounding:
    """`amount` of the asset, signed, to be booked beside `ours`: what the venue has more."""

    asset: AssetId
    ours: Decimal
    amount: Decimal


def bookings(entry: LedgerEntry) -> Iterable[AssetId]:
    """Return the asset of each amount of an entry that the venue may have rounded."""
    if entry.kind not in _ROUNDED or entry.counter_book is not None:
        return ()
    return (p.asset for p in entry.postings if p.ledger_account is LedgerAccount.HOLDING)


def rounded_amount(entry: LedgerEntry) -> Decimal:
    """Return what an entry books as rounding: zero for any other entry."""
    if entry.kind is not EntryKind.ADJUSTMENT or entry.reason != REASON:
        return ZERO
    with exact():
        held = (p.amount for p in entry.postings if p.ledger_account is LedgerAccount.HOLDING)
        return sum(held, ZERO)


def is_rounding(differs: Decimal, increment: Decimal, booked: int) -> bool:
    """Tell whether so many bookings explain what differs: never more than an increment each."""
    with exact():
        return bool(differs) and abs(differs) <= increment * booked


def roundings(
    ours: Mapping[AssetId, Decimal],
    theirs: Iterable[Balance],
    accepted: Mapping[AssetId, Decimal],
    booked: Mapping[AssetId, int],
) -> tuple[Rounding, ...]:
    """Return what rounding explains, by asset.

    Args:
        accepted: `venue - ours` that a person told us to ignore.
        booked: Amounts booked since both last agreed.
    """
    found = []
    with exact():
        for balance in sorted(theirs, key=lambda one: one.asset):
            asset = balance.asset
            mine = ours.get(asset, ZERO)
            differs = balance.total - mine - accepted.get(asset, ZERO)
            if is_rounding(differs, balance.increment, booked.get(asset, 0)):
                found.append(Rounding(asset, mine, differs))
    return tuple(found)
