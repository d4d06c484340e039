"""Pre-trade checks. Growing means adding a function to `PRE_TRADE`.

A check is given the order and a frozen snapshot and returns why the order must not leave the
process, or None. Orders that only shrink exposure pass the size and loss limits: a limit must
never hold a position open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.accounts import TradingState
from engine.domain.instruments import Instrument
from engine.domain.money import ONE, ZERO, exact, to_text
from engine.domain.orders import Order, OrderSide, OrderState
from engine.risk.limits import RiskLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why an order was not sent: the check's name for machines, a sentence for people."""

    check: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskContext:
    """What the checks look at, as of one instant.

    An order that only shrinks exposure passes whatever looks at more than the instrument's price:
    for it, what has a default here is left out.

    Attributes:
        price: Reference price, quote per base; None when there is no usable one.
        rate: Reporting units per quote unit.
        net_quantity: Over all books of the instrument, signed.
        free_cash: Quote cash not yet spent or reserved; None where the venue holds margin.
        open_orders: Those of the instrument that have not ended.
        recent_orders: Those decided within the duplicate window, ended ones included.
        day_pnl, day_equity: Since the day cut, and the equity at it; None when unknown.
        blocked: Instruments in which entries wait, with the reason.
        from_person: A person asked for this order.
    """

    trading_state: TradingState
    limits: RiskLimits
    instrument: Instrument
    now: datetime
    price: Decimal | None
    rate: Decimal = ONE
    net_quantity: Decimal = ZERO
    free_cash: Decimal | None = None
    open_orders: tuple[Order, ...] = ()
    recent_orders: tuple[Order, ...] = ()
    day_pnl: Decimal | None = None
    day_equity: Decimal | None = None
    blocked: str = ""
    from_person: bool = False


Check = Callable[[Order, RiskContext], Denial | None]


def kill_switch(order: Order, context: RiskContext) -> Denial | None:
    """Killed: only protection, and what a person closes, goes out."""
    if context.trading_state is not TradingState.HALTED:
        return None
    if order.purpose.protects or (order.reduce_only and context.from_person):
        return None
    return Denial(check="kill_switch", message="trading is halted; /rearm allows it again")


def reducing(order: Order, context: RiskContext) -> Denial | None:
    """Reduce-only state: nothing that adds exposure, whoever asks."""
    if context.trading_state is TradingState.REDUCING and not order.reduce_only:
        return Denial(check="reducing", message="only orders that shrink exposure are allowed")
    return None


def usable_price(order: Order, context: RiskContext) -> Denial | None:
    """An entry needs a price to be judged by: without one it fails closed."""
    if order.reduce_only or context.price is not None:
        return None
    return Denial(check="market_data_reasonability", message="no usable price for the instrument")


def unknown_order(order: Order, context: RiskContext) -> Denial | None:
    """New exposure waits while an order of the instrument is in doubt."""
    if order.reduce_only:
        return None
    for other in context.open_orders:
        if other.state is OrderState.UNKNOWN and other.instrument_id == order.instrument_id:
            text = f"order {other.client_order_id} is in doubt; entries wait until the venue tells"
            return Denial(check="unknown_order", message=text)
    return None


def blocked_instrument(order: Order, context: RiskContext) -> Denial | None:
    """Entries wait while ours and the venue's positions differ, or a bar is missing."""
    if order.reduce_only or not context.blocked:
        return None
    return Denial(check="blocked_instrument", message=context.blocked)


def trading_hours(order: Order, context: RiskContext) -> Denial | None:
    """Entries only within the configured hours; exits at any time."""
    hours = context.limits.trading_hours
    if hours is None or order.reduce_only or hours.allow(context.now):
        return None
    return Denial(check="trading_hours", message=f"entries are allowed {hours} only")


def max_order_value(order: Order, context: RiskContext) -> Denial | None:
    """One order's notional, in the reporting asset."""
    limit = context.limits.max_order_value
    if limit is None or order.reduce_only or context.price is None:
        return None
    value = _value(order.quantity, context)
    if value <= limit:
        return None
    return Denial(
        check="max_order_value",
        message=f"order value {_money(value)} exceeds the limit {_money(limit)}",
    )


def max_position(order: Order, context: RiskContext) -> Denial | None:
    """The instrument's notional over all books once this and its open siblings have filled."""
    limit = context.limits.max_position_value
    if limit is None or order.reduce_only or context.price is None:
        return None
    pending = sum(
        (
            other.leaves_quantity * other.side.sign
            for other in context.open_orders
            if other.instrument_id == order.instrument_id and not other.reduce_only
        ),
        ZERO,
    )
    after = context.net_quantity + pending + order.quantity * order.side.sign
    value = _value(abs(after), context)
    if value <= limit:
        return None
    return Denial(
        check="max_position",
        message=f"position would be worth {_money(value)}, limit {_money(limit)}",
    )


def max_daily_loss(order: Order, context: RiskContext) -> Denial | None:
    """Entries wait for the next day once the day's loss has reached the limit."""
    limit = context.limits.max_daily_loss
    if limit is None or order.reduce_only:
        return None
    if context.day_pnl is None or context.day_equity is None:
        return Denial(
            check="max_daily_loss", message="today's P&L can't be computed: a price is missing"
        )
    if context.day_pnl > -limit * context.day_equity:
        return None
    return Denial(
        check="max_daily_loss",
        message=f"today's loss {_money(-context.day_pnl)} has reached the limit "
        f"{_money(limit * context.day_equity)}; entries wait for the next day",
    )


def price_collar(order: Order, context: RiskContext) -> Denial | None:
    """A limit far through the market is a mistake; far behind it is merely patient."""
    collar = context.limits.price_collar
    if collar is None or order.limit_price is None or context.price is None:
        return None
    if order.purpose.protects:
        return None
    gap = (order.limit_price - context.price) / context.price * order.side.sign
    if gap <= collar:
        return None
    return Denial(
        check="price_collar",
        message=f"limit {to_text(order.limit_price)} is {gap:.1%} through the market at "
        f"{to_text(context.price)}; allowed are {collar:.1%}",
    )


def duplicate_order(order: Order, context: RiskContext) -> Denial | None:
    """The same order again within the window: a loop or a double tap, never an intention.

    An exit is tried again until it is done; it can't close more than there is.
    """
    if context.limits.duplicate_window is None or order.reduce_only:
        return None
    for other in context.recent_orders:
        if other.client_order_id != order.client_order_id and _same(order, other):
            return Denial(
                check="duplicate_order", message=f"the same order as {other.client_order_id}"
            )
    return None


def available_funds(order: Order, context: RiskContext) -> Denial | None:
    """Two signals can't spend one balance: what open orders may spend counts as spent."""
    if context.free_cash is None or context.price is None or order.side is OrderSide.SELL:
        return None
    if order.reduce_only:
        return None
    need = order.quote_quantity
    if need is None:
        need = context.instrument.notional(order.quantity, order.limit_price or context.price)
    if need <= context.free_cash:
        return None
    quote = context.instrument.quote
    return Denial(
        check="available_funds",
        message=f"needs {_money(need)} {quote}, free are {_money(context.free_cash)}",
    )


PRE_TRADE: tuple[Check, ...] = (
    kill_switch,
    reducing,
    usable_price,
    unknown_order,
    blocked_instrument,
    trading_hours,
    max_order_value,
    max_position,
    max_daily_loss,
    price_collar,
    duplicate_order,
    available_funds,
)


def check_order(
    order: Order, context: RiskContext, checks: tuple[Check, ...] = PRE_TRADE
) -> Denial | None:
    """Return the first reason why `order` must not leave the process, or None if it may."""
    for check in checks:
        denial = check(order, context)
        if denial is not None:
            return denial
    return None


def _same(order: Order, other: Order) -> bool:
    return (
        other.state is not OrderState.DENIED
        and order.book_id == other.book_id
        and order.instrument_id == other.instrument_id
        and order.side is other.side
        and order.order_type is other.order_type
        and order.quantity == other.quantity
        and order.limit_price == other.limit_price
        and order.trigger_price == other.trigger_price
        and order.purpose is other.purpose
    )


def _value(quantity: Decimal, context: RiskContext) -> Decimal:
    price = context.price or ZERO
    with exact():
        return context.instrument.notional(quantity, price) * context.rate


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
