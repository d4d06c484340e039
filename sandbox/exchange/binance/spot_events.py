"""Messages of spot's user data stream."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox.exchange.binance import words
from sandbox.exchange.binance.wirejson import JsonObject, exact, fixed
from sandbox.exchange.core.accounts import Balance
from sandbox.exchange.core.events import BalancesChanged, OrderUpdated
from sandbox.exchange.core.kinds import EndReason, ExecType, OrderType
from sandbox.exchange.core.orders import Order

ZERO = Decimal(0)
Shown = Callable[[int], int]


def execution_report(event: OrderUpdated, symbol: str, shown: Shown, cancel_id: str) -> JsonObject:
    """Return an order update; with CANCELED `c` names the cancel and `C` the order."""
    order, fill = event.order, event.fill
    cancelled = event.exec_type is ExecType.CANCELED
    return {
        "e": "executionReport",
        "E": shown(event.time_ms),
        "s": symbol,
        "c": cancel_id if cancelled else order.client_order_id,
        "S": words.side_name(order.side),
        "o": words.spot_type_name(order.order_type, order.time_in_force),
        "f": words.spot_tif_name(order.time_in_force),
        "q": fixed(order.quantity),
        "p": fixed(order.price or ZERO),
        "P": fixed(order.stop_price or ZERO),
        "F": fixed(ZERO),
        "g": -1,
        "C": order.client_order_id if cancelled else "",
        "x": words.exec_name(event.exec_type),
        "X": words.status_name(order.status),
        "r": _reject_name(order),
        "i": order.order_id,
        "l": fixed(ZERO if fill is None else fill.quantity),
        "z": fixed(order.filled_quantity),
        "L": fixed(ZERO if fill is None else fill.price),
        "n": "0" if fill is None else exact(fill.commission),
        "N": None if fill is None else fill.commission_asset,
        "T": shown(event.time_ms),
        "t": -1 if fill is None else fill.trade_id,
        "I": order.order_id * 2,
        "w": order.is_open and order.working_ms > 0,
        "m": False if fill is None else fill.is_maker,
        "M": fill is not None,
        "O": shown(order.created_ms),
        "Z": exact(order.filled_value),
        "Y": exact(ZERO if fill is None else fill.value),
        "Q": fixed(order.quote_quantity or ZERO),
        **({"W": shown(order.working_ms)} if order.working_ms else {}),
        "V": "NONE",
    }


def _reject_name(order: Order) -> str:
    if order.end_reason is EndReason.INSUFFICIENT_BALANCE:
        return "INSUFFICIENT_BALANCES"
    if order.end_reason is EndReason.POST_ONLY and order.order_type is OrderType.LIMIT:
        return "WOULD_MATCH_IMMEDIATELY"
    return "NONE"


def account_position(event: BalancesChanged, shown: Shown) -> JsonObject:
    """Return the balances that an order may have changed."""
    return {
        "e": "outboundAccountPosition",
        "E": shown(event.time_ms),
        "u": shown(event.time_ms),
        "B": [_balance(balance) for balance in event.balances],
    }


def _balance(balance: Balance) -> JsonObject:
    return {"a": balance.asset, "f": exact(balance.free), "l": exact(balance.locked)}


def balance_update(asset: str, delta: Decimal, at_ms: int) -> JsonObject:
    """Return a deposit, withdrawal or transfer."""
    return {"e": "balanceUpdate", "E": at_ms, "a": asset, "d": exact(delta), "T": at_ms}
