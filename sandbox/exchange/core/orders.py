"""Orders, conditional orders and fills, as the exchange keeps and shows them.

All are frozen: a change makes a new object, so whoever keeps one keeps what was true then.
Times are integer milliseconds UTC of the exchange's own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.exchange.core.kinds import (
    AlgoStatus,
    EndReason,
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    TimeInForce,
    TriggerPrice,
)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a client asks for.

    Attributes:
        quantity: Base units or contracts; None with `quote_quantity` or `close_position`.
        quote_quantity: Spot market orders: amount of the quote to spend or to receive.
        stop_price: Trigger of a conditional order.
        client_order_id: None: the exchange makes one up.
        close_position: Algo: the whole position at the moment of the trigger.
        expires_at_ms: With GTD.
    """

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.NET
    trigger_on: TriggerPrice = TriggerPrice.LAST
    expires_at_ms: int | None = None
    origin: Origin = Origin.API


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order.

    Attributes:
        order_id: Unique over the whole exchange, rising.
        account: Name of the account.
        quantity: Base units or contracts; of a quote-sized order what its amount buys or sells.
        filled_quantity, filled_value: Sums over its fills; value in the quote.
        is_triggered: False while a conditional spot order waits for its trigger.
        algo_id: The conditional order that made it, 0 for none.
        working_ms: When it entered the book; 0 before.
    """

    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    created_ms: int
    updated_ms: int
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_position: bool = False
    position_side: PositionSide = PositionSide.NET
    trigger_on: TriggerPrice = TriggerPrice.LAST
    expires_at_ms: int | None = None
    origin: Origin = Origin.API
    status: OrderStatus = OrderStatus.NEW
    end_reason: EndReason = EndReason.NONE
    is_triggered: bool = True
    working_ms: int = 0
    algo_id: int = 0
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    realized_pnl: Decimal = ZERO

    @property
    def is_open(self) -> bool:
        return self.status.is_open

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still fill: zero once it has ended."""
        return self.quantity - self.filled_quantity if self.is_open else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgoOrder:
    """A conditional order of the algo service: no order until it triggers.

    Attributes:
        algo_id: Unique over the exchange, rising; another series than order ids.
        client_algo_id: Unique among the account's open algos of the symbol.
        order_id: The order it made when it triggered, else 0.
        request: What was asked, as it was asked.
        message: Why it was rejected or expired, for a person.
    """

    algo_id: int
    client_algo_id: str
    account: str
    request: OrderRequest
    created_ms: int
    updated_ms: int
    status: AlgoStatus = AlgoStatus.NEW
    order_id: int = 0
    triggered_ms: int = 0
    message: str = ""

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def is_open(self) -> bool:
        return self.status is AlgoStatus.NEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of one client's order.

    Attributes:
        trade_id: Of the market's tape, rising by symbol; both sides of a trade share it.
        value: Price x quantity x contract size, in the quote.
        commission: Positive is a cost; in `commission_asset`.
        realized_pnl: Linear: in the settle asset, before commission.
    """

    trade_id: int
    order_id: int
    client_order_id: str
    account: str
    symbol: str
    side: Side
    position_side: PositionSide
    price: Decimal
    quantity: Decimal
    value: Decimal
    commission: Decimal
    commission_asset: str
    realized_pnl: Decimal
    is_maker: bool
    time_ms: int
