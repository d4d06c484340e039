"""Which instruments have executions that our books do not hold yet, by what they leave behind.

Asking every instrument for its executions costs a request each. But an execution changes an order
of ours, a holding or a position, and those are told of all instruments at once (ADR 0015).
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from engine.domain.differences import DifferenceKind
from engine.domain.ids import AssetId, ClientOrderId, InstrumentId, VenueOrderId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order
from engine.execution.reconciliation import Theirs
from engine.ports import OrderReport

# `venue - ours` that people know of already, by kind and subject.
Standing = Callable[[DifferenceKind, str], Decimal]


def hinted(
    orders: Iterable[Order],
    theirs: Theirs,
    *,
    instruments: Mapping[InstrumentId, Instrument],
    balances: Mapping[AssetId, Decimal],
    net: Callable[[InstrumentId], Decimal],
    standing: Standing,
) -> frozenset[InstrumentId]:
    """Return the instruments that something unexplained points at.

    Money that moved without one of them being named is left to the comparison: it shows there.

    Args:
        orders: Ours that were open before the venue was asked.
        balances: Of our books, per asset.
        net: Of our books, signed, per derivative.
    """
    with exact():
        return frozenset(
            {
                *_by_orders(orders, theirs.orders),
                *_by_balances(theirs, instruments, balances, standing),
                *_by_positions(theirs, instruments, net, standing),
            }
        )


def _by_orders(orders: Iterable[Order], reports: Iterable[OrderReport]) -> Iterable[InstrumentId]:
    by_id: dict[ClientOrderId, OrderReport] = {}
    by_place: dict[tuple[InstrumentId, VenueOrderId], OrderReport] = {}
    for report in reports:
        by_place[report.instrument_id, report.venue_order_id] = report
        if report.client_order_id is not None:
            by_id[report.client_order_id] = report
    for order in orders:
        found = by_id.get(order.client_order_id)
        if found is None and order.venue_order_id is not None:
            found = by_place.get((order.instrument_id, order.venue_order_id))
        if found is None or Decimal(found.filled_quantity or 0) != order.filled_quantity:
            yield order.instrument_id


def _by_balances(
    theirs: Theirs,
    instruments: Mapping[InstrumentId, Instrument],
    balances: Mapping[AssetId, Decimal],
    standing: Standing,
) -> Iterable[InstrumentId]:
    """One increment is what the venue's rounding makes, and no execution is as small."""
    held = {balance.asset: balance.total for balance in theirs.balances}
    increments = {balance.asset: balance.increment for balance in theirs.balances}
    for instrument in instruments.values():
        if instrument.kind is not InstrumentKind.SPOT:
            continue
        base = instrument.base
        differs = held.get(base, ZERO) - balances.get(base, ZERO)
        unknown = differs - standing(DifferenceKind.BALANCE, base)
        if abs(unknown) > increments.get(base, ZERO):
            yield instrument.id


def _by_positions(
    theirs: Theirs,
    instruments: Mapping[InstrumentId, Instrument],
    net: Callable[[InstrumentId], Decimal],
    standing: Standing,
) -> Iterable[InstrumentId]:
    held: dict[InstrumentId, Decimal] = {}
    for position in theirs.positions:
        quantity = Decimal(position.quantity)
        held[position.instrument_id] = held.get(position.instrument_id, ZERO) + quantity
    for instrument in instruments.values():
        if instrument.kind is InstrumentKind.SPOT:
            continue
        differs = held.get(instrument.id, ZERO) - net(instrument.id)
        if differs != standing(DifferenceKind.POSITION, instrument.id):
            yield instrument.id
