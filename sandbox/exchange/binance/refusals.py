"""Puts the core's refusals into Binance's codes and texts.

What `UNKNOWN_ORDER` and `NO_CHANGE` are called depends on what was asked, so the caller says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.exchange.binance import errors
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.core.kinds import MarketKind
from sandbox.exchange.core.rejects import Reject, RejectReason

Special = Mapping[RejectReason, Callable[[], ApiError]]
_Table = dict[RejectReason, tuple[int, str]]

_COMMON: _Table = {
    RejectReason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RejectReason.MISSING_PARAMETER: (
        -1102,
        "A mandatory parameter was not sent, was empty/null, or malformed.",
    ),
}
_SPOT: _Table = {
    **_COMMON,
    RejectReason.MARKET_HALTED: (-1013, "Market is closed."),
    RejectReason.PRICE_FILTER: (-1013, "Filter failure: PRICE_FILTER"),
    RejectReason.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    RejectReason.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    RejectReason.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    RejectReason.INSUFFICIENT_BALANCE: (
        -2010,
        "Account has insufficient balance for requested action.",
    ),
    RejectReason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    RejectReason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    RejectReason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    RejectReason.TOO_MANY_ORDERS: (-2010, "Filter failure: MAX_NUM_ORDERS"),
    RejectReason.TOO_MANY_ALGOS: (-2010, "Filter failure: MAX_NUM_ALGO_ORDERS"),
}
_LINEAR: _Table = {
    **_COMMON,
    RejectReason.MARKET_HALTED: (-4140, "Invalid symbol status for opening position."),
    RejectReason.PRICE_FILTER: (-4014, "Price not increased by tick size."),
    RejectReason.PRICE_BAND: (
        -4131,
        "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    ),
    RejectReason.LOT_SIZE: (-4023, "Qty not increased by step size."),
    RejectReason.MIN_NOTIONAL: (
        -4164,
        "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    ),
    RejectReason.INSUFFICIENT_BALANCE: (-2018, "Balance is insufficient."),
    RejectReason.INSUFFICIENT_MARGIN: (-2019, "Margin is insufficient."),
    RejectReason.DUPLICATE_CLIENT_ID: (-4116, "ClientOrderId is duplicated."),
    RejectReason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history",
    ),
    RejectReason.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    RejectReason.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    RejectReason.POSITION_SIDE: (
        -4061,
        "Order's position side does not match user's setting.",
    ),
    RejectReason.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
    RejectReason.TOO_MANY_ALGOS: (-4045, "Reach max stop order limit."),
    RejectReason.NO_CHANGE: (-5027, "No need to modify the order."),
    RejectReason.POSITION_OPEN: (
        -4048,
        "Margin type cannot be changed if there exists position.",
    ),
    RejectReason.INVALID_LEVERAGE: (-4028, "Leverage is not valid"),
    RejectReason.WITHDRAWAL: (-2018, "Balance is insufficient."),
}
_TABLES = {MarketKind.SPOT: _SPOT, MarketKind.LINEAR: _LINEAR}
_KEY = frozenset({RejectReason.UNKNOWN_KEY, RejectReason.EXPIRED_KEY, RejectReason.NOT_PERMITTED})


def translated(reject: Reject, kind: MarketKind, special: Special | None = None) -> ApiError:
    """Return what Binance says; `special` names the answers that depend on what was asked."""
    if special and reject.reason in special:
        return special[reject.reason]()
    if reject.reason in _KEY:
        return errors.key_refused()
    if reject.reason is RejectReason.UNKNOWN_ORDER:
        return errors.no_such_order()
    if reject.reason is RejectReason.CONDITIONAL_NEEDS_ALGO:
        return errors.algo_service_only()
    known = _TABLES[kind].get(reject.reason)
    if known is None:
        return ApiError(-1130, f"Data sent for a parameter is not valid: {reject.text}")
    return ApiError(*known)
