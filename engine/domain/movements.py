"""What an entry means: how its postings move cash, a position, and the running totals.

The postings alone decide; an entry's own quantity and value only repeat them for reports. The
side that is not HOLDING or POSITION tells why an amount moved. The *unit* of a position is the
base for spot and the instrument itself for derivatives; units that move for any reason but a
trade are bought or sold at the entry's price, so that every unit ever held has a cost.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from engine.domain.entries import EntryKind, LedgerAccount, LedgerEntry, Posting
from engine.domain.ids import AssetId, EntryId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ONE, ZERO, quantize


class UnbookableEntry(ValueError):
    """An entry that the ledger can't fold; nothing was changed."""


class LegKind(StrEnum):
    TRADE = "trade"
    OTHER = "other"  # a fee in the base, a flow, a move between books
    SCALE = "scale"  # a split: more or fewer units for the same cost


class Leg(NamedTuple):
    """One change of a position: signed units, and the settlement asset they cost."""

    kind: LegKind
    quantity: Decimal
    value: Decimal


class Movement(NamedTuple):
    """What one entry does to its position; the first three fields are its canonical place.

    Attributes:
        rate: Reporting units per settlement unit; zero when it was not known.
        fees, funding: Reporting asset; funding includes interest.
        corrects: The entry that this one undoes.
    """

    ts_event: datetime
    sequence: int
    entry_id: EntryId
    legs: tuple[Leg, ...]
    rate: Decimal
    fees: Decimal
    funding: Decimal
    reason: str
    corrects: EntryId | None


class Line(NamedTuple):
    """One amount for the running totals, in its own asset and in the reporting one."""

    asset: AssetId
    amount: Decimal
    converted: Decimal


class Reading(NamedTuple):
    """An entry as the ledger books it.

    Attributes:
        movement: None where no instrument is named.
        cash: Changes of cash per asset; a spot position's base is not cash.
        fees, funding, interest, flows: Lines for the totals.
        unconverted: Assets whose rate the entry does not have.
    """

    movement: Movement | None
    cash: list[tuple[AssetId, Decimal]]
    fees: list[Line]
    funding: list[Line]
    interest: list[Line]
    flows: list[Line]
    unconverted: tuple[AssetId, ...]


_HELD = frozenset({LedgerAccount.HOLDING, LedgerAccount.POSITION})


def check_balanced(entry: LedgerEntry) -> None:
    """Raise UnbookableEntry unless the postings sum to zero per asset."""
    sums: dict[AssetId, Decimal] = {}
    for posting in entry.postings:
        sums[posting.asset] = sums.get(posting.asset, ZERO) + posting.amount
    for asset, total in sums.items():
        if total:
            raise UnbookableEntry(f"{entry.entry_id}: postings in {asset} sum to {total}, not 0")


def read_entry(entry: LedgerEntry, instrument: Instrument | None, reporting: AssetId) -> Reading:
    """Return what the entry books. Call it under `exact()`.

    Raises:
        UnbookableEntry: Unbalanced, or units move without a price.
    """
    check_balanced(entry)
    return _Reader(entry, instrument, reporting).read()


class _Reader:
    __slots__ = (
        "cash",
        "entry",
        "fees",
        "flows",
        "funding",
        "instrument",
        "interest",
        "legs",
        "rates",
        "reporting",
        "traded",
        "traded_value",
        "unconverted",
        "unit",
    )

    def __init__(
        self, entry: LedgerEntry, instrument: Instrument | None, reporting: AssetId
    ) -> None:
        self.entry = entry
        self.instrument = instrument
        self.reporting = reporting
        self.rates: Mapping[AssetId, Decimal] = entry.rates
        self.unit = None if instrument is None else unit_of(instrument)
        self.cash: list[tuple[AssetId, Decimal]] = []
        self.legs: list[Leg] = []
        self.traded = ZERO
        self.traded_value = ZERO
        self.fees: list[Line] = []
        self.funding: list[Line] = []
        self.interest: list[Line] = []
        self.flows: list[Line] = []
        self.unconverted: list[AssetId] = []

    def read(self) -> Reading:
        for posting in self.entry.postings:
            if posting.ledger_account in _HELD:
                if posting.asset != self.unit:
                    self.cash.append((posting.asset, posting.amount))
            elif posting.ledger_account is LedgerAccount.TRADING:
                self._trade(posting)
            elif posting.asset == self.unit:
                self._units(posting)
            else:
                self._amount(posting.ledger_account, posting.asset, -posting.amount)
        return Reading(
            self._movement(),
            self.cash,
            self.fees,
            self.funding,
            self.interest,
            self.flows,
            tuple(self.unconverted),
        )

    def _trade(self, posting: Posting) -> None:
        if posting.asset == self.unit:
            self.traded -= posting.amount
        elif self.instrument is not None and posting.asset == self.instrument.settlement:
            self.traded_value += posting.amount
        else:
            raise UnbookableEntry(
                f"{self.entry.entry_id}: {posting.asset} is neither the unit nor the settlement "
                f"asset of {self.entry.instrument_id}"
            )

    def _units(self, posting: Posting) -> None:
        """Units that came (or went) for another reason than a trade."""
        instrument, quantity = self.instrument, -posting.amount
        if instrument is None or not quantity:
            return
        if (
            posting.ledger_account is LedgerAccount.ADJUSTMENT
            and self.entry.kind is EntryKind.CORPORATE_ACTION
        ):
            self.legs.append(Leg(LegKind.SCALE, quantity, ZERO))
            return
        if self.entry.price is None:
            raise UnbookableEntry(
                f"{self.entry.entry_id}: {quantity} {posting.asset} of {instrument.id} move "
                "without a price"
            )
        value = instrument.value(quantity, self.entry.price)
        self.legs.append(Leg(LegKind.OTHER, quantity, value))
        self._amount(posting.ledger_account, instrument.settlement, value)

    def _amount(self, account: LedgerAccount, asset: AssetId, received: Decimal) -> None:
        """Add to the total that the counterpart names; an adjustment counts as a flow."""
        if not received:
            return
        if account is LedgerAccount.FEES:
            self.fees.append(Line(asset, -received, -self._convert(asset, received)))
            return
        line = Line(asset, received, self._convert(asset, received))
        if account is LedgerAccount.FUNDING:
            self.funding.append(line)
        elif account is LedgerAccount.INTEREST:
            self.interest.append(line)
        else:
            self.flows.append(line)

    def _rate(self, asset: AssetId) -> Decimal:
        if asset == self.reporting:
            return ONE
        rate = self.rates.get(asset)
        if rate is None:
            self.unconverted.append(asset)
            return ZERO
        return rate

    def _convert(self, asset: AssetId, amount: Decimal) -> Decimal:
        return convert(amount, self._rate(asset))

    def _movement(self) -> Movement | None:
        entry, instrument = self.entry, self.instrument
        if instrument is None:
            return None
        if self.traded_value and not self.traded:
            raise UnbookableEntry(f"{entry.entry_id}: a traded value without a quantity")
        if self.traded:
            kind = LegKind.OTHER if entry.kind in _NOT_TRADES else LegKind.TRADE
            self.legs.insert(0, Leg(kind, self.traded, self.traded_value))
        return Movement(
            entry.ts_event,
            entry.sequence,
            entry.entry_id,
            tuple(self.legs),
            self._rate(instrument.settlement) if self.legs else ONE,
            _total(self.fees),
            _total(self.funding + self.interest),
            entry.reason or (entry.purpose or ""),
            entry.corrects,
        )


_NOT_TRADES = frozenset({EntryKind.TRANSFER, EntryKind.ADJUSTMENT})


def _total(lines: list[Line]) -> Decimal:
    return sum((line.converted for line in lines), ZERO) if lines else ZERO


def unit_of(instrument: Instrument) -> AssetId:
    """Return what a position of the instrument is counted in, as an asset of postings."""
    return instrument.base if instrument.kind is InstrumentKind.SPOT else AssetId(instrument.id)


def convert(amount: Decimal, rate: Decimal) -> Decimal:
    """Return `amount` at `rate`, rounded to 18 places where it is made; exact at 1."""
    return amount if rate is ONE else quantize(amount * rate)
