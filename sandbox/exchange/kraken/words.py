"""The core's words and Kraken's words for the same things."""

from __future__ import annotations

from sandbox.exchange.core.kinds import (
    EndReason,
    MarketStatus,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from sandbox.exchange.core.orders import Order
from sandbox.exchange.core.public import Interval

SIDES = {side.value: side for side in Side}
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop-loss": OrderType.STOP,
    "stop-loss-limit": OrderType.STOP_LIMIT,
    "take-profit": OrderType.TAKE_PROFIT,
    "take-profit-limit": OrderType.TAKE_PROFIT_LIMIT,
}
_TYPE_NAMES = {kind: name for name, kind in TYPES.items()}
FORCES = {one.value: one for one in TimeInForce if one is not TimeInForce.GTX}

# Minutes -> what this exchange keeps; Kraken's 30 minutes, weeks and fortnights are not among it.
INTERVALS = {one.ms // 60_000: one for one in Interval if one not in {Interval.S1, Interval.M3}}

_REASONS = {
    EndReason.CLIENT: "User requested",
    EndReason.WEBSITE: "User requested",
    EndReason.COUNTDOWN: "Cancel all orders after timer expired",
    EndReason.IOC: "IOC order could not be filled",
    EndReason.FOK: "FOK order could not be filled",
    EndReason.NO_LIQUIDITY: "Insufficient liquidity",
    EndReason.GTD: "Order expired",
    EndReason.POST_ONLY: "Post only order",
    EndReason.SELF_TRADE: "Self trade prevention",
    EndReason.INSUFFICIENT_BALANCE: "Insufficient funds",
}
_STATUSES = {
    MarketStatus.TRADING: "online",
    MarketStatus.HALTED: "cancel_only",
    MarketStatus.DELISTED: "delisted",
}


def type_name(kind: OrderType) -> str:
    """Return Kraken's name of an order type."""
    return _TYPE_NAMES[kind]


def market_status(status: MarketStatus) -> str:
    """Return what a pair's status is called."""
    return _STATUSES[status]


def reason(order: Order) -> str | None:
    """Return why an order ended otherwise than by its fills, for a person."""
    if order.status is OrderStatus.FILLED or order.is_open:
        return None
    return _REASONS.get(order.end_reason, "Cancelled by the exchange")


def status(order: Order) -> str:
    """Return what HTTP calls an order's state."""
    if order.is_open:
        return "open"
    if order.status is OrderStatus.FILLED:
        return "closed"
    return "expired" if order.end_reason is EndReason.GTD else "canceled"


def stream_status(order: Order) -> str:
    """Return what the websocket calls an order's state."""
    if order.is_open:
        return "partially_filled" if order.filled_quantity else "new"
    return "filled" if order.status is OrderStatus.FILLED else status(order)
