"""What a run is worth and may still spend, at the desk's marks, in the reporting asset."""

from decimal import Decimal

from engine.desk.state import Desk
from engine.domain.instruments import InstrumentKind
from engine.domain.ledger import Position
from engine.domain.money import ONE, ZERO, exact
from engine.domain.orders import Order
from engine.domain.runs import Run


def run_equity(desk: Desk, run: Run) -> Decimal | None:
    """Return capital plus everything the run made, at the marks; None without a price."""
    totals = desk.ledger.totals(book_id=run.book_id)
    with exact():
        equity = run.capital + totals.net
        for instrument_id in run.instrument_ids:
            position = desk.position(run.book_id, instrument_id)
            if not position.quantity:
                continue
            value = _unrealized(desk, position)
            if value is None:
                return None
            equity += value
    return equity


def run_cash(desk: Desk, run: Run) -> Decimal:
    """Return what the run may still spend on spot.

    Capital, what it realised less its costs, less the cost of what it holds and of what its
    open entries may spend.
    """
    totals = desk.ledger.totals(book_id=run.book_id)
    with exact():
        cash = run.capital + totals.net
        for instrument_id in run.instrument_ids:
            instrument = desk.instruments[instrument_id]
            if instrument.kind is not InstrumentKind.SPOT:
                continue
            rate = desk.rate(instrument) or ONE
            cash -= desk.position(run.book_id, instrument_id).cost * rate
            for order in desk.orders_of(run.book_id, instrument_id):
                cash -= reserved(desk, order) * rate
    return cash


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


def _unrealized(desk: Desk, position: Position) -> Decimal | None:
    instrument = desk.instruments[position.instrument_id]
    price, rate = desk.price(instrument.id), desk.rate(instrument)
    if price is None or rate is None:
        return None
    with exact():
        return (instrument.value(position.quantity, price) - position.cost) * rate
