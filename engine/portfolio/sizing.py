"""From a target to the change of position it asks for: the one place where size is decided."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact, quantize
from engine.domain.orders import OrderSide
from engine.domain.policies import PositionChange, TargetUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class BookState:
    """What sizing may use of a run.

    Attributes:
        quantity: Held now, signed.
        equity: Capital plus what the run made, at the marks; reporting asset.
        cash: What it may still spend on spot: capital + realised - fees - cost of what it holds.
        price: Reference price (last close), quote per base.
        rate: Reporting units per unit of the instrument's quote.
    """

    quantity: Decimal
    equity: Decimal
    cash: Decimal
    price: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingRules:
    """Attributes:
    allow_short: Negative targets are clipped to flat where this is False.
    band: A change smaller than this fraction of the wanted size is not traded.
    spend_quote: The venue takes market buys sized in the quote.
    """

    allow_short: bool
    spend_quote: bool
    band: Decimal = Decimal("0.02")


def changes(
    target: Decimal, unit: TargetUnit, book: BookState, instrument: Instrument, rules: SizingRules
) -> tuple[PositionChange, ...]:
    """Return the steps from what is held to the target: close first, then open.

    A reversal is two steps, so that the closing one can be reduce-only. Quantities round towards
    zero; a step that rounds to nothing is left out.
    """
    wanted = target if target > 0 or rules.allow_short else ZERO
    if wanted == 0:
        return _reduce(book.quantity, abs(book.quantity), instrument)
    reverses = book.quantity * wanted < 0
    first = _reduce(book.quantity, abs(book.quantity), instrument) if reverses else ()
    held = ZERO if reverses else book.quantity
    size = _size(wanted, unit, book, instrument)
    gap = size - abs(held)
    if held and abs(gap) < size * rules.band:
        return first
    if gap < 0:
        return _reduce(held, -gap, instrument)
    return first + _increase(wanted, unit, gap, held, book, instrument, rules)


def _size(wanted: Decimal, unit: TargetUnit, book: BookState, instrument: Instrument) -> Decimal:
    """Return the unsigned quantity that the target stands for at the reference price."""
    if unit is TargetUnit.QUANTITY:
        return abs(wanted)
    with exact():
        notional = abs(wanted) * max(book.equity, ZERO) / book.rate
        return notional / instrument.notional(Decimal(1), book.price)


def _reduce(held: Decimal, by: Decimal, instrument: Instrument) -> tuple[PositionChange, ...]:
    quantity = instrument.round_quantity(by)
    if not quantity:
        return ()
    side = OrderSide.SELL if held > 0 else OrderSide.BUY
    return (PositionChange(side=side, quantity=quantity, reduces=True),)


def _increase(
    wanted: Decimal,
    unit: TargetUnit,
    gap: Decimal,
    held: Decimal,
    book: BookState,
    instrument: Instrument,
    rules: SizingRules,
) -> tuple[PositionChange, ...]:
    side = OrderSide.BUY if wanted > 0 else OrderSide.SELL
    spot_buy = instrument.kind is InstrumentKind.SPOT and side is OrderSide.BUY
    if spot_buy and unit is TargetUnit.FRACTION:
        # Never more than the run's own cash, whatever the price does until the fill.
        with exact():
            spend = min(gap * book.price, max(book.cash, ZERO) / book.rate)
        if rules.spend_quote and not held:
            quantity = instrument.round_quantity(spend / book.price)
            spent = quantize(spend)
            return _opening(side, quantity, spent)
        gap = spend / book.price
    return _opening(side, instrument.round_quantity(gap), None)


def _opening(
    side: OrderSide, quantity: Decimal, quote_quantity: Decimal | None
) -> tuple[PositionChange, ...]:
    if not quantity:
        return ()
    return (
        PositionChange(side=side, quantity=quantity, reduces=False, quote_quantity=quote_quantity),
    )
