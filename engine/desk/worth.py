"""What a run is worth and may still spend, at the desk's marks, in the reporting asset."""

from decimal import Decimal
from typing import NamedTuple

from engine.desk.state import Desk
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ONE, ZERO, exact
from engine.domain.orders import Order
from engine.domain.runs import Run


class RunWorth(NamedTuple):
    """Attributes:
    equity: Capital plus everything the run made, at the marks; None without a price.
    cash: What the run may still spend on spot: capital, what it realised less its costs, less
        the cost of what it holds and of what its open entries may spend.
    """

    equity: Decimal | None
    cash: Decimal


def run_worth(desk: Desk, run: Run) -> RunWorth:
    """Return what the run is worth, and what of it is free."""
    book_id = run.book_id
    totals = desk.ledger.totals(book_id=book_id)
    with exact():
        cash = run.capital + totals.net
        equity: Decimal | None = cash
        for instrument_id in run.instrument_ids:
            instrument = desk.instruments[instrument_id]
            position = desk.position(book_id, instrument_id)
            rate = desk.rate(instrument)
            if position.quantity and equity is not None:
                price = desk.price(instrument_id)
                if price is None or rate is None:
                    equity = None
                else:
                    value = instrument.value(position.quantity, price)
                    equity += (value - position.cost) * rate
            if instrument.kind is InstrumentKind.SPOT:
                cash -= position.cost * (rate or ONE)
                for order in desk.orders_of(book_id, instrument_id):
                    cash -= reserved(desk, order) * (rate or ONE)
    return RunWorth(equity, cash)


def reserved(desk: Desk, order: Order) -> Decimal:
    """Return the quote that an open spot entry may still spend, in that quote."""
    if order.reduce_only or order.side.sign < 0 or order.state.is_terminal:
        return ZERO
    if order.quote_quantity is not None:
        return max(order.quote_quantity - order.filled_value, ZERO)
    price = order.limit_price or order.reference_price or desk.price(order.instrument_id)
    if price is None:
        return ZERO
    return desk.instruments[order.instrument_id].notional(order.leaves_quantity, price)
