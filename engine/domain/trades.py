"""Round trips: a position of one book from flat to flat, as /trades and trades.csv list them."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import BookId, EntryId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.money import ZERO, quantize
from engine.domain.orders import PositionSide


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A position that was entered and exited by trading.

    `quantity` x (exit - entry price) is the profit of its trades where the contract is linear.
    What leaves otherwise (a fee in the base, dust, a part handed to another book) is not in it.

    Attributes:
        key: Sorts by exit time and is unique in the account; the paging cursor.
        quantity: Base units or contracts, positive: everything entered, re-entries included.
        entry_price, exit_price: Averages, quote per base; for inverse contracts harmonic ones.
        fees: Reporting asset; positive is a cost.
        funding: Reporting asset, interest included; positive was received.
        pnl: Net of fees and funding, reporting asset, at the rates of each booking.
        exit_reason: Of the last trade that reduced it.
        entry_tag: Of the trade that opened it.
    """

    key: str
    book_id: BookId
    instrument_id: InstrumentId
    side: PositionSide
    is_long: bool
    quantity: Decimal
    entry_time: datetime
    entry_price: Decimal
    exit_time: datetime
    exit_price: Decimal
    fees: Decimal
    funding: Decimal
    pnl: Decimal
    exit_reason: str
    entry_tag: str

    def with_costs(self, fees: Decimal, funding: Decimal) -> "RoundTrip":
        """Return the trip with costs that became known after it had ended."""
        return replace(
            self,
            fees=self.fees + fees,
            funding=self.funding + funding,
            pnl=self.pnl - fees + funding,
        )


@dataclass(slots=True)
class OpenTrip:
    """A round trip in the making. Quantities and values are signed as the fills were.

    `entered + exited` is always the position's quantity. Amounts without a named asset are in
    the reporting asset.
    """

    is_long: bool
    entry_time: datetime
    entry_tag: str
    entered: Decimal = ZERO
    entry_value: Decimal = ZERO  # settlement asset, as exit_value
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    exit_reason: str = ""

    def enter(self, quantity: Decimal, value: Decimal) -> None:
        self.entered += quantity
        self.entry_value += value

    def exit(self, quantity: Decimal, value: Decimal, reason: str) -> None:
        self.exited += quantity
        self.exit_value += value
        self.exit_reason = reason

    def shrink(self, quantity: Decimal) -> None:
        """Take out what left otherwise than by a trade, at the average entry price."""
        self.entry_value += quantize(self.entry_value * quantity / self.entered)
        self.entered += quantity

    def scale(self, before: Decimal, after: Decimal) -> None:
        """Count in new units: a split turned a position of `before` into one of `after`."""
        self.entered = quantize(self.entered * after / before)
        self.exited = after - self.entered

    @property
    def net(self) -> Decimal:
        return self.realized - self.fees + self.funding

    def ended(
        self,
        book_id: BookId,
        instrument: Instrument,
        side: PositionSide,
        *,
        at: datetime,
        entry_id: EntryId,
    ) -> RoundTrip | None:
        """Return the round trip, or None if nothing of it was exited by a trade."""
        if not self.exited:
            return None
        return RoundTrip(
            # unique: a second trip that one entry ends was not exited by a trade
            key=f"{at.isoformat(timespec='microseconds')}|{entry_id}",
            book_id=book_id,
            instrument_id=instrument.id,
            side=side,
            is_long=self.is_long,
            quantity=abs(self.entered),
            entry_time=self.entry_time,
            entry_price=instrument.average_price(self.entered, self.entry_value) or ZERO,
            exit_time=at,
            exit_price=instrument.average_price(self.exited, self.exit_value) or ZERO,
            fees=self.fees,
            funding=self.funding,
            pnl=self.net,
            exit_reason=self.exit_reason,
            entry_tag=self.entry_tag,
        )
