"""Which request is what: who may ask, what it counts, and the operation that fault rules name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.exchange.core.kinds import Permission
from sandbox.exchange.kraken import account, market_data, trading
from sandbox.exchange.kraken.call import Handler


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of request.

    Attributes:
        path: With the version: it is signed.
        right: What the key must be allowed; None: any key will do, or none is needed.
        cost: What the key's counter counts; order changes have counters of their own.
    """

    path: str
    operation: str
    handler: Handler
    right: Permission | None = None
    cost: int = 1

    @property
    def is_public(self) -> bool:
        return self.path.startswith("/0/public/")


_PUBLIC: list[tuple[str, str, Handler]] = [
    ("Time", "public.time", market_data.time),
    ("SystemStatus", "public.time", market_data.system_status),
    ("Assets", "public.markets", market_data.assets),
    ("AssetPairs", "public.markets", market_data.asset_pairs),
    ("Ticker", "public.ticker", market_data.ticker),
    ("OHLC", "public.bars", market_data.ohlc),
    ("Depth", "public.book", market_data.depth),
    ("Trades", "public.trades", market_data.trades),
]
_READ: list[tuple[str, str, Handler, int]] = [
    ("Balance", "query.account", account.balance, 1),
    ("BalanceEx", "query.account", account.balance_ex, 1),
    ("OpenOrders", "query.orders", account.open_orders, 1),
    ("ClosedOrders", "query.orders", account.closed_orders, 1),
    ("QueryOrders", "query.order", account.query_orders, 1),
    ("TradesHistory", "query.fills", account.trades_history, 2),
    ("QueryTrades", "query.fills", account.query_trades, 1),
    ("Ledgers", "query.flows", account.ledgers, 2),
    ("QueryLedgers", "query.flows", account.query_ledgers, 1),
    ("DepositStatus", "query.flows", account.deposit_status, 1),
    ("WithdrawStatus", "query.flows", account.withdraw_status, 1),
    ("TradeVolume", "query.account", account.trade_volume, 1),
    ("OpenPositions", "query.positions", account.open_positions, 1),
    ("GetWebSocketsToken", "query.token", account.websockets_token, 1),
]
_TRADE: list[tuple[str, str, Handler, int]] = [
    ("AddOrder", "submit", trading.add_order, 0),
    ("AddOrderBatch", "submit", trading.add_order_batch, 0),
    ("AmendOrder", "amend", trading.amend_order, 0),
    ("CancelOrder", "cancel", trading.cancel_order, 0),
    ("CancelOrderBatch", "cancel", trading.cancel_order_batch, 0),
    ("CancelAll", "cancel_all", trading.cancel_all, 1),
    ("CancelAllOrdersAfter", "countdown", trading.cancel_all_after, 1),
]


def _rows() -> Iterator[Endpoint]:
    for name, operation, handler in _PUBLIC:
        yield Endpoint(f"/0/public/{name}", operation, handler)
    for name, operation, handler, cost in _READ:
        yield Endpoint(f"/0/private/{name}", operation, handler, Permission.READ, cost)
    for name, operation, handler, cost in _TRADE:
        yield Endpoint(f"/0/private/{name}", operation, handler, Permission.TRADE_SPOT, cost)
    yield Endpoint("/0/private/GetApiKeyInfo", "query.key", account.api_key_info)


ENDPOINTS = {item.path: item for item in _rows()}
