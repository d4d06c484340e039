"""Spot's trading endpoints."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox.exchange.binance import errors, spot_views, words
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.binance.wirejson import Json, JsonObject
from sandbox.exchange.core import Market, Order, OrderRequest, Reject, RejectReason
from sandbox.exchange.core.kinds import OrderType, TimeInForce

_MOST_DECIMALS = 8
_RESPONSES = frozenset({"ACK", "RESULT", "FULL"})
_UNKNOWN_CANCEL = {RejectReason.UNKNOWN_ORDER: errors.unknown_order}


def read_request(call: Call) -> OrderRequest:
    """Read a new order.

    Raises:
        ApiError: A parameter is missing, superfluous or malformed.
    """
    params = call.params
    market = call.market()
    side = words.SIDES.get(params.text("side"))
    if side is None:
        raise ApiError(-1117, "Invalid side.")
    name = params.text("type")
    kind = words.SPOT_TYPES.get(name)
    if kind is None:
        raise ApiError(-1116, "Invalid orderType.")
    quantity = _number(call, "quantity")
    by_value = _number(call, "quoteOrderQty")
    if by_value is not None and kind is not OrderType.MARKET:
        raise errors.not_required("quoteOrderQty")
    if quantity is None and by_value is None:
        raise errors.missing("quantity")
    if quantity is not None and by_value is not None:
        raise errors.not_required("quoteOrderQty")
    return OrderRequest(
        symbol=market.symbol,
        side=side,
        order_type=kind,
        quantity=quantity,
        quote_quantity=by_value,
        price=_wanted(call, "price", kind.has_limit),
        stop_price=_wanted(call, "stopPrice", kind.is_conditional),
        time_in_force=_time_in_force(call, name, kind),
        client_order_id=params.client_id("newClientOrderId"),
    )


def _time_in_force(call: Call, name: str, kind: OrderType) -> TimeInForce:
    given = call.params.optional("timeInForce")
    if name == "LIMIT_MAKER" or not kind.has_limit:
        if given is not None:
            raise errors.not_required("timeInForce")
        return TimeInForce.GTX if name == "LIMIT_MAKER" else TimeInForce.GTC
    if given is None:
        raise errors.missing("timeInForce")
    if given not in words.SPOT_TIMES_IN_FORCE:
        raise ApiError(-1115, "Invalid timeInForce.")
    return words.SPOT_TIMES_IN_FORCE[given]


def _wanted(call: Call, name: str, needed: bool) -> Decimal | None:
    value = _number(call, name)
    if needed and value is None:
        raise errors.missing(name)
    if not needed and value is not None:
        raise errors.not_required(name)
    return value


def _number(call: Call, name: str) -> Decimal | None:
    value = call.params.decimal(name)
    if value is not None and words.digits_of(value) > _MOST_DECIMALS:
        raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
    return value


def submit(call: Call) -> Json:
    """Place an order."""
    request = read_request(call)
    kind = _response_kind(call, request.order_type)
    call.part.limits.take_order(call.account, call.exchange.now_ms)
    return _placed(call, _submit(call, request), kind)


def _response_kind(call: Call, order_type: OrderType) -> str:
    full = order_type in {OrderType.MARKET, OrderType.LIMIT}
    kind = call.params.optional("newOrderRespType") or ("FULL" if full else "ACK")
    if kind not in _RESPONSES:
        raise errors.illegal("newOrderRespType", "ACK|RESULT|FULL")
    return kind


def _submit(call: Call, request: OrderRequest) -> Order:
    try:
        return call.exchange.orders.submit(call.account, request)
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc


def _placed(call: Call, order: Order, kind: str) -> JsonObject:
    fills = call.exchange.history.fills(call.account, order.symbol, order_id=order.order_id)
    return spot_views.placed_view(order, fills, call.wire(order.symbol), kind, call.part.shown)


def test(call: Call) -> Json:
    """Check an order and place nothing."""
    request = read_request(call)
    try:
        call.exchange.orders.test(call.account, request)
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc
    return {}


def query(call: Call) -> Json:
    """Show one order."""
    return spot_views.order_view(
        named_order(call), call.wire(call.market().symbol), call.part.shown
    )


def named_order(call: Call) -> Order:
    """Return the order that `orderId` or `origClientOrderId` names."""
    order_id, client_id = order_names(call, "orderId", "origClientOrderId")
    try:
        return call.exchange.history.order(
            call.account, call.market().symbol, order_id=order_id, client_order_id=client_id
        )
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc


def order_names(call: Call, by_id: str, by_client_id: str) -> tuple[int, str]:
    """Return the two names of an order, of which one is there.

    Raises:
        ApiError: -1102 where both are missing.
    """
    order_id = call.params.integer(by_id) or 0
    client_id = call.params.optional(by_client_id) or ""
    if not order_id and not client_id:
        raise ApiError(
            -1102,
            f"Param '{by_client_id}' or '{by_id}' must be sent, but both were empty/null!",
        )
    return order_id, client_id


def cancel(call: Call) -> Json:
    """Cancel one order."""
    order_id, client_id = order_names(call, "orderId", "origClientOrderId")
    order = _cancel(call, call.market(), order_id, client_id)
    return _cancelled(call, order, call.params.optional("newClientOrderId"))


def _cancel(call: Call, market: Market, order_id: int, client_id: str) -> Order:
    try:
        return call.exchange.orders.cancel(
            call.account, market.symbol, order_id=order_id, client_order_id=client_id
        )
    except Reject as exc:
        raise translated(exc, call.part.kind, _UNKNOWN_CANCEL) from exc


def _cancelled(call: Call, order: Order, cancel_id: str | None = None) -> JsonObject:
    return spot_views.cancelled_view(
        order, cancel_id or cancel_name(order), call.wire(order.symbol), call.part.shown
    )


def cancel_name(order: Order) -> str:
    """Return what a cancel of `order` is called where the client gave it no name."""
    return f"cancel{order.order_id}"


def cancel_all(call: Call) -> Json:
    """Cancel every open order of a market.

    Raises:
        ApiError: -2011 where there is none, as Binance has it.
    """
    market = call.market()
    cancelled = call.exchange.orders.cancel_all(call.account, market.symbol)
    if not cancelled:
        raise errors.unknown_order()
    return [_cancelled(call, order) for order in cancelled]


def open_orders(call: Call) -> Json:
    """List open orders of one market or of all."""
    market = call.optional_market()
    found = call.exchange.history.open_orders(call.account, market.symbol if market else "")
    return [
        spot_views.order_view(order, call.wire(order.symbol), call.part.shown)
        for order in found
        if call.wire(order.symbol)
    ]


def all_orders(call: Call) -> Json:
    """List orders by id or by time."""
    market = call.market()
    start, end = call.span()
    found = call.exchange.history.orders(
        call.account,
        market.symbol,
        from_id=call.params.integer("orderId") or 0,
        start_ms=start,
        end_ms=end,
        limit=call.params.limit(500, 1000),
    )
    return [
        spot_views.order_view(order, call.wire(order.symbol), call.part.shown) for order in found
    ]


def my_trades(call: Call) -> Json:
    """List the account's own trades of a market."""
    market = call.market()
    start, end = call.span()
    found = call.exchange.history.fills(
        call.account,
        market.symbol,
        order_id=call.params.integer("orderId") or 0,
        from_id=call.params.integer("fromId"),
        start_ms=start,
        end_ms=end,
        limit=call.params.limit(500, 1000),
    )
    return [
        spot_views.own_trade_view(fill, call.wire(fill.symbol), call.part.shown) for fill in found
    ]


def cancel_replace(call: Call) -> Json:
    """Cancel one order and place another.

    Raises:
        ApiError: -2022 when nothing was done, -2021 when one of the halves was; both tell in
            `data` what became of each.
    """
    mode = call.params.text("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise errors.illegal("cancelReplaceMode", "STOP_ON_FAILURE|ALLOW_FAILURE")
    order_id, client_id = order_names(call, "cancelOrderId", "cancelOrigClientOrderId")
    request = read_request(call)
    kind = _response_kind(call, request.order_type)
    call.part.limits.take_order(call.account, call.exchange.now_ms)
    gone, cancel_answer = _half(
        lambda: _cancelled(call, _cancel(call, call.market(), order_id, client_id))
    )
    if not gone and mode == "STOP_ON_FAILURE":
        raise _replace_failed(cancel_answer, None, gone, placed=False)
    placed, answer = _half(lambda: _placed(call, _submit(call, request), kind))
    if not (gone and placed):
        raise _replace_failed(cancel_answer, answer, gone, placed=placed)
    return {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": cancel_answer,
        "newOrderResponse": answer,
    }


def _half(act: Callable[[], JsonObject]) -> tuple[bool, JsonObject]:
    try:
        return True, act()
    except ApiError as exc:
        return False, exc.to_json()


def _replace_failed(
    cancel_answer: JsonObject, answer: JsonObject | None, gone: bool, *, placed: bool
) -> ApiError:
    told = "NOT_ATTEMPTED" if answer is None else "SUCCESS" if placed else "FAILURE"
    data: JsonObject = {
        "cancelResult": "SUCCESS" if gone else "FAILURE",
        "newOrderResult": told,
        "cancelResponse": cancel_answer,
        "newOrderResponse": answer,
    }
    if gone or placed:
        return ApiError(-2021, "Order cancel-replace partially failed.", status=409, data=data)
    return ApiError(-2022, "Order cancel-replace failed.", data=data)
