"""What an account is worth at given marks, and where its equity came from.

    equity = sum of cash x rate + sum of value(position, mark) x rate
           = flows + realized + unrealized - fees + funding + interest + revaluation

Both lines hold to the last digit. Every product above is rounded to 18 places once, where it is
made. A position's P&L is its price P&L in the settlement asset, converted at the rate of the day
it is realised, or at today's; what the *settlement balance* (cash plus the cost of positions)
gained because its asset's rate moved since each amount was booked is revaluation. An account whose
assets all are the reporting asset has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from engine.domain.ids import AssetId, BookId, InstrumentId
from engine.domain.ledger import Ledger, Totals
from engine.domain.money import ONE, ZERO, exact
from engine.domain.movements import convert
from engine.domain.positions import Position
from engine.domain.rates import Conversion, Mark, RateBook

__all__ = [
    "BookValue",
    "Conversion",
    "Mark",
    "PositionValue",
    "RateBook",
    "Valuation",
    "value_account",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionValue:
    """One open position at its mark.

    Attributes:
        mark: None when the instrument has no price; a stale one is kept, to be shown.
        unrealized: Reporting asset; None without a fresh price and rate.
        value, cost: Reporting asset, at today's rate; None likewise.
    """

    position: Position
    mark: Mark | None
    value: Decimal | None = None
    cost: Decimal | None = None

    @property
    def unrealized(self) -> Decimal | None:
        if self.value is None or self.cost is None:
            return None
        with exact():
            return self.value - self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class BookValue:
    """P&L of one book, or of one instrument, in the reporting asset.

    Attributes:
        totals: Since the account opened.
        unrealized: None when a position in it lacks a fresh price.
    """

    totals: Totals
    unrealized: Decimal | None
    open_positions: int

    @property
    def pnl(self) -> Decimal | None:
        """Realised and unrealised, less fees, plus funding and interest."""
        if self.unrealized is None:
            return None
        with exact():
            return self.totals.net + self.unrealized


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """An account at an instant, in its reporting asset.

    Attributes:
        equity, unrealized, revaluation: None when something they need has no fresh price.
        totals: Running totals since the account opened.
        positions: By book, instrument and side.
        conversions: How each asset that counts was converted; stale ones included.
        incomplete: What lacks a fresh price, and why, for a person.
    """

    time: datetime
    equity: Decimal | None
    unrealized: Decimal | None
    revaluation: Decimal | None
    totals: Totals
    positions: tuple[PositionValue, ...]
    by_book: Mapping[BookId, BookValue]
    by_instrument: Mapping[InstrumentId, BookValue]
    conversions: Mapping[AssetId, Conversion]
    incomplete: tuple[str, ...]


def value_account(
    ledger: Ledger,
    marks: Mapping[InstrumentId, Mark],
    *,
    now: datetime,
    max_age: timedelta | None,
    rates: RateBook,
) -> Valuation:
    """Value the account at the marks.

    Args:
        now: Market time UTC.
        max_age: A price older than this is stale: what needs it is None and `incomplete` names
            it. None takes prices of any age.
    """
    pricing = _Pricing(marks, rates, now, max_age)
    with exact():
        positions = tuple(pricing.position(position) for position in ledger.positions())
        cash = pricing.cash(ledger)
        value = _total([p.value for p in positions])
        cost = _total([p.cost for p in positions])
        totals = ledger.totals()
        equity = None if cash is None or value is None else cash + value
        unrealized = None if value is None or cost is None else value - cost
        revaluation = None
        if cash is not None and cost is not None:
            revaluation = cash + cost - totals.net - totals.flows
    return Valuation(
        time=now,
        equity=equity,
        unrealized=unrealized,
        revaluation=revaluation,
        totals=totals,
        positions=positions,
        by_book=_parts(ledger.totals_by_book(), [(p.position.book_id, p) for p in positions]),
        by_instrument=_parts(
            ledger.totals_by_instrument(), [(p.position.instrument_id, p) for p in positions]
        ),
        conversions=pricing.conversions,
        incomplete=tuple(pricing.incomplete),
    )


def account_equity(
    ledger: Ledger,
    marks: Mapping[InstrumentId, Mark],
    *,
    now: datetime,
    max_age: timedelta | None,
    rates: RateBook,
) -> Decimal | None:
    """Return the equity that `value_account` finds, and nothing else of it."""
    pricing = _Pricing(marks, rates, now, max_age)
    with exact():
        cash = pricing.cash(ledger)
        value = _total([pricing.position(position).value for position in ledger.positions()])
        return None if cash is None or value is None else cash + value


class _Pricing:
    """Fresh prices and rates, each asset looked up once; notes what is missing."""

    def __init__(
        self,
        marks: Mapping[InstrumentId, Mark],
        rates: RateBook,
        now: datetime,
        max_age: timedelta | None,
    ) -> None:
        self._marks = marks
        self._book = rates
        self._now = now
        self._not_before = None if max_age is None else now - max_age
        self._rates: dict[AssetId, Decimal | None] = {rates.reporting: ONE}
        self._noted: set[str] = set()
        self.conversions: dict[AssetId, Conversion] = {}
        self.incomplete: list[str] = []

    def position(self, position: Position) -> PositionValue:
        instrument = position.instrument
        mark = self._marks.get(instrument.id)
        rate = self._rate(instrument.settlement)
        cost = None if rate is None else convert(position.cost, rate)
        if mark is None:
            self._note(f"{instrument.id}: no price")
        elif self._not_before is not None and mark.time < self._not_before:
            self._note(f"{instrument.id}: price is {self._now - mark.time} old")
        elif rate is not None:
            value = convert(instrument.value(position.quantity, mark.price), rate)
            return PositionValue(position=position, mark=mark, value=value, cost=cost)
        return PositionValue(position=position, mark=mark, cost=cost)

    def cash(self, ledger: Ledger) -> Decimal | None:
        return _total([self.amount(a, amount) for a, amount in ledger.cash().items() if amount])

    def amount(self, asset: AssetId, amount: Decimal) -> Decimal | None:
        rate = self._rate(asset)
        return None if rate is None else convert(amount, rate)

    def _rate(self, asset: AssetId) -> Decimal | None:
        if asset not in self._rates:
            self._rates[asset] = self._find(asset)
        return self._rates[asset]

    def _find(self, asset: AssetId) -> Decimal | None:
        fresh = self._book.conversion(asset, not_before=self._not_before)
        if fresh is not None:
            self.conversions[asset] = fresh
            return fresh.rate
        stale = self._book.conversion(asset)
        if stale is None:
            self._note(f"{asset}: no price in {self._book.reporting}")
            return None
        self.conversions[asset] = stale
        path = " and ".join(stale.path)
        self._note(f"{asset}: price by {path} is {stale.age(self._now)} old")
        return None

    def _note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self.incomplete.append(text)


def _total(amounts: list[Decimal | None]) -> Decimal | None:
    """Return the sum, or None when a part is missing."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if len(known) == len(amounts) else None


_Name = TypeVar("_Name", BookId, InstrumentId)


def _parts(
    totals: Mapping[_Name, Totals], positions: list[tuple[_Name, PositionValue]]
) -> dict[_Name, BookValue]:
    held: dict[_Name, list[Decimal | None]] = {}
    for name, position in positions:
        held.setdefault(name, []).append(position.unrealized)
    with exact():
        return {
            name: BookValue(
                totals=total,
                unrealized=_total(held.get(name, [])),
                open_positions=len(held.get(name, [])),
            )
            for name, total in totals.items()
        }
