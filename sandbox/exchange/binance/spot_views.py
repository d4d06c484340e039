"""Spot's JSON shapes of what the core keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from sandbox.exchange.binance import words
from sandbox.exchange.binance.wirejson import JsonList, JsonObject, exact, fixed
from sandbox.exchange.core.kinds import MarketStatus, Side
from sandbox.exchange.core.markets import Market
from sandbox.exchange.core.orders import Fill, Order
from sandbox.exchange.core.public import Bar, PublicTrade, Ticker

ZERO = Decimal(0)
Shown = Callable[[int], int]  # the exchange's own time -> the time it shows


def order_state(order: Order) -> JsonObject:
    """Return the fields that every answer about an order has."""
    return {
        "price": fixed(order.price or ZERO),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.filled_quantity),
        "origQuoteOrderQty": fixed(order.quote_quantity or ZERO),
        "cummulativeQuoteQty": exact(order.filled_value),
        "status": words.status_name(order.status),
        "timeInForce": words.spot_tif_name(order.time_in_force),
        "type": words.spot_type_name(order.order_type, order.time_in_force),
        "side": words.side_name(order.side),
        **({} if order.stop_price is None else {"stopPrice": fixed(order.stop_price)}),
        "selfTradePreventionMode": "NONE",
    }


def order_view(order: Order, symbol: str, shown: Shown) -> JsonObject:
    """Return an order as queries and lists show it."""
    return {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "stopPrice": fixed(ZERO),
        **order_state(order),
        "icebergQty": fixed(ZERO),
        "time": shown(order.created_ms),
        "updateTime": shown(order.updated_ms),
        "isWorking": order.working_ms > 0,
        "workingTime": shown(order.working_ms) if order.working_ms else -1,
    }


def placed_view(
    order: Order, fills: Sequence[Fill], symbol: str, kind: str, shown: Shown
) -> JsonObject:
    """Return the answer to a new order; `kind` is ACK, RESULT or FULL."""
    body: JsonObject = {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": shown(order.updated_ms),
    }
    if kind == "ACK":
        return body
    body |= order_state(order)
    body["workingTime"] = shown(order.working_ms) if order.working_ms else -1
    if kind == "FULL":
        body["fills"] = [
            {
                "price": fixed(fill.price),
                "qty": fixed(fill.quantity),
                "commission": exact(fill.commission),
                "commissionAsset": fill.commission_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ]
    return body


def cancelled_view(order: Order, cancel_id: str, symbol: str, shown: Shown) -> JsonObject:
    """Return the answer to a cancel; `cancel_id` names the request itself."""
    return {
        "symbol": symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": shown(order.updated_ms),
        **order_state(order),
    }


def own_trade_view(fill: Fill, symbol: str, shown: Shown) -> JsonObject:
    """Return one of the account's own trades."""
    return {
        "symbol": symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": fixed(fill.price),
        "qty": fixed(fill.quantity),
        "quoteQty": exact(fill.value),
        "commission": exact(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": shown(fill.time_ms),
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def trade_view(trade: PublicTrade, shown: Shown) -> JsonObject:
    """Return a print of the tape."""
    return {
        "id": trade.trade_id,
        "price": fixed(trade.price),
        "qty": fixed(trade.quantity),
        "quoteQty": fixed(trade.price * trade.quantity),
        "time": shown(trade.time_ms),
        "isBuyerMaker": trade.taker_side is Side.SELL,
        "isBestMatch": True,
    }


def aggregate_view(trade: PublicTrade, shown: Shown) -> JsonObject:
    """Return a print as an aggregate of one; ids of both series agree here."""
    return {
        "a": trade.trade_id,
        "p": fixed(trade.price),
        "q": fixed(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": shown(trade.time_ms),
        "m": trade.taker_side is Side.SELL,
        "M": True,
    }


def bar_view(bar: Bar, number: Callable[[Decimal], str] = fixed) -> JsonList:
    """Return a bar as the kline lists have it; `number` writes prices and amounts."""
    return [
        bar.start_ms,
        number(bar.open),
        number(bar.high),
        number(bar.low),
        number(bar.close),
        number(bar.volume),
        bar.end_ms,
        number(bar.value),
        bar.trades,
        number(bar.taker_volume),
        number(bar.taker_value),
        "0",
    ]


def ticker_view(ticker: Ticker, symbol: str, shown: Shown) -> JsonObject:
    """Return the 24 hour ticker."""
    change = ticker.last - ticker.open
    percent = change / ticker.open * 100 if ticker.open else ZERO
    average = ticker.value / ticker.volume if ticker.volume else ticker.last
    bid, ask = ticker.best.bid or (ZERO, ZERO), ticker.best.ask or (ZERO, ZERO)
    return {
        "symbol": symbol,
        "priceChange": fixed(change),
        "priceChangePercent": fixed(percent, 3),
        "weightedAvgPrice": fixed(average),
        "prevClosePrice": fixed(ticker.open),
        "lastPrice": fixed(ticker.last),
        "lastQty": fixed(ticker.last_quantity),
        "bidPrice": fixed(bid[0]),
        "bidQty": fixed(bid[1]),
        "askPrice": fixed(ask[0]),
        "askQty": fixed(ask[1]),
        "openPrice": fixed(ticker.open),
        "highPrice": fixed(ticker.high),
        "lowPrice": fixed(ticker.low),
        "volume": fixed(ticker.volume),
        "quoteVolume": fixed(ticker.value),
        "openTime": shown(ticker.open_ms),
        "closeTime": shown(ticker.close_ms),
        "firstId": ticker.first_trade_id,
        "lastId": ticker.last_trade_id,
        "count": ticker.trades,
    }


def market_view(market: Market, symbol: str, status: MarketStatus) -> JsonObject:
    """Return a market with its filters, as exchangeInfo lists it."""
    return {
        "symbol": symbol,
        "status": words.spot_status_name(status),
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(words.SPOT_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _filters(market: Market) -> JsonList:
    market_max = market.market_max_quantity or market.max_quantity
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": fixed(market.min_price),
            "maxPrice": fixed(market.max_price),
            "tickSize": fixed(market.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": fixed(market.min_quantity),
            "maxQty": fixed(market.max_quantity),
            "stepSize": fixed(market.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": fixed(ZERO),
            "maxQty": fixed(market_max),
            "stepSize": fixed(ZERO),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": fixed(market.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": market.max_algos},
    ]
