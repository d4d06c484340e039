"""Messages of USD-M futures' user data stream."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox.exchange.binance import words
from sandbox.exchange.binance.linear_views import Scale, average_price
from sandbox.exchange.binance.wirejson import JsonObject, exact, fixed, plain
from sandbox.exchange.core.accounts import Balance, Position
from sandbox.exchange.core.events import AlgoUpdated, OrderUpdated
from sandbox.exchange.core.kinds import MarginMode, OrderStatus, Origin
from sandbox.exchange.core.orders import Fill, Order

ZERO = Decimal(0)
Shown = Callable[[int], int]


def order_trade_update(event: OrderUpdated, scale: Scale, shown: Shown) -> JsonObject:
    """Return an order update."""
    order, fill = event.order, event.fill
    kind = words.linear_type_name(order.order_type)
    body: JsonObject = {
        "s": scale.symbol,
        "c": order.client_order_id,
        "S": words.side_name(order.side),
        "o": kind,
        "f": order.time_in_force.value.upper(),
        "q": scale.quantity(order.quantity),
        "p": scale.price(order.price),
        "ap": plain(average_price(order, scale.market)),
        "sp": scale.price(order.stop_price),
        "x": _exec_name(event),
        "X": words.status_name(order.status),
        "i": order.order_id,
        "l": scale.quantity(None if fill is None else fill.quantity),
        "z": scale.quantity(order.filled_quantity),
        "L": scale.price(None if fill is None else fill.price),
    }
    if fill is not None:
        body |= {"N": fill.commission_asset, "n": exact(fill.commission)}
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": shown(event.time_ms),
        "E": shown(event.time_ms),
        "o": {
            **body,
            "T": shown(event.time_ms),
            "t": 0 if fill is None else fill.trade_id,
            "b": "0",
            "a": "0",
            "m": fill is not None and fill.is_maker,
            "R": order.reduce_only,
            "wt": words.working_type_name(order.trigger_on),
            "ot": kind,
            "ps": words.position_side_name(order.position_side),
            "cp": order.close_position,
            "rp": exact(ZERO if fill is None else fill.realized_pnl),
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": order.expires_at_ms or 0,
        },
    }


def _exec_name(event: OrderUpdated) -> str:
    """Liquidations and auto-deleveraging are told as CALCULATED, not as TRADE."""
    forced = event.order.origin in {Origin.LIQUIDATION, Origin.ADL}
    return "CALCULATED" if forced and event.fill is not None else words.exec_name(event.exec_type)


def trade_lite(event: OrderUpdated, fill: Fill, scale: Scale, shown: Shown) -> JsonObject:
    """Return the short form of a fill, which is sent first."""
    order = event.order
    return {
        "e": "TRADE_LITE",
        "E": shown(event.time_ms),
        "T": shown(event.time_ms),
        "s": scale.symbol,
        "q": scale.quantity(order.quantity),
        "p": scale.price(order.price),
        "m": fill.is_maker,
        "c": order.client_order_id,
        "S": words.side_name(order.side),
        "L": scale.price(fill.price),
        "l": scale.quantity(fill.quantity),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def algo_update(event: AlgoUpdated, scale: Scale, shown: Shown, actual: Order | None) -> JsonObject:
    """Return an update of a conditional order; `actual` is the order it made, if it did."""
    algo, request = event.algo, event.algo.request
    filled = actual is not None and actual.status is not OrderStatus.NEW
    return {
        "e": "ALGO_UPDATE",
        "T": shown(event.time_ms),
        "E": shown(event.time_ms),
        "o": {
            "caid": algo.client_algo_id,
            "aid": algo.algo_id,
            "at": "CONDITIONAL",
            "o": words.linear_type_name(request.order_type),
            "s": scale.symbol,
            "S": words.side_name(request.side),
            "ps": words.position_side_name(request.position_side),
            "f": request.time_in_force.value.upper(),
            "q": scale.quantity(request.quantity),
            "X": words.algo_status_name(algo.status),
            "ai": str(algo.order_id) if algo.order_id else "",
            "ap": fixed(
                average_price(actual, scale.market) if filled and actual is not None else ZERO, 5
            ),
            "aq": fixed(actual.filled_quantity if filled and actual is not None else ZERO, 5),
            "act": "0" if actual is None else words.linear_type_name(actual.order_type),
            "tp": plain(request.stop_price or ZERO),
            "p": plain(request.price or ZERO),
            "V": "EXPIRE_MAKER",
            "wt": words.working_type_name(request.trigger_on),
            "pm": "NONE",
            "cp": request.close_position,
            "pP": False,
            "R": request.reduce_only,
            "tt": shown(algo.triggered_ms) if algo.triggered_ms else 0,
            "gtd": request.expires_at_ms or 0,
            "rm": algo.message,
        },
    }


def stream_position(position: Position, scale: Scale) -> JsonObject:
    """Return a position inside ACCOUNT_UPDATE."""
    isolated = position.margin_mode is MarginMode.ISOLATED
    return {
        "s": scale.symbol,
        "pa": scale.quantity(position.quantity),
        "ep": plain(position.entry_price),
        "bep": plain(position.entry_price),
        "cr": exact(position.realized_pnl),
        "up": fixed(position.unrealized_pnl),
        "mt": "isolated" if isolated else "cross",
        "iw": fixed(position.isolated_margin),
        "ps": words.position_side_name(position.side),
    }


def stream_balance(balance: Balance, change: Decimal) -> JsonObject:
    """Return a balance inside ACCOUNT_UPDATE; `change` leaves trading out."""
    return {
        "a": balance.asset,
        "wb": exact(balance.total),
        "cw": exact(balance.total),
        "bc": exact(change),
    }
