"""Whether a simulated venue takes an order: known, well formed, on its increments, affordable."""

from datetime import datetime
from decimal import Decimal

from engine.domain.ids import AssetId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ONE, ZERO, exact, to_text
from engine.domain.orders import Order, OrderSide, OrderState, OrderType, TimeInForce
from engine.errors import (
    BelowMinimum,
    InsufficientFunds,
    NothingToReduce,
    OrderRefused,
    UnknownInstrument,
)
from engine.venues.book import Book, WorkingOrder
from engine.venues.funds import available, expected_price, needs_funds, unit_cost
from engine.venues.models import Draw, FillModels

_NEEDS_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_NEEDS_TRIGGER = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
NOTHING_PLACED = "Nothing was placed."


def check_order(book: Book, models: FillModels, order: Order, now: datetime) -> None:
    """Return when the venue takes `order`.

    Raises:
        UnknownInstrument, BelowMinimum, InsufficientFunds, OrderRefused: Why it does not.
    """
    instrument = book.instruments.get(order.instrument_id)
    if instrument is None:
        raise UnknownInstrument(
            f"This venue does not list {order.instrument_id}. {NOTHING_PLACED} "
            f"It lists {', '.join(sorted(book.instruments))}."
        )
    with exact():
        _check_form(book, order, instrument, now)
        _check_size(book, order, instrument)
        if order.reduce_only and not book.reducible(order):
            raise NothingToReduce(
                f"{order.instrument_id}: a reduce-only {order.side} has no position to reduce. "
                f"{NOTHING_PLACED}"
            )
        if order.post_only:
            _check_post_only(book, order)
        _check_funds(book, models, order, instrument)


def admitted(order: Order, models: FillModels, seed: int, now: datetime) -> WorkingOrder:
    """Return an order that was taken: it meets the market once it has travelled there."""
    travel = models.latency.travel(Draw(seed, order.client_order_id, 0))
    return WorkingOrder(
        order=order,
        state=OrderState.ACKNOWLEDGED,
        sent_at=now,
        active_at=now + travel,
        ts_last=now,
    )


def _check_form(book: Book, order: Order, instrument: Instrument, now: datetime) -> None:
    name = f"{order.instrument_id} {order.order_type}"
    if order.account_id != book.account_id:
        raise OrderRefused(f"Account {order.account_id} is not held here. {NOTHING_PLACED}")
    for needed, price, what in (
        (order.order_type in _NEEDS_LIMIT, order.limit_price, "limit price"),
        (order.order_type in _NEEDS_TRIGGER, order.trigger_price, "trigger price"),
    ):
        if needed is (price is None):
            verb = "needs a" if needed else "has no"
            raise OrderRefused(f"{name} order {verb} {what}. {NOTHING_PLACED}")
        if price is not None:
            _check_price(name, what, price, instrument)
    if order.post_only and order.order_type is not OrderType.LIMIT:
        raise OrderRefused(f"{name}: only limit orders can be post-only. {NOTHING_PLACED}")
    if order.time_in_force is TimeInForce.GTD and order.expires_at is None:
        raise OrderRefused(f"{name}: good-till-date without a date. {NOTHING_PLACED}")
    if order.expires_at is not None and order.expires_at <= now:
        raise OrderRefused(f"{name}: it expired before it arrived. {NOTHING_PLACED}")


def _check_price(name: str, what: str, price: Decimal, instrument: Instrument) -> None:
    if not price.is_finite() or price <= 0:
        raise OrderRefused(f"{name}: {what} {price} is not above zero. {NOTHING_PLACED}")
    step = instrument.price_increment
    if step and price % step:
        raise BelowMinimum(
            f"{name}: {what} {to_text(price)} is not a multiple of {to_text(step)}. "
            f"{NOTHING_PLACED} Round it to the price increment."
        )


def _check_size(book: Book, order: Order, instrument: Instrument) -> None:
    price = expected_price(book, order)
    if order.quote_quantity is not None:
        _check_quote_quantity(order, instrument)
        quantity, notional = instrument.min_quantity, order.quote_quantity
    else:
        quantity = order.quantity
        notional = instrument.notional(quantity, price) if price else instrument.min_notional
        if not quantity.is_finite() or quantity <= 0 or quantity % instrument.quantity_increment:
            raise BelowMinimum(
                f"{order.instrument_id}: quantity {quantity} is not a positive multiple of "
                f"{to_text(instrument.quantity_increment)}. {NOTHING_PLACED}"
            )
    if quantity < instrument.min_quantity:
        raise BelowMinimum(
            f"{order.instrument_id}: quantity {to_text(quantity)} is below the minimum "
            f"{to_text(instrument.min_quantity)}. {NOTHING_PLACED}"
        )
    if notional < instrument.min_notional and not order.reduce_only:
        raise BelowMinimum(
            f"{order.instrument_id}: order value {to_text(notional)} {instrument.quote} is below "
            f"the minimum {to_text(instrument.min_notional)}. {NOTHING_PLACED}"
        )


def _check_quote_quantity(order: Order, instrument: Instrument) -> None:
    budget = order.quote_quantity or ZERO
    fits = order.order_type is OrderType.MARKET and order.side is OrderSide.BUY
    if not fits or instrument.kind is InstrumentKind.INVERSE:
        raise OrderRefused(
            f"{order.instrument_id}: only market buys can be sized in {instrument.quote}. "
            f"{NOTHING_PLACED}"
        )
    if not budget.is_finite() or budget <= 0:
        raise BelowMinimum(
            f"{order.instrument_id}: nothing to spend ({budget} {instrument.quote}). "
            f"{NOTHING_PLACED}"
        )


def _check_post_only(book: Book, order: Order) -> None:
    met = book.price_met(order)
    if met is None or order.limit_price is None:
        return
    if (met - order.limit_price) * order.side.sign <= 0:
        raise OrderRefused(
            f"{order.instrument_id}: post-only at {to_text(order.limit_price)} would trade at "
            f"once (the market is at {to_text(met)}). {NOTHING_PLACED}"
        )


def _check_funds(book: Book, models: FillModels, order: Order, instrument: Instrument) -> None:
    if instrument.kind is InstrumentKind.SPOT and order.side is OrderSide.SELL:
        if order.reduce_only:
            return  # never sells more than is held when it fills
        _require(order, instrument.base, order.quantity, book, models)
        return
    if order.quote_quantity is not None:
        # the budget covers the whole cost on spot; a derivative's margin is at most that
        opening = order.quote_quantity / models.leverage
    else:
        price = expected_price(book, order)
        cost = unit_cost(models, instrument, order.side, price, models.fees.worst)
        opening = needs_funds(book, instrument, order, order.quantity) * cost
    if opening:
        _require(order, instrument.settlement, opening, book, models)


def _require(order: Order, asset: AssetId, needed: Decimal, book: Book, models: FillModels) -> None:
    free = available(book, models, asset, without=order)
    if needed > free:
        raise InsufficientFunds(
            f"{order.instrument_id}: needs {shown(needed)} {asset}, {shown(free)} {asset} "
            f"available. {NOTHING_PLACED} Make it smaller, or cancel an order that holds funds."
        )


def shown(amount: Decimal) -> str:
    """Return an amount for a sentence: at most 8 places."""
    return to_text(amount.quantize(ONE.scaleb(-8)))
