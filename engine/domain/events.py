"""Events: past-tense facts, committed with the state they tell of."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from engine.domain.flows import FlowKind
from engine.domain.ids import AssetId, BookId, ClientOrderId, InstrumentId, TradeId
from engine.domain.messages import Event, Severity
from engine.domain.orders import FillCause, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.runs import RunState
from engine.domain.views import DailyReport, DifferenceView, TradeView


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(Event):
    """One execution of an order at the venue, booked.

    Attributes:
        quantity: Base units or contracts, always positive; the direction is `side`.
        position_quantity: Signed, of its book after this fill.
        realized_pnl: Of this fill, reporting asset, before fees; None where it opens or adds.
        trade: The round trip that this fill ended.
        reporting: The asset of `realized_pnl`.
    """

    client_order_id: ClientOrderId | None
    trade_id: TradeId
    book_id: BookId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    purpose: OrderPurpose
    quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_asset: AssetId
    position_quantity: Decimal
    realized_pnl: Decimal | None
    reporting: AssetId
    reason: str
    trade: TradeView | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDenied(Event):
    """Our own risk checks refused it; nothing was sent."""

    client_order_id: ClientOrderId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    quantity: Decimal
    check: str  # the check's name, e.g. "max_order_value"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(Event):
    """The venue refused it; nothing is working there.

    Attributes:
        times: How often it has refused such an order for this cause, one after the other.
        since: Market time UTC of the first of them; None for a first.
    """

    client_order_id: ClientOrderId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    order_type: OrderType
    purpose: OrderPurpose
    quantity: Decimal
    message: str
    times: int = 1
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalsEnded(Event):
    """The venue has taken an order of a kind that it had refused.

    Attributes:
        times: How often it had refused.
        seconds: From the first refusal to now, market time.
    """

    book_name: str
    instrument_id: InstrumentId
    purpose: OrderPurpose
    times: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStateUnknown(Event):
    """The answer was lost; new exposure in the instrument waits until the venue tells."""

    client_order_id: ClientOrderId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    quantity: Decimal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDoubtEnded(Event):
    """The venue told what became of an order in doubt."""

    client_order_id: ClientOrderId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    state: OrderState
    quantity: Decimal
    filled_quantity: Decimal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRefused(Event):
    """The key or the account's settings forbid trading as configured: nothing is sent.

    Attributes:
        running: The service goes on, without entries; else its start has ended with this.
    """

    message: str
    running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingAccepted(Event):
    """The venue takes the key and the settings again: entries go on.

    Attributes:
        seconds: Since it refused them, wall time.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRefused(Event):
    """The service could not start as it is configured; it has ended."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueUnreachable(Event):
    """A start waits for the venue: nothing is traded until it answers. Told once."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded(Event):
    """Cancelled or expired with something left unfilled."""

    client_order_id: ClientOrderId
    book_name: str
    instrument_id: InstrumentId
    side: OrderSide
    state: str
    quantity: Decimal
    filled_quantity: Decimal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBreached(Event):
    """A limit was reached; `action` says what the service did about it."""

    limit: str
    value: Decimal
    threshold: Decimal
    unit: str  # an asset or "fraction"
    scope: str  # "account" or a run's name
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingHalted(Event):
    """Killed: no entries until a person re-arms."""

    actor: str
    reason: str
    cancelled_orders: int
    open_positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRearmed(Event):
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStateChanged(Event):
    run_name: str
    strategy: str
    before: RunState
    after: RunState
    actor: str  # "engine" when nobody asked
    reason: str
    open_positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFailed(Event):
    """A strategy raised, hung or answered nonsense: its run is paused, the rest goes on."""

    run_name: str
    strategy: str
    kind: str  # "raised", "timed out", "invalid result", "worker died"
    message: str
    open_positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStarted(Event):
    """The first word after a start: what was found, what changed, what waits.

    Attributes:
        crashed: The last stop was not a clean one.
        found: E.g. "2 open positions", "1 resting stop".
        changed: What happened while we were away, e.g. "stop of AAPL filled at 201.3".
        waiting: What needs a person.
    """

    version: str
    crashed: bool
    down_for_seconds: float | None
    runs: tuple[str, ...]
    found: tuple[str, ...]
    changed: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStopped(Event):
    reason: str
    open_positions: int
    working_stops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFound(Event):
    """Ours and the venue's disagree; entries in the instrument wait for a person's answer."""

    difference: DifferenceView


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceEnded(Event):
    """A difference was answered, or went by itself.

    Attributes:
        actor: "engine" when nobody answered.
        message: What was done about it.
    """

    difference: DifferenceView
    actor: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBooked(Event):
    """Money moved at the venue without an order of ours, and is booked.

    Attributes:
        amount: Signed; positive came in.
        note: The venue's own word for it, and what it took from a book of ours.
    """

    kind: FlowKind
    asset: AssetId
    amount: Decimal
    instrument_id: InstrumentId | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionForced(Event):
    """The venue itself traded our position: a liquidation, deleveraging or settlement. Booked.

    Attributes:
        quantity: Base units or contracts, positive; the direction is `side`.
        book_names: The books whose positions it took.
        left: Signed, over all books of the instrument, after it.
    """

    instrument_id: InstrumentId
    cause: FillCause
    side: OrderSide
    quantity: Decimal
    price: Decimal
    book_names: tuple[str, ...]
    left: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMissing(Event):
    """A position that asked for a stop has none working."""

    book_name: str
    instrument_id: InstrumentId
    quantity: Decimal
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedInterrupted(Event):
    instrument_id: InstrumentId | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRestored(Event):
    """The venue's streams are whole again after an outage that was told of.

    Attributes:
        seconds: How long they were broken, wall time.
        changed: What was booked that had come meanwhile, a line each.
        result: Of the comparison with the venue; "" where it could not be made yet.
    """

    seconds: float
    changed: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataEnded(Event):
    """The recorded data is used up; the service stays up."""

    bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyReportReady(Event):
    report: DailyReport


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatMissed(Event):
    component: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(Event):
    """A channel gave a message up: it is told on the others."""

    channel: str
    recipient: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefused(Event):
    """Somebody without the right tried to command the service."""

    actor: str
    what: str


EVENTS: tuple[type[Event], ...] = (
    OrderFilled,
    OrderDenied,
    OrderRejected,
    RefusalsEnded,
    OrderStateUnknown,
    OrderDoubtEnded,
    OrderEnded,
    RiskBreached,
    TradingHalted,
    TradingRearmed,
    RunStateChanged,
    StrategyFailed,
    ServiceStarted,
    ServiceStopped,
    DifferenceFound,
    DifferenceEnded,
    FlowBooked,
    PositionForced,
    TradingRefused,
    TradingAccepted,
    StartRefused,
    VenueUnreachable,
    StopMissing,
    FeedInterrupted,
    ConnectionRestored,
    DataEnded,
    DailyReportReady,
    HeartbeatMissed,
    DeliveryFailed,
    AccessRefused,
)

SEVERITIES: dict[type[Event], Severity] = {
    OrderFilled: Severity.INFO,
    OrderDenied: Severity.WARNING,
    OrderRejected: Severity.WARNING,
    RefusalsEnded: Severity.NOTICE,
    OrderStateUnknown: Severity.CRITICAL,
    OrderDoubtEnded: Severity.NOTICE,
    OrderEnded: Severity.INFO,
    RiskBreached: Severity.CRITICAL,
    TradingHalted: Severity.CRITICAL,
    TradingRearmed: Severity.WARNING,
    RunStateChanged: Severity.NOTICE,
    StrategyFailed: Severity.WARNING,
    ServiceStarted: Severity.NOTICE,
    ServiceStopped: Severity.NOTICE,
    DifferenceFound: Severity.CRITICAL,
    DifferenceEnded: Severity.INFO,
    FlowBooked: Severity.INFO,
    PositionForced: Severity.CRITICAL,
    TradingRefused: Severity.CRITICAL,
    TradingAccepted: Severity.NOTICE,
    StartRefused: Severity.CRITICAL,
    VenueUnreachable: Severity.WARNING,
    StopMissing: Severity.CRITICAL,
    FeedInterrupted: Severity.WARNING,
    ConnectionRestored: Severity.NOTICE,
    DataEnded: Severity.NOTICE,
    DailyReportReady: Severity.NOTICE,
    HeartbeatMissed: Severity.WARNING,
    DeliveryFailed: Severity.WARNING,
    AccessRefused: Severity.WARNING,
}

_BY_NAME: dict[str, type[Event]] = {event.__name__: event for event in EVENTS}


class UnknownEventType(ValueError):
    """A stored event names a type that this version does not have."""


def encode_event(event: Event) -> tuple[str, bytes]:
    """Return the type's name and the event as JSON (decimals as text, times ISO 8601)."""
    return type(event).__name__, msgspec.json.encode(event)


def decode_event(name: str, payload: bytes) -> Event:
    """Rebuild an event.

    Raises:
        UnknownEventType: A newer version wrote it.
        msgspec.ValidationError: The payload does not fit the type.
    """
    try:
        event_type: Any = _BY_NAME[name]
    except KeyError as exc:
        raise UnknownEventType(f"no event type {name!r} in this version") from exc
    event: Event = msgspec.json.decode(payload, type=event_type)
    return event
