"""Orders and their state machine; fills."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain.ids import (
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    InstrumentId,
    OrderGroupId,
    TradeId,
    VenueOrderId,
)
from engine.domain.money import ZERO, exact


class OrderSide(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is OrderSide.BUY else -1

    @property
    def opposite(self) -> "OrderSide":
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


class PositionSide(StrEnum):
    """NET on one-way accounts; LONG and SHORT where the venue keeps both (hedge mode)."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  # a market order once `trigger_price` is reached
    STOP_LIMIT = "stop_limit"


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


class OrderPurpose(StrEnum):
    """Why an order exists: what may be cancelled or must be kept depends on it."""

    ENTRY = "entry"
    EXIT = "exit"  # on a signal, or a person's close
    STOP = "stop"  # protective: kept by kill, pause and stop
    TAKE_PROFIT = "take_profit"

    @property
    def protects(self) -> bool:
        return self in {OrderPurpose.STOP, OrderPurpose.TAKE_PROFIT}


class OrderState(StrEnum):
    INTENDED = "intended"  # committed here, nothing sent yet
    DENIED = "denied"  # by our risk checks
    SUBMITTED = "submitted"  # sent, no answer yet
    ACKNOWLEDGED = "acknowledged"
    TRIGGERED = "triggered"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_PENDING = "cancel_pending"
    REPLACE_PENDING = "replace_pending"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # by the venue
    UNKNOWN = "unknown"  # sent, and the answer was lost

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL

    @property
    def is_in_flight(self) -> bool:
        """Waiting for the venue's word: at a restart it must be looked up."""
        return self in _IN_FLIGHT


_S = OrderState
_TERMINAL = frozenset({_S.DENIED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})
_IN_FLIGHT = frozenset(
    {_S.INTENDED, _S.SUBMITTED, _S.CANCEL_PENDING, _S.REPLACE_PENDING, _S.UNKNOWN}
)
_VENUE_SAID = frozenset(
    {
        _S.ACKNOWLEDGED,
        _S.TRIGGERED,
        _S.PARTIALLY_FILLED,
        _S.FILLED,
        _S.CANCELLED,
        _S.EXPIRED,
        _S.REJECTED,
    }
)
_WORKING = frozenset({_S.ACKNOWLEDGED, _S.TRIGGERED, _S.PARTIALLY_FILLED})

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    # After a crash an intent may have been sent: what can't be looked up is unknown.
    _S.INTENDED: frozenset({_S.DENIED, _S.SUBMITTED, _S.UNKNOWN}) | _VENUE_SAID,
    _S.SUBMITTED: _VENUE_SAID | {_S.UNKNOWN, _S.CANCEL_PENDING},
    _S.UNKNOWN: _VENUE_SAID | {_S.CANCEL_PENDING},
    # Some venues accept a conditional order as it is, and reject it when it triggers.
    _S.ACKNOWLEDGED: (_VENUE_SAID - {_S.ACKNOWLEDGED})
    | {_S.CANCEL_PENDING, _S.REPLACE_PENDING, _S.UNKNOWN},
    _S.TRIGGERED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED})
    | {_S.REJECTED, _S.CANCEL_PENDING, _S.REPLACE_PENDING, _S.UNKNOWN},
    _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED})
    | {_S.CANCEL_PENDING, _S.REPLACE_PENDING, _S.UNKNOWN},
    # REJECTED is of the submit: a cancel may leave before the submit is answered. A refused cancel
    # is no state of the order.
    _S.CANCEL_PENDING: _VENUE_SAID | {_S.UNKNOWN},
    _S.REPLACE_PENDING: (_VENUE_SAID - {_S.REJECTED}) | {_S.CANCEL_PENDING, _S.UNKNOWN},
    _S.DENIED: frozenset(),
    _S.FILLED: frozenset(),
    # A venue may report a fill after it said that the order had ended: the fill books, and the
    # order's state follows the quantity.
    _S.CANCELLED: frozenset({_S.FILLED}),
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.REJECTED: frozenset({_S.FILLED}),
}


class IllegalTransition(ValueError):
    """An order was told to move to a state that its present one can't reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order, from intent to its end.

    Attributes:
        quantity: Base units or contracts, positive. With `quote_quantity` it is the estimate
            at the reference price and the venue's fills decide.
        quote_quantity: For market buys: spend at most this much of the quote, fee included.
        limit_price, trigger_price: Quote per base; None where the type has none.
        reference_price: Last price when it was decided: collar, slippage and estimates use it.
        group_id: Exits of one position: a fill of one reduces the others (the venue does it
            where it can, execution otherwise).
        reason: Short word shown in chat and trades.csv: a strategy's tag, "stop", "close" ...
        filled_quantity, filled_value: Sums over booked fills; value in the settlement asset.
        ts_init, ts_last: When it was decided and last changed, market time UTC.
    """

    client_order_id: ClientOrderId
    account_id: AccountId
    book_id: BookId
    instrument_id: InstrumentId
    side: OrderSide
    order_type: OrderType
    quantity: Decimal
    purpose: OrderPurpose
    ts_init: datetime
    ts_last: datetime
    position_side: PositionSide = PositionSide.NET
    quote_quantity: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reference_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None
    reduce_only: bool = False
    post_only: bool = False
    group_id: OrderGroupId | None = None
    reason: str = ""
    state: OrderState = OrderState.INTENDED
    venue_order_id: VenueOrderId | None = None
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    message: str = ""  # why it was denied or rejected, or what is unknown, for a person

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still fill: zero once the order has ended."""
        if self.state.is_terminal:
            return ZERO
        with exact():
            return max(self.quantity - self.filled_quantity, ZERO)

    @property
    def is_working(self) -> bool:
        return self.state in _WORKING

    @property
    def adds_exposure(self) -> bool:
        """Tell whether a kill has to cancel it."""
        return not self.reduce_only and self.purpose is OrderPurpose.ENTRY

    def moved(self, state: OrderState, *, at: datetime, message: str | None = None) -> "Order":
        """Return the order in `state`.

        Raises:
            IllegalTransition: `TRANSITIONS` has no such step; moving to the same state is none.
        """
        if state is self.state:
            return self if message is None else replace(self, message=message, ts_last=at)
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.client_order_id}: {self.state} -> {state}")
        return replace(
            self,
            state=state,
            ts_last=at,
            message=self.message if message is None else message,
        )

    def with_fill(self, fill: "Fill", value: Decimal) -> "Order":
        """Return the order with one booked fill added; its state follows the quantity.

        A fill that comes while a cancel or replace is pending or unknown keeps that state unless
        it fills the order up: it may be older than the request whose answer is missing. One after
        the end moves only to FILLED (SEMANTICS 2: a fill books in whatever state the order is).
        """
        with exact():
            filled = self.filled_quantity + fill.quantity
            filled_value = self.filled_value + value
        state = self.state
        if self.quote_quantity is None and filled >= self.quantity:
            state = OrderState.FILLED
        elif not self.state.is_terminal and self.state not in {
            OrderState.CANCEL_PENDING,
            OrderState.REPLACE_PENDING,
            OrderState.UNKNOWN,
        }:
            state = OrderState.PARTIALLY_FILLED
        return replace(
            self,
            state=state,
            filled_quantity=filled,
            filled_value=filled_value,
            venue_order_id=self.venue_order_id or fill.venue_order_id,
            ts_last=max(self.ts_last, fill.ts_event),
        )


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"


class FillCause(StrEnum):
    """What made the venue trade: an order, or the venue itself."""

    ORDER = "order"
    LIQUIDATION = "liquidation"
    DELEVERAGING = "deleveraging"  # auto-deleveraging: our position closed against a bankrupt one
    SETTLEMENT = "settlement"  # delivery or expiry of the contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution at the venue.

    Attributes:
        quantity: Base units or contracts, positive; the direction is `side`.
        price: Quote per base.
        commission: Positive is a cost, negative a rebate; in `commission_asset`.
        ts_event: When the venue matched it, UTC.
        sequence: The venue's own order of fills inside one instant, 0 where it gives none.
    """

    account_id: AccountId
    instrument_id: InstrumentId
    trade_id: TradeId
    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    side: OrderSide
    quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_asset: AssetId
    ts_event: datetime
    sequence: int = 0
    position_side: PositionSide = PositionSide.NET
    liquidity: Liquidity = Liquidity.TAKER
    cause: FillCause = FillCause.ORDER

    @property
    def key(self) -> str:
        """Unique for one execution: (account, instrument, trade id, order id, side)."""
        order = f"{self.venue_order_id}|{self.side}"
        return f"{self.account_id}|{self.instrument_id}|{self.trade_id}|{order}"
