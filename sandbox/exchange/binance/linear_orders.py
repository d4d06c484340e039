"""USD-M futures' trading endpoints for orders that go to the book at once."""

from __future__ import annotations

import json
from decimal import Decimal

from sandbox.exchange.binance import errors, linear_views, words
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.refusals import translated
from sandbox.exchange.binance.spot_orders import order_names
from sandbox.exchange.binance.wirejson import Json, JsonList, JsonObject
from sandbox.exchange.core import Market, Order, OrderRequest, Reject, RejectReason
from sandbox.exchange.core.kinds import OrderType, TimeInForce
from sandbox.jsontypes import as_object

_UNKNOWN_CANCEL = {RejectReason.UNKNOWN_ORDER: errors.unknown_order()}
_BATCH = 5
_BATCH_CANCEL = 10


def read_request(call: Call, *, conditional: bool) -> OrderRequest:
    """Read a new order, for the book or for the algo service.

    Raises:
        ApiError: A parameter is missing, superfluous or malformed; -4120 for a conditional
            order that should have gone to the algo service.
    """
    params = call.params
    market = call.market()
    side = words.SIDES.get(params.text("side"))
    if side is None:
        raise ApiError(-1117, "Invalid side.")
    kind = _order_type(params, conditional)
    closes = params.flag("closePosition")
    quantity = check_quantity(market, params.decimal("quantity"))
    if quantity is None and not closes:
        raise errors.missing("quantity")
    if closes and (quantity is not None or params.flag("reduceOnly")):
        raise ApiError(-4136, "Target strategy invalid for orderType with closePosition true")
    position_side = words.POSITION_SIDES.get(params.optional("positionSide") or "BOTH")
    if position_side is None:
        raise ApiError(-4060, "Invalid position side.")
    working = params.optional("workingType") or "CONTRACT_PRICE"
    if working not in words.WORKING_TYPES:
        raise errors.illegal("workingType", "CONTRACT_PRICE|MARK_PRICE")
    tif = _time_in_force(params, kind)
    price = check_price(market, params.decimal("price"), "price")
    if kind.has_limit and price is None:
        raise errors.missing("price")
    trigger = check_price(market, params.decimal("triggerPrice"), "triggerPrice")
    if conditional and trigger is None:
        raise errors.missing("triggerPrice")
    return OrderRequest(
        symbol=market.symbol,
        side=side,
        order_type=kind,
        quantity=quantity,
        price=price if kind.has_limit else None,
        stop_price=trigger,
        time_in_force=tif,
        client_order_id=params.client_id("clientAlgoId" if conditional else "newClientOrderId"),
        reduce_only=params.flag("reduceOnly"),
        close_position=closes,
        position_side=position_side,
        trigger_on=words.WORKING_TYPES[working],
        expires_at_ms=call.part.true(params.integer("goodTillDate")),
    )


def _order_type(params: Params, conditional: bool) -> OrderType:
    name = params.text("type")
    if name == "TRAILING_STOP_MARKET":
        raise ApiError(-4120, "Trailing stops are not offered by this exchange.")
    kind = words.LINEAR_TYPES.get(name)
    if kind is None or (conditional and not kind.is_conditional):
        raise ApiError(-1116, "Invalid orderType.")
    if kind.is_conditional and not conditional:
        raise errors.algo_service_only()
    return kind


def _time_in_force(params: Params, kind: OrderType) -> TimeInForce:
    given = params.optional("timeInForce")
    if given is None:
        if kind is OrderType.LIMIT:
            raise errors.missing("timeInForce")
        return TimeInForce.GTC
    if given not in words.TIMES_IN_FORCE:
        raise ApiError(-1115, "Invalid timeInForce.")
    if kind is OrderType.MARKET:
        raise ApiError(-1106, "Parameter 'timeinforce' sent when not required.")
    tif = words.TIMES_IN_FORCE[given]
    if tif is TimeInForce.GTD and "goodTillDate" not in params:
        raise errors.missing("goodTillDate")
    return tif


def check_quantity(market: Market, value: Decimal | None) -> Decimal | None:
    """Return a quantity whose decimals fit the contract.

    Raises:
        ApiError: -1111, -4003, -4004 or -4005.
    """
    if value is None:
        return None
    if words.digits_of(value) > words.digits_of(market.step):
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    if value <= 0:
        raise ApiError(-4003, "Quantity less than or equal to zero.")
    if value < market.min_quantity:
        raise ApiError(-4004, "Quantity less than min quantity.")
    if value > market.max_quantity:
        raise ApiError(-4005, "Quantity greater than max quantity.")
    return value


def check_price(market: Market, value: Decimal | None, name: str) -> Decimal | None:
    """Return a price whose decimals fit the contract.

    Raises:
        ApiError: -1111, -4001, -4002, -4013 or -4014.
    """
    if not value:
        return None
    if words.digits_of(value) > words.digits_of(market.tick):
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    if value > market.max_price:
        raise ApiError(-4002, "Price greater than max price.")
    if value < market.min_price:
        raise ApiError(-4013, f"Price less than min price ({name}).")
    if value % market.tick:
        raise ApiError(-4014, "Price not increased by tick size.")
    return value


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
            answers.append(submit(Call(call.part, params, call.account, call.key)))
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
