"""USD-M futures' JSON shapes of what the core keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from sandbox.exchange.binance import words
from sandbox.exchange.binance.wirejson import JsonList, JsonObject, fixed, plain
from sandbox.exchange.core.accounts import Balance, Flow, MarginState, Position
from sandbox.exchange.core.events import AlgoUpdated, OrderUpdated
from sandbox.exchange.core.kinds import (
    MarginMode,
    MarketStatus,
    OrderStatus,
    Origin,
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
        "cumQuote": fixed(order.filled_value, 5),
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
        "realizedPnl": fixed(fill.realized_pnl),
        "quoteQty": fixed(fill.value),
        "commission": fixed(fill.commission),
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


# the account


def margin_view(state: MarginState, at_ms: int) -> JsonObject:
    """Return one asset of the account."""
    return {
        "asset": state.asset,
        "walletBalance": fixed(state.wallet_balance),
        "unrealizedProfit": fixed(state.unrealized_pnl),
        "marginBalance": fixed(state.margin_balance),
        "maintMargin": fixed(state.maintenance_margin),
        "initialMargin": fixed(state.initial_margin + state.order_margin),
        "positionInitialMargin": fixed(state.initial_margin),
        "openOrderInitialMargin": fixed(state.order_margin),
        "crossWalletBalance": fixed(state.wallet_balance),
        "crossUnPnl": fixed(state.unrealized_pnl),
        "availableBalance": fixed(max(ZERO, state.available)),
        "maxWithdrawAmount": fixed(max(ZERO, state.available)),
        "marginAvailable": True,
        "updateTime": at_ms,
    }


def balance_view(state: MarginState, at_ms: int) -> JsonObject:
    """Return one asset of the balance list."""
    return {
        "accountAlias": "SgsR",
        "asset": state.asset,
        "balance": fixed(state.wallet_balance),
        "crossWalletBalance": fixed(state.wallet_balance),
        "crossUnPnl": fixed(state.unrealized_pnl),
        "availableBalance": fixed(max(ZERO, state.available)),
        "maxWithdrawAmount": fixed(max(ZERO, state.available)),
        "marginAvailable": True,
        "updateTime": at_ms,
    }


def total_view(states: Sequence[MarginState]) -> JsonObject:
    """Return the sums over all assets, which are worth the same here."""
    wallet = sum((state.wallet_balance for state in states), ZERO)
    unrealized = sum((state.unrealized_pnl for state in states), ZERO)
    position = sum((state.initial_margin for state in states), ZERO)
    order = sum((state.order_margin for state in states), ZERO)
    available = max(ZERO, sum((state.available for state in states), ZERO))
    return {
        "totalInitialMargin": fixed(position + order),
        "totalMaintMargin": fixed(sum((s.maintenance_margin for s in states), ZERO)),
        "totalWalletBalance": fixed(wallet),
        "totalUnrealizedProfit": fixed(unrealized),
        "totalMarginBalance": fixed(wallet + unrealized),
        "totalPositionInitialMargin": fixed(position),
        "totalOpenOrderInitialMargin": fixed(order),
        "totalCrossWalletBalance": fixed(wallet),
        "totalCrossUnPnl": fixed(unrealized),
        "availableBalance": fixed(available),
        "maxWithdrawAmount": fixed(available),
    }


def notional_of(position: Position, market: Market) -> Decimal:
    """Return the signed worth at the mark price."""
    return position.quantity * position.mark_price * market.contract_size


def account_position_view(position: Position, scale: Scale, shown: Shown) -> JsonObject:
    """Return a position inside the account answer (version 2's fields included)."""
    notional = notional_of(position, scale.market)
    return {
        "symbol": scale.symbol,
        "positionSide": words.position_side_name(position.side),
        "positionAmt": scale.quantity(position.quantity),
        "unrealizedProfit": fixed(position.unrealized_pnl),
        "isolatedMargin": fixed(position.isolated_margin),
        "notional": fixed(notional),
        "isolatedWallet": fixed(position.isolated_margin),
        "initialMargin": fixed(position.initial_margin),
        "maintMargin": fixed(position.maintenance_margin),
        "positionInitialMargin": fixed(position.initial_margin),
        "openOrderInitialMargin": "0",
        "leverage": str(position.leverage),
        "isolated": position.margin_mode is MarginMode.ISOLATED,
        "entryPrice": plain(position.entry_price),
        "breakEvenPrice": plain(position.entry_price),
        "maxNotional": "100000000",
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": shown(position.updated_ms),
    }


def risk_view(position: Position, scale: Scale, shown: Shown, *, version: int) -> JsonObject:
    """Return a position of `positionRisk`; version 2 has leverage and margin type as well."""
    notional = notional_of(position, scale.market)
    body: JsonObject = {
        "symbol": scale.symbol,
        "positionSide": words.position_side_name(position.side),
        "positionAmt": scale.quantity(position.quantity),
        "entryPrice": plain(position.entry_price),
        "breakEvenPrice": plain(position.entry_price),
        "markPrice": fixed(position.mark_price),
        "unRealizedProfit": fixed(position.unrealized_pnl),
        "liquidationPrice": plain(position.liquidation_price or ZERO),
        "isolatedMargin": plain(position.isolated_margin),
        "notional": fixed(notional),
        "isolatedWallet": plain(position.isolated_margin),
        "updateTime": shown(position.updated_ms),
    }
    if version >= 3:
        return body | {
            "marginAsset": scale.market.settle_asset,
            "initialMargin": fixed(position.initial_margin),
            "maintMargin": fixed(position.maintenance_margin),
            "positionInitialMargin": fixed(position.initial_margin),
            "openOrderInitialMargin": "0",
            "adl": 2,
            "bidNotional": "0",
            "askNotional": "0",
        }
    isolated = position.margin_mode is MarginMode.ISOLATED
    return body | {
        "leverage": str(position.leverage),
        "maxNotionalValue": "100000000",
        "marginType": "isolated" if isolated else "cross",
        "isAutoAddMargin": "false",
        "isolated": isolated,
        "adlQuantile": 2,
    }


def income_view(flow: Flow, symbol: str, shown: Shown) -> JsonObject:
    """Return an entry of the income history."""
    return {
        "symbol": symbol,
        "incomeType": words.INCOME_TYPES[flow.reason],
        "income": fixed(flow.amount),
        "asset": flow.asset,
        "info": flow.note or words.INCOME_TYPES[flow.reason],
        "time": shown(flow.time_ms),
        "tranId": flow.flow_id,
        "tradeId": str(flow.trade_id) if flow.trade_id else "",
    }


# the user data stream


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
        body |= {"N": fill.commission_asset, "n": fixed(fill.commission)}
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
            "rp": fixed(ZERO if fill is None else fill.realized_pnl),
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
        "cr": fixed(position.realized_pnl),
        "up": fixed(position.unrealized_pnl),
        "mt": "isolated" if isolated else "cross",
        "iw": fixed(position.isolated_margin),
        "ps": words.position_side_name(position.side),
    }


def stream_balance(balance: Balance, change: Decimal) -> JsonObject:
    """Return a balance inside ACCOUNT_UPDATE; `change` leaves trading out."""
    return {
        "a": balance.asset,
        "wb": fixed(balance.total),
        "cw": fixed(balance.total),
        "bc": fixed(change),
    }
