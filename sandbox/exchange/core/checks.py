"""What a market refuses whoever asks: prices, quantities and combinations that make no sense."""

from __future__ import annotations

from decimal import Decimal

from sandbox.exchange.core.exact import ZERO, fits, times
from sandbox.exchange.core.kinds import MarketStatus, OrderType, TimeInForce
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.matching import fires_up
from sandbox.exchange.core.orders import OrderRequest
from sandbox.exchange.core.pit import Pit
from sandbox.exchange.core.rejects import Reject, RejectReason


def check_request(pit: Pit, request: OrderRequest, now_ms: int) -> None:
    """Raise `Reject` for what is wrong with a request by itself, funds and ids aside."""
    market = pit.market
    if pit.status is not MarketStatus.TRADING:
        text = f"{market.symbol} is {pit.status.value}: nothing was placed."
        raise Reject(RejectReason.MARKET_HALTED, text)
    _check_shape(market, request, now_ms)
    if request.order_type.has_limit:
        check_price(market, request.price, "price")
        _check_band(pit, request)
    if request.order_type.is_conditional:
        check_price(market, request.stop_price, "trigger price")
        _check_trigger(pit, request)
    if request.quantity is not None:
        check_quantity(market, request.quantity, is_market=not request.order_type.has_limit)
        if not (request.reduce_only or request.close_position):
            check_notional(pit, request.quantity, request.price or request.stop_price)
    elif request.quote_quantity is not None and request.quote_quantity < market.min_notional:
        text = f"{request.quote_quantity} {market.quote} is below {market.min_notional}."
        raise Reject(RejectReason.MIN_NOTIONAL, text)


def _check_shape(market: Market, request: OrderRequest, now_ms: int) -> None:
    if request.quantity is None and request.quote_quantity is None and not request.close_position:
        raise Reject(RejectReason.MISSING_PARAMETER, "An order needs a quantity.")
    wrong = ""
    if request.quote_quantity is not None and (
        request.order_type is not OrderType.MARKET or not market.is_spot
    ):
        wrong = "Only spot market orders are sized in the quote."
    elif request.quantity is not None and request.quote_quantity is not None:
        wrong = "An order has a quantity or a quote quantity, not both."
    elif request.quantity is not None and request.close_position:
        wrong = "An order that closes the position has no quantity."
    elif market.is_spot and (request.reduce_only or request.close_position):
        wrong = "Spot orders have no position to reduce."
    elif request.time_in_force is TimeInForce.GTD and (
        request.expires_at_ms is None or request.expires_at_ms <= now_ms
    ):
        wrong = "A GTD order expires in the future."
    elif request.time_in_force is TimeInForce.GTX and not request.order_type.has_limit:
        wrong = "Only limit orders can be post-only."
    if wrong:
        raise Reject(RejectReason.INVALID_PARAMETER, wrong)


def check_price(market: Market, price: Decimal | None, name: str) -> None:
    """Raise MISSING_PARAMETER or PRICE_FILTER."""
    if price is None:
        raise Reject(RejectReason.MISSING_PARAMETER, f"The order needs a {name}.")
    if not market.min_price <= price <= market.max_price:
        text = f"The {name} {price} is not between {market.min_price} and {market.max_price}."
        raise Reject(RejectReason.PRICE_FILTER, text)
    if not fits(price, market.tick):
        text = f"The {name} {price} is not a multiple of {market.tick}."
        raise Reject(RejectReason.PRICE_FILTER, text)


def check_quantity(market: Market, quantity: Decimal, *, is_market: bool) -> None:
    """Raise LOT_SIZE."""
    most = market.max_quantity
    if is_market and market.market_max_quantity is not None:
        most = market.market_max_quantity
    if not market.min_quantity <= quantity <= most:
        text = f"The quantity {quantity} is not between {market.min_quantity} and {most}."
        raise Reject(RejectReason.LOT_SIZE, text)
    if not fits(quantity, market.step):
        text = f"The quantity {quantity} is not a multiple of {market.step}."
        raise Reject(RejectReason.LOT_SIZE, text)


def check_notional(pit: Pit, quantity: Decimal, price: Decimal | None) -> None:
    """Raise MIN_NOTIONAL; without a price the last one counts."""
    market = pit.market
    unit = times(price if price is not None else pit.price(pit.last), market.contract_size)
    notional = times(quantity, unit)
    if notional < market.min_notional:
        text = f"The order is worth {notional} {market.quote}, below {market.min_notional}."
        raise Reject(RejectReason.MIN_NOTIONAL, text)


def _check_band(pit: Pit, request: OrderRequest) -> None:
    band = pit.market.price_band
    if band is None or request.price is None:
        return
    last = pit.price(pit.last)
    if abs(request.price - last) > times(last, band):
        text = f"The price {request.price} is too far from {last}."
        raise Reject(RejectReason.PRICE_BAND, text)


def _check_trigger(pit: Pit, request: OrderRequest) -> None:
    ticks = pit.ticks(request.stop_price or ZERO)
    watched = pit.last if request.trigger_on.value == "last" else pit.middle
    if ticks <= watched if fires_up(request.side, request.order_type) else ticks >= watched:
        text = f"The trigger {request.stop_price} has been reached already."
        raise Reject(RejectReason.WOULD_TRIGGER, text)
