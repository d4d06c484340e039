"""What a venue's word does to an order. Pure."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.money import ZERO
from engine.domain.orders import TRANSITIONS, Order, OrderState
from engine.ports import OrderReport

ADOPTED, CLOSED = "adopted", "closed by hand"
"""Reasons of orders that were not ours: what filled before is in the books of others."""


def applied(order: Order, report: OrderReport) -> Order:
    """Return the order after a report; a stale or repeated report changes nothing.

    Quantities come from fills alone: a report that says "filled" before its fills are booked
    leaves the order waiting for them. One that was adopted may have filled in part before that.
    """
    state = report.state
    if state in {OrderState.FILLED, OrderState.PARTIALLY_FILLED}:
        state = _state_until_fills(order, report)
    if state is order.state or state not in TRANSITIONS[order.state]:
        return order
    moved = order.moved(state, at=max(order.ts_last, report.ts_event), message=report.message)
    return _with_venue_id(moved, report)


def lost(order: Order, message: str, at: datetime) -> Order:
    """Return the order after a request whose answer did not come."""
    if OrderState.UNKNOWN not in TRANSITIONS[order.state]:
        return order
    return order.moved(OrderState.UNKNOWN, at=at, message=message)


def _state_until_fills(order: Order, report: OrderReport) -> OrderState:
    if order.reason in {ADOPTED, CLOSED} and report.state is OrderState.FILLED:
        return OrderState.FILLED  # a fill that is still to come books all the same
    if report.state is OrderState.FILLED and _is_booked(order, report):
        return OrderState.FILLED  # of a reduce-only one the venue may have taken less than asked
    ended_by_amount = order.quote_quantity is not None and report.state is OrderState.FILLED
    if ended_by_amount and order.filled_quantity > 0:
        return OrderState.FILLED
    if order.state in {OrderState.SUBMITTED, OrderState.UNKNOWN, OrderState.INTENDED}:
        return OrderState.ACKNOWLEDGED
    return order.state


def _is_booked(order: Order, report: OrderReport) -> bool:
    """Tell whether all that the venue says it filled of an order is in the books."""
    told = report.filled_quantity
    return bool(told) and ZERO < Decimal(told) == order.filled_quantity


def _with_venue_id(order: Order, report: OrderReport) -> Order:
    if order.venue_order_id == report.venue_order_id:
        return order
    return replace(order, venue_order_id=report.venue_order_id)
