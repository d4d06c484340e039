"""USD-M futures' trading endpoints for orders that go to the book at once."""

from __future__ import annotations

import json
from collections.abc import Callable

from sandbox.exchange.binance import errors, linear_views
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.linear_requests import check_price, check_quantity, read_request
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.binance.spot_orders import order_names
from sandbox.exchange.binance.wirejson import Json, JsonList, JsonObject
from sandbox.exchange.core import Market, Order, Reject, RejectReason
from sandbox.jsontypes import as_object

_UNKNOWN_CANCEL = {RejectReason.UNKNOWN_ORDER: errors.unknown_order}
_BATCH = 5
_BATCH_CANCEL = 10


def submit(call: Call) -> Json:
    """Place an order."""
    request = read_request(call, conditional=False)
    call.part.limits.take_order(call.account, call.exchange.now_ms)
    try:
        order = call.exchange.orders.submit(call.account, request)
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc
    return view(call, order)


def view(call: Call, order: Order) -> JsonObject:
    """Show an order."""
    return linear_views.order_view(order, call.scale(order.symbol), call.part.shown)


def test(call: Call) -> Json:
    """Check an order and place nothing."""
    request = read_request(call, conditional=False)
    try:
        call.exchange.orders.test(call.account, request)
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc
    return {}


def submit_batch(call: Call) -> Json:
    """Place up to five orders; each succeeds or fails for itself."""
    return _each(call, submit)


def amend_batch(call: Call) -> Json:
    """Change up to five orders; each succeeds or fails for itself."""
    return _each(call, amend)


def _each(call: Call, act: Callable[[Call], Json]) -> Json:
    try:
        listed: object = json.loads(call.params.text("batchOrders"))
    except ValueError as exc:
        raise errors.illegal("batchOrders", "a list of orders") from exc
    if not isinstance(listed, list) or not 0 < len(listed) <= _BATCH:
        raise ApiError(-4082, "Invalid number of batch place orders.")
    answers: JsonList = []
    for item in listed:
        params = Params.of_json(as_object(item))
        try:
            answers.append(act(Call(call.part, params, call.account, call.key)))
        except ApiError as exc:
            answers.append(exc.to_json())
    return answers


def cancel_batch(call: Call) -> Json:
    """Cancel up to ten orders; each succeeds or fails for itself."""
    market = call.market()
    ids = [(int(text), "") for text in call.params.texts("orderidlist") or []]
    names = call.params.texts("origclientorderidlist") or []
    wanted = [*ids, *[(0, name) for name in names]]
    if not 0 < len(wanted) <= _BATCH_CANCEL:
        raise ApiError(-4083, "Invalid number of batch cancel orders.")
    listed: JsonList = []
    for order_id, client_id in wanted:
        try:
            listed.append(view(call, _cancel(call, market, order_id, client_id)))
        except ApiError as exc:
            listed.append(exc.to_json())
    return listed


def amend(call: Call) -> Json:
    """Change price and quantity of a resting limit order."""
    market = call.market()
    order_id, client_id = order_names(call, "orderId", "origClientOrderId")
    quantity = check_quantity(market, call.params.needed_decimal("quantity"))
    price = check_price(market, call.params.decimal("price"), "price")
    call.part.limits.take_order(call.account, call.exchange.now_ms)
    try:
        order = call.exchange.orders.amend(
            call.account,
            market.symbol,
            order_id=order_id,
            client_order_id=client_id,
            quantity=quantity,
            price=price,
        )
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc
    return view(call, order)


def _named(call: Call) -> Order:
    order_id, client_id = order_names(call, "orderId", "origClientOrderId")
    try:
        return call.exchange.history.order(
            call.account, call.market().symbol, order_id=order_id, client_order_id=client_id
        )
    except Reject as exc:
        raise translated(exc, call.part.kind) from exc


def query(call: Call) -> Json:
    """Show one order."""
    return view(call, _named(call))


def query_open(call: Call) -> Json:
    """Show one order that is open."""
    order = _named(call)
    if not order.is_open:
        raise errors.no_such_order()
    return view(call, order)


def cancel(call: Call) -> Json:
    """Cancel one order."""
    order_id, client_id = order_names(call, "orderId", "origClientOrderId")
    return view(call, _cancel(call, call.market(), order_id, client_id))


def _cancel(call: Call, market: Market, order_id: int, client_id: str) -> Order:
    try:
        return call.exchange.orders.cancel(
            call.account, market.symbol, order_id=order_id, client_order_id=client_id
        )
    except Reject as exc:
        raise translated(exc, call.part.kind, _UNKNOWN_CANCEL) from exc


def cancel_all(call: Call) -> Json:
    """Cancel every open order of a market; conditional ones stay."""
    call.exchange.orders.cancel_all(call.account, call.market().symbol)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def countdown(call: Call) -> Json:
    """Cancel a market's orders unless this is asked again in time; 0 ends it."""
    market = call.market()
    span = call.params.integer("countdownTime")
    if span is None:
        raise errors.missing("countdownTime")
    call.exchange.orders.cancel_all_after(call.account, market.symbol, span)
    return {"symbol": call.wire(market.symbol), "countdownTime": str(span)}


def open_orders(call: Call) -> Json:
    """List open orders of one market or of all."""
    market = call.optional_market()
    found = call.exchange.history.open_orders(call.account, market.symbol if market else "")
    return [view(call, order) for order in found if call.wire(order.symbol)]


def all_orders(call: Call) -> Json:
    """List orders by id or by time."""
    market = call.optional_market()
    start, end = call.span()
    found = call.exchange.history.orders(
        call.account,
        market.symbol if market else "",
        from_id=call.params.integer("orderId") or 0,
        start_ms=start,
        end_ms=end,
        limit=call.params.limit(500, 1000),
    )
    return [view(call, order) for order in found if call.wire(order.symbol)]


def user_trades(call: Call) -> Json:
    """List the account's own trades."""
    market = call.optional_market()
    start, end = call.span()
    found = call.exchange.history.fills(
        call.account,
        market.symbol if market else "",
        order_id=call.params.integer("orderId") or 0,
        from_id=call.params.integer("fromId"),
        start_ms=start,
        end_ms=end,
        limit=call.params.limit(500, 1000),
    )
    listed: JsonList = [
        linear_views.own_trade_view(fill, call.scale(fill.symbol), call.part.shown)
        for fill in found
        if call.wire(fill.symbol)
    ]
    return listed
