"""The core's words and Binance's words for the same things."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.kinds import (
    AlgoStatus,
    ExecType,
    FlowReason,
    MarginMode,
    MarketStatus,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    TriggerPrice,
)

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TIMES_IN_FORCE = {word.value.upper(): word for word in TimeInForce}
SPOT_TIMES_IN_FORCE = {name: TIMES_IN_FORCE[name] for name in ("GTC", "IOC", "FOK")}

SPOT_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
LINEAR_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "STOP_MARKET": OrderType.STOP,
    "STOP": OrderType.STOP_LIMIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_LIMIT,
}
_SPOT_TYPE_NAMES = {kind: name for name, kind in SPOT_TYPES.items() if name != "LIMIT_MAKER"}
_LINEAR_TYPE_NAMES = {kind: name for name, kind in LINEAR_TYPES.items()}

POSITION_SIDES = {"BOTH": PositionSide.NET, "LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}
_POSITION_SIDE_NAMES = {side: name for name, side in POSITION_SIDES.items()}

WORKING_TYPES = {"CONTRACT_PRICE": TriggerPrice.LAST, "MARK_PRICE": TriggerPrice.MARK}
_WORKING_TYPE_NAMES = {price: name for name, price in WORKING_TYPES.items()}

MARGIN_TYPES = {"CROSSED": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}

# Why an account changed, in ACCOUNT_UPDATE.
ACCOUNT_REASONS = {
    FlowReason.DEPOSIT: "DEPOSIT",
    FlowReason.WITHDRAWAL: "WITHDRAW",
    FlowReason.TRANSFER: "DEPOSIT",
    FlowReason.ORDER: "ORDER",
    FlowReason.FILL: "ORDER",
    FlowReason.REALIZED_PNL: "ORDER",
    FlowReason.COMMISSION: "ORDER",
    FlowReason.FUNDING: "FUNDING_FEE",
    FlowReason.INSURANCE: "INSURANCE_CLEAR",
}
# What an entry of the income history is called.
INCOME_TYPES = {
    FlowReason.DEPOSIT: "TRANSFER",
    FlowReason.WITHDRAWAL: "TRANSFER",
    FlowReason.TRANSFER: "TRANSFER",
    FlowReason.REALIZED_PNL: "REALIZED_PNL",
    FlowReason.COMMISSION: "COMMISSION",
    FlowReason.FUNDING: "FUNDING_FEE",
    FlowReason.INSURANCE: "INSURANCE_CLEAR",
}


def side_name(side: Side) -> str:
    """Return BUY or SELL."""
    return side.value.upper()


def spot_type_name(order_type: OrderType, tif: TimeInForce) -> str:
    """Return spot's name of an order type; a post-only limit is a type of its own there."""
    if order_type is OrderType.LIMIT and tif is TimeInForce.GTX:
        return "LIMIT_MAKER"
    return _SPOT_TYPE_NAMES[order_type]


def linear_type_name(order_type: OrderType) -> str:
    """Return the futures' name of an order type."""
    return _LINEAR_TYPE_NAMES[order_type]


def spot_tif_name(tif: TimeInForce) -> str:
    """Return spot's time in force: post-only shows as GTC there."""
    return "GTC" if tif is TimeInForce.GTX else tif.value.upper()


def status_name(status: OrderStatus) -> str:
    """Return NEW, PARTIALLY_FILLED, FILLED, CANCELED or EXPIRED."""
    return status.value.upper()


def algo_status_name(status: AlgoStatus) -> str:
    """Return NEW, TRIGGERED, FINISHED, CANCELED, EXPIRED or REJECTED."""
    return status.value.upper()


def exec_name(exec_type: ExecType) -> str:
    """Return why an order update is sent; a triggered stop is told as NEW again."""
    return "NEW" if exec_type is ExecType.TRIGGERED else exec_type.value.upper()


def position_side_name(side: PositionSide) -> str:
    """Return BOTH, LONG or SHORT."""
    return _POSITION_SIDE_NAMES[side]


def working_type_name(price: TriggerPrice) -> str:
    """Return which price triggers."""
    return _WORKING_TYPE_NAMES[price]


def spot_status_name(status: MarketStatus) -> str:
    """Return a spot market's status."""
    return {
        MarketStatus.TRADING: "TRADING",
        MarketStatus.HALTED: "HALT",
        MarketStatus.DELISTED: "BREAK",
    }[status]


def linear_status_name(status: MarketStatus) -> str:
    """Return a contract's status."""
    return {
        MarketStatus.TRADING: "TRADING",
        MarketStatus.HALTED: "PENDING_TRADING",
        MarketStatus.DELISTED: "SETTLING",
    }[status]


def digits_of(increment: Decimal) -> int:
    """Return how many decimals an increment has.

    >>> digits_of(Decimal("0.010"))
    2
    """
    exponent = increment.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
