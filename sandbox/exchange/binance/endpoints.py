"""Which request is what: path, weight, who may ask, and the operation that fault rules name.

Weights are those of the documentation of 2026, the dearer one where it depends on parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from sandbox.exchange.binance import (
    linear_account,
    linear_algos,
    linear_orders,
    market_data,
    spot_account,
    spot_orders,
)
from sandbox.exchange.binance.part import Call
from sandbox.exchange.binance.wirejson import Json
from sandbox.exchange.core.kinds import MarketKind

Handler = Callable[[Call], Json]
Weigh = Callable[[Call], int]


class Door(Enum):
    """Who may ask."""

    OPEN = auto()
    KEY = auto()  # a key, but no signature
    READ = auto()  # signed
    TRADE = auto()  # signed, by a key that may trade


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of request."""

    method: str
    path: str
    kind: MarketKind
    door: Door
    operation: str
    handler: Handler
    weight: int | Weigh = 1

    def weigh(self, call: Call) -> int:
        """Return what this request costs."""
        return self.weight if isinstance(self.weight, int) else self.weight(call)


_Row = tuple[str, str, Door, str, Handler, int | Weigh]


def _without_symbol(single: int, all_markets: int) -> Weigh:
    return lambda call: single if "symbol" in call.params else all_markets


def _by_limit(*steps: tuple[int, int]) -> Weigh:
    """Weigh by `limit`: the first step whose bound is not exceeded, else the last one's."""

    def weigh(call: Call) -> int:
        limit = call.params.integer("limit") or steps[0][0]
        return next((cost for bound, cost in steps if limit <= bound), steps[-1][1])

    return weigh


_SPOT: list[_Row] = [
    ("GET", "ping", Door.OPEN, "public.time", market_data.ping, 1),
    ("GET", "time", Door.OPEN, "public.time", market_data.time, 1),
    ("GET", "exchangeInfo", Door.OPEN, "public.markets", market_data.exchange_info, 20),
    (
        *("GET", "depth", Door.OPEN, "public.book", market_data.depth),
        _by_limit((100, 5), (500, 25), (1000, 50), (5000, 250)),
    ),
    ("GET", "trades", Door.OPEN, "public.trades", market_data.trades, 25),
    ("GET", "historicalTrades", Door.KEY, "public.trades", market_data.historical_trades, 25),
    ("GET", "aggTrades", Door.OPEN, "public.trades", market_data.aggregates, 4),
    ("GET", "klines", Door.OPEN, "public.bars", market_data.klines, 2),
    ("GET", "avgPrice", Door.OPEN, "public.ticker", market_data.average_price, 2),
    *[
        (
            *("GET", path, Door.OPEN, "public.ticker", market_data.ticker_24h),
            _without_symbol(2, 80),
        )
        for path in ("ticker/24hr", "ticker")
    ],
    (
        *("GET", "ticker/price", Door.OPEN, "public.ticker", market_data.ticker_price),
        _without_symbol(2, 4),
    ),
    (
        *("GET", "ticker/bookTicker", Door.OPEN, "public.ticker", market_data.ticker_book),
        _without_symbol(2, 4),
    ),
    ("POST", "order", Door.TRADE, "submit", spot_orders.submit, 1),
    ("POST", "order/test", Door.TRADE, "query.test", spot_orders.test, 1),
    ("POST", "order/cancelReplace", Door.TRADE, "amend", spot_orders.cancel_replace, 1),
    ("GET", "order", Door.READ, "query.order", spot_orders.query, 4),
    ("DELETE", "order", Door.TRADE, "cancel", spot_orders.cancel, 1),
    (
        *("GET", "openOrders", Door.READ, "query.orders", spot_orders.open_orders),
        _without_symbol(6, 80),
    ),
    ("DELETE", "openOrders", Door.TRADE, "cancel_all", spot_orders.cancel_all, 1),
    ("GET", "allOrders", Door.READ, "query.orders", spot_orders.all_orders, 20),
    ("GET", "myTrades", Door.READ, "query.fills", spot_orders.my_trades, 20),
    ("GET", "account", Door.READ, "query.account", spot_account.account, 20),
]
_WALLET: list[_Row] = [
    ("GET", "system/status", Door.OPEN, "public.time", spot_account.system_status, 1),
    ("GET", "account/apiRestrictions", Door.READ, "query.key", spot_account.api_restrictions, 1),
    ("GET", "capital/deposit/hisrec", Door.READ, "query.flows", spot_account.deposits, 1),
    ("GET", "capital/withdraw/history", Door.READ, "query.flows", spot_account.withdrawals, 10),
    ("GET", "capital/config/getall", Door.READ, "query.account", spot_account.coins, 10),
    ("GET", "asset/tradeFee", Door.READ, "query.account", spot_account.trade_fees, 1),
    ("GET", "margin/allPairs", Door.KEY, "public.markets", spot_account.nothing, 1),
    ("GET", "margin/isolated/allPairs", Door.READ, "public.markets", spot_account.nothing, 10),
]
_LINEAR_PUBLIC: list[_Row] = [
    ("GET", "ping", Door.OPEN, "public.time", market_data.ping, 1),
    ("GET", "time", Door.OPEN, "public.time", market_data.time, 1),
    ("GET", "exchangeInfo", Door.OPEN, "public.markets", market_data.exchange_info, 1),
    (
        *("GET", "depth", Door.OPEN, "public.book", market_data.depth),
        _by_limit((50, 2), (100, 5), (500, 10), (1000, 20)),
    ),
    ("GET", "trades", Door.OPEN, "public.trades", market_data.trades, 5),
    ("GET", "historicalTrades", Door.KEY, "public.trades", market_data.historical_trades, 20),
    ("GET", "aggTrades", Door.OPEN, "public.trades", market_data.aggregates, 20),
    (
        *("GET", "klines", Door.OPEN, "public.bars", market_data.klines),
        _by_limit((99, 1), (499, 2), (1000, 5), (1500, 10)),
    ),
    ("GET", "premiumIndex", Door.OPEN, "public.ticker", market_data.premium_index, 1),
    ("GET", "fundingRate", Door.OPEN, "public.funding", market_data.funding_rates, 1),
    ("GET", "fundingInfo", Door.OPEN, "public.funding", market_data.funding_info, 1),
    (
        *("GET", "ticker/24hr", Door.OPEN, "public.ticker", market_data.ticker_24h),
        _without_symbol(1, 40),
    ),
    (
        *("GET", "ticker/price", Door.OPEN, "public.ticker", market_data.ticker_price),
        _without_symbol(1, 2),
    ),
    (
        *("GET", "ticker/bookTicker", Door.OPEN, "public.ticker", market_data.ticker_book),
        _without_symbol(2, 5),
    ),
]
_LINEAR_ORDERS: list[_Row] = [
    ("POST", "order", Door.TRADE, "submit", linear_orders.submit, 1),
    ("POST", "order/test", Door.TRADE, "query.test", linear_orders.test, 1),
    ("PUT", "order", Door.TRADE, "amend", linear_orders.amend, 1),
    ("GET", "order", Door.READ, "query.order", linear_orders.query, 1),
    ("GET", "openOrder", Door.READ, "query.order", linear_orders.query_open, 1),
    ("DELETE", "order", Door.TRADE, "cancel", linear_orders.cancel, 1),
    ("POST", "batchOrders", Door.TRADE, "submit", linear_orders.submit_batch, 5),
    ("PUT", "batchOrders", Door.TRADE, "amend", linear_orders.amend_batch, 5),
    ("DELETE", "batchOrders", Door.TRADE, "cancel", linear_orders.cancel_batch, 1),
    (
        *("GET", "openOrders", Door.READ, "query.orders", linear_orders.open_orders),
        _without_symbol(1, 40),
    ),
    ("DELETE", "allOpenOrders", Door.TRADE, "cancel_all", linear_orders.cancel_all, 1),
    ("POST", "countdownCancelAll", Door.TRADE, "countdown", linear_orders.countdown, 10),
    ("GET", "allOrders", Door.READ, "query.orders", linear_orders.all_orders, 5),
    ("GET", "userTrades", Door.READ, "query.fills", linear_orders.user_trades, 5),
    ("POST", "algoOrder", Door.TRADE, "submit", linear_algos.submit, 1),
    ("DELETE", "algoOrder", Door.TRADE, "cancel", linear_algos.cancel, 1),
    ("GET", "algoOrder", Door.READ, "query.order", linear_algos.query, 1),
    (
        *("GET", "openAlgoOrders", Door.READ, "query.orders", linear_algos.open_algos),
        _without_symbol(1, 40),
    ),
    ("GET", "allAlgoOrders", Door.READ, "query.orders", linear_algos.all_algos, 5),
    ("DELETE", "algoOpenOrders", Door.TRADE, "cancel_all", linear_algos.cancel_all, 1),
]
_LINEAR_ACCOUNT: list[_Row] = [
    ("GET", "leverageBracket", Door.READ, "query.account", linear_account.brackets, 1),
    ("GET", "symbolConfig", Door.READ, "query.account", linear_account.symbol_config, 5),
    ("GET", "accountConfig", Door.READ, "query.account", linear_account.account_config, 5),
    ("GET", "positionSide/dual", Door.READ, "query.account", linear_account.position_mode, 30),
    ("POST", "positionSide/dual", Door.TRADE, "settings", linear_account.set_position_mode, 1),
    ("GET", "multiAssetsMargin", Door.READ, "query.account", linear_account.assets_mode, 30),
    ("POST", "leverage", Door.TRADE, "settings", linear_account.set_leverage, 1),
    ("POST", "marginType", Door.TRADE, "settings", linear_account.set_margin_type, 1),
    ("GET", "income", Door.READ, "query.flows", linear_account.income, 30),
    ("GET", "commissionRate", Door.READ, "query.account", linear_account.commission_rate, 20),
]
_LINEAR_V2: list[_Row] = [
    ("GET", "account", Door.READ, "query.account", linear_account.account_v2, 5),
    ("GET", "balance", Door.READ, "query.account", linear_account.balance, 5),
    ("GET", "positionRisk", Door.READ, "query.positions", linear_account.position_risk_v2, 5),
]
_LINEAR_V3: list[_Row] = [
    ("GET", "account", Door.READ, "query.account", linear_account.account_v3, 5),
    ("GET", "balance", Door.READ, "query.account", linear_account.balance, 5),
    ("GET", "positionRisk", Door.READ, "query.positions", linear_account.position_risk_v3, 5),
]
# COIN-M futures, which a client may load the markets of: there are none.
_INVERSE: list[_Row] = [
    ("GET", "ping", Door.OPEN, "public.time", market_data.ping, 1),
    ("GET", "time", Door.OPEN, "public.time", market_data.time, 1),
    ("GET", "exchangeInfo", Door.OPEN, "public.markets", market_data.no_markets, 1),
]
_GROUPS: list[tuple[str, MarketKind, list[_Row]]] = [
    ("/api/v3", MarketKind.SPOT, _SPOT),
    ("/sapi/v1", MarketKind.SPOT, _WALLET),
    ("/fapi/v1", MarketKind.LINEAR, _LINEAR_PUBLIC + _LINEAR_ORDERS + _LINEAR_ACCOUNT),
    ("/fapi/v2", MarketKind.LINEAR, _LINEAR_V2),
    ("/fapi/v3", MarketKind.LINEAR, _LINEAR_V3),
    ("/dapi/v1", MarketKind.LINEAR, _INVERSE),
]


def _rows() -> Iterator[Endpoint]:
    for prefix, kind, rows in _GROUPS:
        for method, path, door, operation, handler, weight in rows:
            yield Endpoint(method, f"{prefix}/{path}", kind, door, operation, handler, weight)


ENDPOINTS = {(item.method, item.path): item for item in _rows()}

# Requests over a websocket are the same requests by another name.
SPOT_METHODS = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "trades.recent": ("GET", "/api/v3/trades"),
    "trades.aggregate": ("GET", "/api/v3/aggTrades"),
    "klines": ("GET", "/api/v3/klines"),
    "avgPrice": ("GET", "/api/v3/avgPrice"),
    "ticker.24hr": ("GET", "/api/v3/ticker/24hr"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.status": ("GET", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "account.status": ("GET", "/api/v3/account"),
}
LINEAR_METHODS = {
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v1/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
}
METHODS = {MarketKind.SPOT: SPOT_METHODS, MarketKind.LINEAR: LINEAR_METHODS}
