"""What is wrong with an order before anything is sent: increments, minimums, what can't be asked.

The venue would say the same, but later, in its own words, and for a request of the budget.
"""

from datetime import datetime
from decimal import Decimal

from engine.domain.instruments import Instrument
from engine.domain.money import exact, to_text
from engine.domain.orders import Order, OrderSide, OrderType, TimeInForce
from engine.errors import BelowMinimum, OrderRefused
from engine.venues.ccxt.quirks import Quirks, StopStyle

_NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_NEEDS_TRIGGER = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_NOTHING = "Nothing was placed."


def check(order: Order, instrument: Instrument, quirks: Quirks, now: datetime) -> None:
    """Return when `order` may be sent.

    Raises:
        BelowMinimum: Off an increment or under a minimum.
        OrderRefused: It can't be asked of this exchange in that form.
    """
    _check_form(order, quirks, now)
    with exact():
        _check_prices(order, instrument)
        _check_size(order, instrument)


def _check_form(order: Order, quirks: Quirks, now: datetime) -> None:
    name = f"{order.instrument_id} {order.order_type}"
    for needed, price, what in (
        (order.order_type in _NEEDS_LIMIT, order.limit_price, "limit price"),
        (order.order_type in _NEEDS_TRIGGER, order.trigger_price, "trigger price"),
    ):
        if needed is (price is None):
            raise OrderRefused(f"{name}: {'no' if needed else 'has a'} {what}. {_NOTHING}")
    if order.order_type in _NEEDS_TRIGGER and quirks.stop is StopStyle.NONE:
        raise OrderRefused(f"{name}: this exchange keeps no stops. {_NOTHING}")
    if order.post_only and order.order_type is not OrderType.LIMIT:
        raise OrderRefused(f"{name}: only limit orders can be post-only. {_NOTHING}")
    if order.time_in_force is TimeInForce.GTD and order.expires_at is None:
        # with a date it goes out as good-till-cancelled: execution cancels it when its time is up
        raise OrderRefused(f"{name}: good-till-date without a date. {_NOTHING}")
    if order.expires_at is not None and order.expires_at <= now:
        raise OrderRefused(f"{name}: it expired before it was sent. {_NOTHING}")
    if order.quote_quantity is not None:
        fits = order.order_type is OrderType.MARKET and order.side is OrderSide.BUY
        if not fits or not quirks.quote_quantity:
            raise OrderRefused(f"{name}: it can't be sized in the quote here. {_NOTHING}")


def _check_prices(order: Order, instrument: Instrument) -> None:
    step = instrument.price_increment
    for what, price in (("limit price", order.limit_price), ("trigger price", order.trigger_price)):
        if price is None:
            continue
        if not price.is_finite() or price <= 0:
            raise OrderRefused(
                f"{order.instrument_id}: {what} {price} is not above zero. {_NOTHING}"
            )
        if step and price % step:
            raise BelowMinimum(
                f"{order.instrument_id}: {what} {to_text(price)} is not a multiple of "
                f"{to_text(step)}. {_NOTHING} Round it to the price increment."
            )


def _check_size(order: Order, instrument: Instrument) -> None:
    name, least = order.instrument_id, instrument.min_notional
    price = order.limit_price or order.trigger_price or order.reference_price
    if order.quote_quantity is not None:
        value: Decimal | None = order.quote_quantity
    else:
        _check_quantity(order, instrument)
        value = None if price is None else instrument.notional(order.quantity, price)
    if value is not None and value < least and not order.reduce_only:
        raise BelowMinimum(
            f"{name}: order value {to_text(value)} {instrument.quote} is below the exchange's "
            f"minimum {to_text(least)} {instrument.quote}. {_NOTHING} Make it larger."
        )


def _check_quantity(order: Order, instrument: Instrument) -> None:
    name, quantity, step = order.instrument_id, order.quantity, instrument.quantity_increment
    if not quantity.is_finite() or quantity <= 0 or quantity % step:
        raise BelowMinimum(
            f"{name}: quantity {quantity} is not a positive multiple of {to_text(step)}. "
            f"{_NOTHING} Round it down to the quantity increment."
        )
    if quantity < instrument.min_quantity:
        raise BelowMinimum(
            f"{name}: quantity {to_text(quantity)} is below the exchange's minimum "
            f"{to_text(instrument.min_quantity)}. {_NOTHING} Make it larger."
        )
