"""A position as a fold over its movements: quantity, total cost, realised P&L, round trips."""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from engine.domain.ids import BookId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.money import ZERO, exact, quantize
from engine.domain.movements import Leg, LegKind, Movement, convert
from engine.domain.orders import PositionSide
from engine.domain.trades import OpenTrip, RoundTrip


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What one book holds of one instrument.

    Attributes:
        quantity: Base units or contracts, signed; zero when flat.
        cost: Total, signed, in the settlement asset: `value(quantity, mark) - cost` is the
            unrealised P&L for every kind. Without fees.
        realized_pnl, fees, funding: Since it was opened, in the reporting asset.
        opened_at, entry_tag: Of the movement that opened it; None and "" when flat.
        last_at, last_sequence: Canonical place of its last movement.
    """

    book_id: BookId
    instrument: Instrument
    side: PositionSide = PositionSide.NET
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    opened_at: datetime | None = None
    entry_tag: str = ""
    last_at: datetime | None = None
    last_sequence: int = 0

    @property
    def instrument_id(self) -> InstrumentId:
        return self.instrument.id

    @property
    def average_price(self) -> Decimal | None:
        """Average entry, quote per base (harmonic for inverse contracts); None when flat."""
        return self.instrument.average_price(self.quantity, self.cost) if self.quantity else None

    def unrealized(self, price: Decimal) -> Decimal:
        """Return the P&L of closing all of it at `price`, settlement asset, before fees."""
        with exact():
            return self.instrument.value(self.quantity, price) - self.cost


class Folded(NamedTuple):
    """What one movement did.

    Attributes:
        realized: Reporting asset, before fees; None where it only opened or added.
        closed: The round trip that it ended.
    """

    realized: Decimal | None
    closed: RoundTrip | None


class PositionFold:
    """The state of one position after some movements, folded in canonical order.

    Cost is kept as a total: a reduction takes out a proportional part (average) or whole lots
    from the oldest on (FIFO), rounded to 18 places, and the rest follows by subtraction, so
    that nothing is lost. Reversing through zero closes, then opens. Call it under `exact()`.

    Args:
        keeps_trades: Its round trips are wanted; what they would have cost or made counts as
            untraded otherwise.
    """

    __slots__ = (
        "_after_trade",
        "_keeps_trades",
        "_lots",
        "book_id",
        "cost",
        "instrument",
        "last",
        "quantity",
        "realized",
        "realized_converted",
        "side",
        "trades",
        "trip",
        "untraded",
    )

    def __init__(
        self,
        book_id: BookId,
        instrument: Instrument,
        side: PositionSide,
        *,
        fifo: bool,
        keeps_trades: bool = True,
    ) -> None:
        self.book_id = book_id
        self.instrument = instrument
        self.side = side
        self.quantity = ZERO
        self.cost = ZERO
        self.realized = ZERO  # settlement asset
        self.realized_converted = ZERO
        self.untraded = ZERO  # net P&L that belongs to no round trip, reporting asset
        self.trip: OpenTrip | None = None
        self.trades: list[RoundTrip] = []
        self.last: Movement | None = None
        self._lots: deque[tuple[Decimal, Decimal]] | None = deque() if fifo else None
        self._keeps_trades = keeps_trades
        self._after_trade = False  # the last trip that ended is trades[-1]

    def copy(self) -> "PositionFold":
        """Return an independent copy, to go back to when an earlier movement arrives."""
        twin = PositionFold(
            self.book_id,
            self.instrument,
            self.side,
            fifo=False,
            keeps_trades=self._keeps_trades,
        )
        for name in ("quantity", "cost", "realized", "realized_converted", "untraded", "last"):
            setattr(twin, name, getattr(self, name))
        twin.trip = None if self.trip is None else replace(self.trip)
        twin.trades = self.trades.copy()
        twin._lots = None if self._lots is None else self._lots.copy()
        twin._after_trade = self._after_trade
        return twin

    def position(self) -> Position:
        trip, last = self.trip, self.last
        if trip is None:
            return Position(book_id=self.book_id, instrument=self.instrument, side=self.side)
        return Position(
            book_id=self.book_id,
            instrument=self.instrument,
            side=self.side,
            quantity=self.quantity,
            cost=self.cost,
            realized_pnl=trip.realized,
            fees=trip.fees,
            funding=trip.funding,
            opened_at=trip.entry_time,
            entry_tag=trip.entry_tag,
            last_at=None if last is None else last.ts_event,
            last_sequence=0 if last is None else last.sequence,
        )

    def fold(self, movement: Movement) -> Folded:
        """Apply the next movement in canonical order."""
        self.last = movement
        before, ended = self.realized_converted, len(self.trades)
        reduced = False
        fees, funding = movement.fees, movement.funding
        for leg in movement.legs:
            if leg.kind is LegKind.SCALE and self._scale(leg.quantity):
                continue
            if self.quantity and (leg.quantity < 0) is not (self.quantity < 0):
                reduced = reduced or leg.kind is LegKind.TRADE
                leg, fees, funding = self._reduce(leg, movement, fees, funding)
            if leg.quantity or leg.value:
                self._add(leg, movement, fees, funding)
                fees = funding = ZERO
        if fees or funding:
            self._charge(fees, funding)
        return Folded(
            self.realized_converted - before if reduced else None,
            self.trades[-1] if len(self.trades) > ended else None,
        )

    def _reduce(
        self, leg: Leg, movement: Movement, fees: Decimal, funding: Decimal
    ) -> tuple[Leg, Decimal, Decimal]:
        """Take the leg's quantity out, down to flat; return what is left of leg and costs."""
        quantity, value, part = leg.quantity, leg.value, fees
        if abs(quantity) > abs(self.quantity):
            quantity = -self.quantity
            value = quantize(leg.value * quantity / leg.quantity)
            part = quantize(fees * quantity / leg.quantity)
        removed = self._take(quantity)
        self.quantity += quantity
        self.cost -= removed
        gain = -value - removed
        converted = convert(gain, movement.rate)
        self.realized += gain
        self.realized_converted += converted
        trip = self.trip
        assert trip is not None  # noqa: S101 - there is one whenever the quantity is not zero
        if leg.kind is LegKind.TRADE:
            trip.exit(quantity, value, movement.reason)
        else:
            trip.shrink(quantity)
        trip.realized += converted
        trip.fees += part
        trip.funding += funding
        if not self.quantity:
            self._end(trip, movement)
        return Leg(leg.kind, leg.quantity - quantity, leg.value - value), fees - part, ZERO

    def _take(self, quantity: Decimal) -> Decimal:
        """Return the cost of the part that goes; `quantity` has the opposite sign."""
        if quantity == -self.quantity:
            if self._lots is not None:
                self._lots.clear()
            return self.cost
        if self._lots is None:
            return quantize(self.cost * -quantity / self.quantity)
        return self._take_oldest(self._lots, -quantity)

    @staticmethod
    def _take_oldest(lots: deque[tuple[Decimal, Decimal]], wanted: Decimal) -> Decimal:
        removed = ZERO
        while wanted:
            size, cost = lots.popleft()
            if abs(size) > abs(wanted):
                part = quantize(cost * wanted / size)
                lots.appendleft((size - wanted, cost - part))
                return removed + part
            removed += cost
            wanted -= size
        return removed

    def _add(self, leg: Leg, movement: Movement, fees: Decimal, funding: Decimal) -> None:
        """Open, or add to what is open."""
        if self.trip is None:
            self.trip = OpenTrip(leg.quantity > 0, movement.ts_event, movement.reason)
        self.quantity += leg.quantity
        self.cost += leg.value
        if self._lots is not None:
            self._lots.append((leg.quantity, leg.value))
        self.trip.enter(leg.quantity, leg.value)
        self.trip.fees += fees
        self.trip.funding += funding

    def _end(self, trip: OpenTrip, movement: Movement) -> None:
        trade = None
        if self._keeps_trades:
            trade = trip.ended(
                self.book_id,
                self.instrument,
                self.side,
                at=movement.ts_event,
                entry_id=movement.entry_id,
            )
        self._after_trade = trade is not None
        if trade is None:
            self.untraded += trip.net
        else:
            self.trades.append(trade)
        self.trip = None

    def _charge(self, fees: Decimal, funding: Decimal) -> None:
        """Book costs without units: on the open trip, or late on the one that ended last."""
        if self.trip is not None:
            self.trip.fees += fees
            self.trip.funding += funding
        elif self._after_trade:
            self.trades[-1] = self.trades[-1].with_costs(fees, funding)
        else:
            self.untraded += funding - fees

    def _scale(self, change: Decimal) -> bool:
        """Grow or shrink every lot in proportion, cost kept; False where that has no meaning."""
        before, after = self.quantity, self.quantity + change
        if not before or not after or (before < 0) is not (after < 0) or self.trip is None:
            return False
        self.quantity = after
        self.trip.scale(before, after)
        if self._lots is not None:
            left = after
            scaled: deque[tuple[Decimal, Decimal]] = deque()
            while len(self._lots) > 1:
                size, cost = self._lots.popleft()
                share = quantize(size * after / before)
                left -= share
                scaled.append((share, cost))
            scaled.append((left, self._lots.popleft()[1]))
            self._lots = scaled
        return True
