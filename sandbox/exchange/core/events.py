"""What listeners are told, in the order in which it happened.

`time_ms` is the exchange's own clock; a face shows `exchange.shown(time_ms)` to clients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from sandbox.exchange.core.accounts import Balance, Flow, MarginState, Position
from sandbox.exchange.core.kinds import ExecType, FlowReason, MarketStatus, Wallet
from sandbox.exchange.core.orders import AlgoOrder, Fill, Order
from sandbox.exchange.core.public import Bar, Funding, Interval, Level, PublicTrade


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """An order changed; `order` is how it stands right after, `fill` set with TRADE."""

    time_ms: int
    account: str
    exec_type: ExecType
    order: Order
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class AlgoUpdated:
    time_ms: int
    account: str
    algo: AlgoOrder


@dataclass(frozen=True, slots=True)
class BalancesChanged:
    """Balances of one wallet as they stand; `flows` are empty when money was only (un)locked."""

    time_ms: int
    account: str
    wallet: Wallet
    reason: FlowReason
    balances: tuple[Balance, ...]
    flows: tuple[Flow, ...] = ()
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """Quantity, cost, leverage or mode changed."""

    time_ms: int
    account: str
    reason: FlowReason
    position: Position


@dataclass(frozen=True, slots=True)
class TradePrinted:
    """Only for watched symbols, see `MarketData.watch_trades`."""

    time_ms: int
    symbol: str
    trade: PublicTrade


@dataclass(frozen=True, slots=True)
class BookChanged:
    """Levels that changed since `previous_id`; quantity 0 removes one. Only for watched symbols."""

    time_ms: int
    symbol: str
    previous_id: int
    first_id: int
    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class BarUpdated:
    """A forming bar moved or one closed. Only for watched (symbol, interval)s."""

    time_ms: int
    symbol: str
    interval: Interval
    bar: Bar


@dataclass(frozen=True, slots=True)
class FundingSettled:
    time_ms: int
    funding: Funding


@dataclass(frozen=True, slots=True)
class MarginCalled:
    """Margin balance is near the maintenance margin; sent once until it is healthy again."""

    time_ms: int
    account: str
    margin: MarginState
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Liquidated:
    """A position was taken over by the exchange; its order and fills come as usual."""

    time_ms: int
    account: str
    symbol: str
    quantity: Decimal
    mark_price: Decimal


@dataclass(frozen=True, slots=True)
class MarketStatusChanged:
    time_ms: int
    symbol: str
    status: MarketStatus


Event: TypeAlias = (
    OrderUpdated
    | AlgoUpdated
    | BalancesChanged
    | PositionChanged
    | TradePrinted
    | BookChanged
    | BarUpdated
    | FundingSettled
    | MarginCalled
    | Liquidated
    | MarketStatusChanged
)
Listener: TypeAlias = Callable[[Event], None]
