"""Reads new orders of USD-M futures, with Binance's refusals."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.binance import errors, words
from sandbox.exchange.binance.errors import ApiError
from sandbox.exchange.binance.params import Params
from sandbox.exchange.binance.part import Call
from sandbox.exchange.core import Market, OrderRequest
from sandbox.exchange.core.kinds import OrderType, TimeInForce


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
