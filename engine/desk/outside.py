"""What is held outside our books, and what of it people are being asked about."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.domain.differences import (
    Difference,
    DifferenceKind,
    DifferenceState,
    ReconciliationMark,
)
from engine.domain.entries import LedgerEntry
from engine.domain.ids import AssetId, DifferenceId, InstrumentId
from engine.domain.money import ZERO, exact
from engine.execution.rounding import bookings, rounded_amount

OPENING = "opening"  # the reference of entries that book what the account held before us


class Outside:
    """The differences that stand, and what the account held at its opening.

    Attributes:
        rows: Open differences and baselines, by id.
        opening: Signed, per instrument: positions found at the opening.
        mark: How the last pass went; None before the account was opened.
        booked: Per asset, amounts in our books that the venue may have rounded.
        rounded: Per asset, what was booked as the venue's rounding, in sum.
        looking_again: What the last pass saw and could not confirm yet: entries in these
            instruments wait, each with what was seen.
        wanted: A pass is wanted soon: something came that no order of ours explains.
    """

    def __init__(self) -> None:
        self.rows: dict[DifferenceId, Difference] = {}
        self.opening: dict[InstrumentId, Decimal] = {}
        self.mark: ReconciliationMark | None = None
        self.booked: Counter[AssetId] = Counter()
        self.rounded: dict[AssetId, Decimal] = {}
        self.looking_again: Mapping[InstrumentId, str] = {}
        self.wanted = False

    def read(self, entries: Iterable[LedgerEntry]) -> None:
        """Learn from stored entries what was held at the opening, and what was booked since."""
        for entry in entries:
            self.opened_with(entry)
            self.count(entry)

    def count(self, entry: LedgerEntry) -> None:
        """Count the amounts of a new entry that the venue may have rounded, and the rounding."""
        for asset in bookings(entry):
            self.booked[asset] += 1
        amount = rounded_amount(entry)
        if amount:
            asset = entry.postings[0].asset
            with exact():
                self.rounded[asset] = self.rounded.get(asset, ZERO) + amount

    def booked_since(self) -> dict[AssetId, int]:
        """Return, per asset, how many amounts were booked since both last agreed."""
        before = {} if self.mark is None else self.mark.agreed
        return {asset: count - before.get(asset, 0) for asset, count in self.booked.items()}

    def opened_with(self, entry: LedgerEntry) -> None:
        if entry.note != OPENING or entry.instrument_id is None or entry.quantity is None:
            return
        with exact():
            held = self.opening.get(entry.instrument_id, ZERO)
            self.opening[entry.instrument_id] = held + entry.quantity

    def put(self, difference: Difference) -> None:
        """File a row, or forget one that has ended."""
        if difference.state in {DifferenceState.OPEN, DifferenceState.IGNORED}:
            self.rows[difference.difference_id] = difference
        else:
            self.rows.pop(difference.difference_id, None)

    @property
    def open(self) -> tuple[Difference, ...]:
        """The differences that a person is asked about, oldest first."""
        found = [row for row in self.rows.values() if row.is_open]
        return tuple(sorted(found, key=lambda row: (row.found_at, row.difference_id)))

    def baseline(self, kind: DifferenceKind, subject: str) -> Difference | None:
        """Return the row that a person told us to ignore, None where there is none."""
        for row in self.rows.values():
            if row.state is DifferenceState.IGNORED and (row.kind, row.subject) == (kind, subject):
                return row
        return None

    def expected(self, instrument_id: InstrumentId) -> Decimal:
        """Return what `unmanaged` should hold: what was there at the opening, or was accepted."""
        accepted = self.baseline(DifferenceKind.MANUAL_TRADE, instrument_id)
        return self.opening.get(instrument_id, ZERO) if accepted is None else accepted.venue

    def unexplained(self, kind: DifferenceKind, subject: str) -> Decimal:
        """Return `venue - ours` of the newest row of that kind, answered or not; 0 without one."""
        rows = [row for row in self.rows.values() if (row.kind, row.subject) == (kind, subject)]
        if not rows:
            return ZERO
        return max(rows, key=lambda row: (row.is_open, row.found_at)).surplus

    def blocked(self, instrument_id: InstrumentId) -> str:
        """Return why entries in the instrument wait; empty where they don't."""
        for row in self.rows.values():
            if row.is_open and row.instrument_id == instrument_id:
                return "it differs from the venue; entries wait for the answer to /reconcile"
        seen = self.looking_again.get(instrument_id)
        return "" if seen is None else f"{seen}; entries wait while that is looked at again"
