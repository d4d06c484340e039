"""The algo service of USD-M futures: conditional orders with ids, lists and ends of their own."""

from __future__ import annotations

from sandbox.exchange.binance import errors, linear_views
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.linear_requests import read_request
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.binance.wirejson import Json, JsonObject
from sandbox.exchange.core import AlgoOrder, Reject, RejectReason

_UNKNOWN = {RejectReason.UNKNOWN_ORDER: errors.unknown_order}


def _view(call: Call, algo: AlgoOrder) -> JsonObject:
    return linear_views.algo_view(algo, call.scale(algo.symbol), call.part.shown)


def submit(call: Call) -> Json:
    """Leave a conditional order."""
    if call.params.text("algoType") != "CONDITIONAL":
        raise ApiError(-4120, "Order type not supported for this endpoint.")
    request = read_request(call, conditional=True)
    call.part.limits.take_order(call.account, call.exchange.now_ms)
    try:
        algo = call.exchange.orders.submit_algo(call.account, request)
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc
    return _view(call, algo)


def _names(call: Call) -> tuple[int, str]:
    algo_id = call.params.integer("algoId") or 0
    client_id = call.params.optional("clientAlgoId") or ""
    if not algo_id and not client_id:
        raise ApiError(
            -1102, "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!"
        )
    return algo_id, client_id


def cancel(call: Call) -> Json:
    """Cancel one that has not triggered; the answer is short."""
    algo_id, client_id = _names(call)
    market = call.optional_market()
    try:
        algo = call.exchange.orders.cancel_algo(
            call.account,
            market.symbol if market else "",
            algo_id=algo_id,
            client_algo_id=client_id,
        )
    except Reject as exc:
        raise translated(exc, call.part.kind, _UNKNOWN) from exc
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all(call: Call) -> Json:
    """Cancel every open conditional order of a market."""
    call.exchange.orders.cancel_all_algos(call.account, call.market().symbol)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def query(call: Call) -> Json:
    """Show one."""
    algo_id, client_id = _names(call)
    market = call.optional_market()
    try:
        algo = call.exchange.history.algo(
            call.account,
            market.symbol if market else "",
            algo_id=algo_id,
            client_algo_id=client_id,
        )
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc
    return _view(call, algo)


def open_algos(call: Call) -> Json:
    """List those that wait."""
    market = call.optional_market()
    found = call.exchange.history.open_algos(call.account, market.symbol if market else "")
    return [_view(call, algo) for algo in found]


def all_algos(call: Call) -> Json:
    """List those of a market, ended ones included."""
    market = call.market()
    start, end = call.span()
    found = call.exchange.history.algos(
        call.account,
        market.symbol,
        from_id=call.params.integer("algoId") or 0,
        start_ms=start,
        end_ms=end,
        limit=call.params.limit(500, 1000),
    )
    return [_view(call, algo) for algo in found]
