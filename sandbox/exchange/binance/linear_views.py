"""USD-M futures' JSON shapes of what the core keeps."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sandbox.exchange.binance import words
from sandbox.exchange.binance.wirejson import JsonList, JsonObject, exact, fixed, plain
from sandbox.exchange.core.kinds import (
    MarketStatus,
    Side,
)
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.orders import AlgoOrder, Fill, Order
from sandbox.exchange.core.public import PublicTrade, Ticker

ZERO = Decimal(0)
Shown = Callable[[int], int]

_TYPES = [*words.LINEAR_TYPES, "TRAILING_STOP_MARKET"]


class Scale:
    """Writes prices and quantities of one market with its number of decimals."""

    def __init__(self, market: Market, symbol: str) -> None:
        self.market = market
        self.symbol = symbol
        self._price = words.digits_of(market.tick)
        self._quantity = words.digits_of(market.step)

    def price(self, value: Decimal | None) -> str:
        """Write a price; none is zero."""
        return fixed(value or ZERO, self._price)

    def quantity(self, value: Decimal | None) -> str:
        """Write a quantity; none is zero."""
        return fixed(value or ZERO, self._quantity)


def average_price(order: Order, market: Market) -> Decimal:
    """Return what was paid per unit, zero without a fill."""
    if not order.filled_quantity:
        return ZERO
    return order.filled_value / (order.filled_quantity * market.contract_size)


def order_view(order: Order, scale: Scale, shown: Shown) -> JsonObject:
    """Return an order as every answer about it shows it."""
    kind = words.linear_type_name(order.order_type)
    return {
        "orderId": order.order_id,
        "symbol": scale.symbol,
        "status": words.status_name(order.status),
        "clientOrderId": order.client_order_id,
        "price": scale.price(order.price),
        "avgPrice": fixed(average_price(order, scale.market), 5),
        "origQty": scale.quantity(order.quantity),
        "executedQty": scale.quantity(order.filled_quantity),
        "cumQty": scale.quantity(order.filled_quantity),
        "cumQuote": exact(order.filled_value, 5),
        "timeInForce": order.time_in_force.value.upper(),
        "type": kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": words.side_name(order.side),
        "positionSide": words.position_side_name(order.position_side),
        "stopPrice": scale.price(order.stop_price),
        "workingType": words.working_type_name(order.trigger_on),
        "priceProtect": False,
        "origType": kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": order.expires_at_ms or 0,
        "time": shown(order.created_ms),
        "updateTime": shown(order.updated_ms),
    }


def algo_view(algo: AlgoOrder, scale: Scale, shown: Shown) -> JsonObject:
    """Return a conditional order of the algo service."""
    request = algo.request
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": words.linear_type_name(request.order_type),
        "symbol": scale.symbol,
        "side": words.side_name(request.side),
        "positionSide": words.position_side_name(request.position_side),
        "timeInForce": request.time_in_force.value.upper(),
        "quantity": scale.quantity(request.quantity),
        "algoStatus": words.algo_status_name(algo.status),
        "actualOrderId": str(algo.order_id) if algo.order_id else "",
        "actualPrice": "0.00000",
        "triggerPrice": scale.price(request.stop_price),
        "price": scale.price(request.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": words.working_type_name(request.trigger_on),
        "priceMatch": "NONE",
        "closePosition": request.close_position,
        "priceProtect": False,
        "reduceOnly": request.reduce_only,
        "createTime": shown(algo.created_ms),
        "updateTime": shown(algo.updated_ms),
        "triggerTime": shown(algo.triggered_ms) if algo.triggered_ms else 0,
        "goodTillDate": request.expires_at_ms or 0,
    }


def own_trade_view(fill: Fill, scale: Scale, shown: Shown) -> JsonObject:
    """Return one of the account's own trades."""
    return {
        "symbol": scale.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": words.side_name(fill.side),
        "price": scale.price(fill.price),
        "qty": scale.quantity(fill.quantity),
        "realizedPnl": exact(fill.realized_pnl),
        "quoteQty": exact(fill.value),
        "commission": exact(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": shown(fill.time_ms),
        "positionSide": words.position_side_name(fill.position_side),
        "buyer": fill.side is Side.BUY,
        "maker": fill.is_maker,
    }


def trade_view(trade: PublicTrade, scale: Scale, shown: Shown) -> JsonObject:
    """Return a print of the tape."""
    return {
        "id": trade.trade_id,
        "price": scale.price(trade.price),
        "qty": scale.quantity(trade.quantity),
        "quoteQty": fixed(trade.price * trade.quantity * scale.market.contract_size, 2),
        "time": shown(trade.time_ms),
        "isBuyerMaker": trade.taker_side is Side.SELL,
    }


def aggregate_view(trade: PublicTrade, scale: Scale, shown: Shown) -> JsonObject:
    """Return a print as an aggregate of one."""
    return {
        "a": trade.trade_id,
        "p": scale.price(trade.price),
        "q": scale.quantity(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": shown(trade.time_ms),
        "m": trade.taker_side is Side.SELL,
    }


def ticker_view(ticker: Ticker, scale: Scale, shown: Shown) -> JsonObject:
    """Return the 24 hour ticker, which has no book here."""
    change = ticker.last - ticker.open
    percent = change / ticker.open * 100 if ticker.open else ZERO
    average = ticker.value / ticker.volume if ticker.volume else ticker.last
    return {
        "symbol": scale.symbol,
        "priceChange": scale.price(change),
        "priceChangePercent": fixed(percent, 3),
        "weightedAvgPrice": scale.price(average),
        "lastPrice": scale.price(ticker.last),
        "lastQty": scale.quantity(ticker.last_quantity),
        "openPrice": scale.price(ticker.open),
        "highPrice": scale.price(ticker.high),
        "lowPrice": scale.price(ticker.low),
        "volume": scale.quantity(ticker.volume),
        "quoteVolume": fixed(ticker.value, 2),
        "openTime": shown(ticker.open_ms),
        "closeTime": shown(ticker.close_ms),
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.trades,
    }


def market_view(scale: Scale, status: MarketStatus) -> JsonObject:
    """Return a contract with its filters, as exchangeInfo lists it."""
    market = scale.market
    return {
        "symbol": scale.symbol,
        "pair": f"{market.base}{market.quote}",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": words.linear_status_name(status),
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.settle_asset,
        "pricePrecision": words.digits_of(market.tick),
        "quantityPrecision": words.digits_of(market.step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(scale),
        "orderTypes": _TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _filters(scale: Scale) -> JsonList:
    market = scale.market
    lot = {
        "minQty": scale.quantity(market.min_quantity),
        "stepSize": scale.quantity(market.step),
    }
    market_max = market.market_max_quantity or market.max_quantity
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": scale.price(market.min_price),
            "maxPrice": scale.price(market.max_price),
            "tickSize": scale.price(market.tick),
        },
        {"filterType": "LOT_SIZE", "maxQty": scale.quantity(market.max_quantity), **lot},
        {"filterType": "MARKET_LOT_SIZE", "maxQty": scale.quantity(market_max), **lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": market.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": market.max_algos},
        {"filterType": "MIN_NOTIONAL", "notional": plain(market.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.0500",
            "multiplierDown": "0.9500",
            "multiplierDecimal": "4",
        },
    ]
