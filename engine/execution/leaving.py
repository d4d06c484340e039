"""How an exit goes out where exits are in each other's way, or the venue's net is not behind it."""

from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from decimal import Decimal

from engine.domain.ids import ClientOrderId, digest_id
from engine.domain.instruments import Instrument
from engine.domain.money import ZERO, exact
from engine.domain.orders import (
    Order,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
    TimeInForce,
)
from engine.ports import ExitStyle


def style_of(style: ExitStyle, quantity: Decimal, net: Decimal) -> ExitStyle:
    """Return how the exits of a book's position get along.

    Reduce-only is computed against the venue's net (SEMANTICS 1). Where other books hold the
    opposite, it does not keep this book's exits from selling twice: they go one at a time, plain.

    Args:
        style: The venue's.
        quantity: What may be closed of the book's position, signed.
        net: Of all books of the instrument, signed.
    """
    if style is not ExitStyle.SIDE_BY_SIDE or is_backed(quantity, net):
        return style
    return ExitStyle.ONE_AT_A_TIME


def is_backed(quantity: Decimal, net: Decimal) -> bool:
    """Tell whether the venue's net can carry a reduce-only order for all that a book may close."""
    if not quantity:
        return True
    return (net > 0) is (quantity > 0) and net.copy_abs() >= quantity.copy_abs()


def goes_at_once(order: Order) -> bool:
    """Tell whether an order sells now, unlike one that rests to protect."""
    if order.purpose.protects:
        return order.order_type is OrderType.MARKET
    return order.purpose is OrderPurpose.EXIT


def rests(order: Order) -> bool:
    """Tell whether an exit waits at its limit: until that is reached it takes nobody's place."""
    return (
        order.purpose is OrderPurpose.EXIT
        and order.order_type is OrderType.LIMIT
        and order.time_in_force not in {TimeInForce.IOC, TimeInForce.FOK}
    )


def under_way(
    orders: Iterable[Order],
    without: Container[ClientOrderId] = (),
    *,
    doubtful: bool,
    resting: bool = True,
) -> Decimal:
    """Return what open exits are about to sell.

    Args:
        resting: One that waits at its limit counts as well.
        doubtful: One in doubt counts as about to sell: nothing at the venue would keep it and
            another one together from selling more than is held. Otherwise it counts as unfilled.
    """
    with exact():
        return sum(
            (
                order.leaves_quantity
                for order in orders
                if goes_at_once(order)
                and (resting or not rests(order))
                and (doubtful or order.state is not OrderState.UNKNOWN)
                and order.client_order_id not in without
            ),
            ZERO,
        )


def cleared(
    order: Order,
    free: Decimal,
    net: Decimal,
    instrument: Instrument,
    *,
    splits: bool,
    is_known: Callable[[ClientOrderId], bool] = lambda _: False,
) -> tuple[Order, ...]:
    """Return what goes out of an exit whose way is clear: nothing where nothing is left to sell.

    It goes at the market: a limit that rests would keep the stop from resting.

    Args:
        free: What of the book's position nothing else sells; unsigned.
        net: Of all books of the instrument, signed.
        splits: What shrinks the venue's net goes reduce-only, the rest plain.
        is_known: Tells whether an order of that id exists: one that the venue deferred is cleared
            again, and its rest of then may have been filled.
    """
    size = instrument.round_quantity(min(order.quantity, free))
    if size <= 0:
        return ()
    whole = _at_the_market(order, size)
    if not splits:
        return (whole,)
    with exact():
        shrinks = min(max(-net * order.side.sign, ZERO), size)
        rest = size - shrinks
    if not rest:
        return (whole,)
    price = order.reference_price
    small = price is not None and any(instrument.is_dust(q, price) for q in (shrinks, rest))
    if not shrinks or small:
        return (replace(whole, reduce_only=False),)
    plain = replace(
        whole,
        client_order_id=_id_of_rest(order, is_known),
        quantity=rest,
        reduce_only=False,
    )
    return (replace(whole, quantity=shrinks), plain)


def _at_the_market(order: Order, size: Decimal) -> Order:
    """Return it as a market order of that size: the very order where it is one, as most are."""
    plain = order.time_in_force is TimeInForce.GTC and order.expires_at is None
    if plain and order.order_type is OrderType.MARKET and order.quantity == size:
        return order
    return replace(
        order,
        quantity=size,
        order_type=OrderType.MARKET,
        limit_price=None,
        time_in_force=TimeInForce.GTC,
        expires_at=None,
    )


def _id_of_rest(order: Order, is_known: Callable[[ClientOrderId], bool]) -> ClientOrderId:
    identity = ClientOrderId(digest_id("oc", order.client_order_id, "rest"))
    attempt = 0
    while is_known(identity):
        attempt += 1
        identity = ClientOrderId(
            digest_id("oc", order.client_order_id, "rest", f"attempt {attempt}")
        )
    return identity


def closes(order: Order, quantity: Decimal) -> bool:
    """Tell whether an order shrinks a position of signed `quantity`."""
    return (order.side is OrderSide.SELL) is (quantity > 0) and bool(quantity)
