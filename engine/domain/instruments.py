"""What is traded: kind, increments, minimums, calendar, and what a quantity is worth."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import AssetId, InstrumentId
from engine.domain.money import ONE, ZERO, exact, quantize, round_down, round_nearest


class InstrumentKind(StrEnum):
    """How profit and loss follow from price.

    SPOT: the quantity is an asset held; LINEAR: P&L = quantity x multiplier x price change, in
    the quote; INVERSE: contracts worth `multiplier` quote units each, P&L in the base.
    """

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"


class PriceKind(StrEnum):
    """Which price a feed or file records."""

    TRADE = "trade"
    BID = "bid"
    ASK = "ask"
    MARK = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One tradable instrument of a venue.

    Attributes:
        base, quote, settlement: Assets. `settlement` is what P&L and margin are paid in: the
            quote for spot and linear, the base for inverse.
        price_increment, quantity_increment: Smallest steps; zero price step means no rounding.
        min_quantity, min_notional: Below either the venue refuses; zero means no minimum.
        multiplier: Contract size (base per contract for linear, quote for inverse; 1 for spot).
        calendar: An `exchange_calendars` name, or "24/7".
        price_kind: What the recorded or streamed bars are made of.
        adjustment: "raw", "split" or "all": what the prices have been adjusted for.
    """

    id: InstrumentId
    kind: InstrumentKind
    base: AssetId
    quote: AssetId
    settlement: AssetId
    price_increment: Decimal
    quantity_increment: Decimal
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    multiplier: Decimal = ONE
    calendar: str = "24/7"
    price_kind: PriceKind = PriceKind.TRADE
    adjustment: str = "raw"

    def __post_init__(self) -> None:
        if self.quantity_increment <= 0 or self.multiplier <= 0:
            raise ValueError(f"{self.id}: quantity increment and multiplier must be above zero")
        if self.price_increment < 0 or self.min_quantity < 0 or self.min_notional < 0:
            raise ValueError(f"{self.id}: price increment and minimums can't be negative")

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the signed value of `quantity` at `price`, in the settlement asset.

        Chosen so that for every kind P&L = value at exit - value at entry. Inverse contracts
        (https://www.bitmex.com/app/inversePerpetualsGuide): P&L = n x multiplier x (1/entry -
        1/exit), hence value = -n x multiplier / price. Rounded to 18 places once, here.
        """
        with exact():
            if self.kind is InstrumentKind.INVERSE:
                return quantize(-quantity * self.multiplier / price)
            return quantize(quantity * self.multiplier * price)

    def average_price(self, quantity: Decimal, value: Decimal) -> Decimal | None:
        """Return the price at which `quantity` is worth `value`: the inverse of `value()`.

        None where there is none: no quantity, or an inverse contract without value.
        """
        with exact():
            if self.kind is InstrumentKind.INVERSE:
                return quantize(-quantity * self.multiplier / value) if value else None
            return quantize(value / (quantity * self.multiplier)) if quantity else None

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the unsigned exposure of `quantity` at `price`, in the quote asset."""
        with exact():
            if self.kind is InstrumentKind.INVERSE:
                return abs(quantity) * self.multiplier
            return quantize(abs(quantity) * self.multiplier * price)

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """Round towards zero to the quantity increment: never more than was asked."""
        return round_down(quantity, self.quantity_increment)

    def round_price(self, price: Decimal) -> Decimal:
        """Round to the nearest price increment."""
        return price if not self.price_increment else round_nearest(price, self.price_increment)

    def is_dust(self, quantity: Decimal, price: Decimal) -> bool:
        """Tell whether `quantity` is too small to be sold: such a position counts as closed."""
        size = quantity.copy_abs()
        return size < max(self.min_quantity, self.quantity_increment) or (
            self.notional(size, price) < self.min_notional
        )
