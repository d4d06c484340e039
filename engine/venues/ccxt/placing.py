"""An order in the library's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.domain.money import ONE, PLACES, ZERO, exact, round_down, to_text
from engine.domain.orders import Order, OrderSide, OrderType, PositionSide, TimeInForce
from engine.errors import OrderRefused
from engine.venues.ccxt.fields import amount
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.quirks import ClientIdRule, Quirks, StopStyle

_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_TRIGGERED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_NAMED_FORCES = frozenset({TimeInForce.IOC, TimeInForce.FOK})


@dataclass(frozen=True, slots=True)
class Placement:
    """The arguments of `create_order`, numbers as text."""

    symbol: str
    type: str
    side: str
    amount: str
    price: str | None
    params: Mapping[str, object]


def placement(
    order: Order, quirks: Quirks, market: Mapping[str, object], *, hedged: bool
) -> Placement:
    """Return how `order` is asked for.

    Raises:
        OrderRefused: Its id does not fit the exchange.
    """
    params: dict[str, object] = {}
    if quirks.client_id is not None:
        params[quirks.client_id.submit] = checked_id(order, quirks.client_id)
    if is_conditional(order):
        params |= _trigger(order, quirks)
    if order.time_in_force in _NAMED_FORCES and order.order_type in _LIMITED:
        params["timeInForce"] = order.time_in_force.name
    if order.post_only:
        params["postOnly"] = True
    if hedged:
        params |= {"hedged": True, "reduceOnly": closes(order)}
    elif order.reduce_only and quirks.reduce_only:
        params["reduceOnly"] = True
    if order.quote_quantity is not None:
        params["cost"] = to_text(_budget(order.quote_quantity, quirks, market))
    return Placement(
        symbol=order.instrument_id,
        type="limit" if order.order_type in _LIMITED else "market",
        side=str(order.side),
        amount=to_text(order.quantity),
        price=None if order.limit_price is None else to_text(order.limit_price),
        params=params,
    )


def checked_id(order: Order, rule: ClientIdRule) -> str:
    """Return our id as the exchange takes it; another one would break the promise of one order.

    Raises:
        OrderRefused: It takes none like that.
    """
    text = rule.to_venue(order.client_order_id)
    if text is None:
        raise OrderRefused(
            f"{order.instrument_id}: the exchange takes no client order id like "
            f"{order.client_order_id!r}. Nothing was placed."
        )
    return text


def is_conditional(order: Order) -> bool:
    return order.order_type in _TRIGGERED


def closes(order: Order) -> bool:
    """Tell whether it shrinks a position, in hedge mode by its side of the account."""
    if order.position_side is PositionSide.NET:
        return order.reduce_only
    opening = OrderSide.BUY if order.position_side is PositionSide.LONG else OrderSide.SELL
    return order.side is not opening


def urgency_of(order: Order) -> Urgency:
    """Return who goes first: whatever shrinks exposure or protects."""
    return Urgency.ENTRY if order.adds_exposure else Urgency.EXIT


def described(order: Order) -> str:
    """Return the order for a sentence: "buy 0.1 BTC/USDT limit at 50000"."""
    size = f"{to_text(order.quantity)}"
    at = "".join(
        f" {word} {to_text(price)}"
        for word, price in (("at", order.limit_price), ("from", order.trigger_price))
        if price is not None
    )
    return f"{order.side} {size} {order.instrument_id} {order.order_type}{at}"


def _trigger(order: Order, quirks: Quirks) -> dict[str, object]:
    """A stop waits above the market to buy and below it to sell."""
    found: dict[str, object] = {}
    if quirks.stop is not StopStyle.NONE and order.trigger_price is not None:
        found[str(quirks.stop)] = to_text(order.trigger_price)
    if quirks.trigger_direction:
        found["triggerDirection"] = "ascending" if order.side is OrderSide.BUY else "descending"
    return found


def _budget(budget: Decimal, quirks: Quirks, market: Mapping[str, object]) -> Decimal:
    """Return what may go into the trade itself, where the fee comes on top of it."""
    if quirks.fees_in_base:
        return budget
    with exact():
        return round_down(budget / (ONE + max(amount(market.get("taker")), ZERO)), PLACES)
