"""Venues: what execution may ask of one, and what one tells."""

from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Sequence,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from engine.bars import Bars
from engine.domain.accounts import Balance
from engine.domain.bars import Bar, Timeframe
from engine.domain.flows import AccountFlow
from engine.domain.ids import (
    ClientOrderId,
    InstrumentId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument
from engine.domain.orders import Fill, Order, OrderSide, OrderState, PositionSide


class DeadManTimer(StrEnum):
    """What a venue's cancel-all-after timer does when nobody renews it."""

    NONE = "none"
    SPARES_STOPS = "spares stops"
    CANCELS_ALL = "cancels all"


class ExitStyle(StrEnum):
    """How the exits of one position get along at a venue."""

    LINKED = "linked"  # the venue shrinks the others of a `group_id` when one fills
    SIDE_BY_SIDE = "side by side"  # they rest reduce-only, and execution shrinks the others
    ONE_AT_A_TIME = "one at a time"  # a resting exit locks what it sells


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCapabilities:
    """What execution may ask of a venue.

    Attributes:
        quote_quantity: Market buys may be sized in the quote (`Order.quote_quantity`).
        exits: How the exits of one position get along there.
        stop_orders: Stops can rest at the venue.
        reduce_only: The venue keeps reduce-only orders from opening a position.
        order_ids: It takes our order ids; otherwise orders are matched by the rule that the
            adapter documents, and people are told so at the start.
        dead_man: What its cancel-all-after timer spares.
    """

    quote_quantity: bool
    exits: ExitStyle
    stop_orders: bool
    reduce_only: bool
    replayed: bool = False  # market time is simulated
    order_ids: bool = True
    dead_man: DeadManTimer = DeadManTimer.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What the venue says of one order.

    Attributes:
        client_order_id: None where it was not placed under one of ours.
        side, quantity, price: Where the venue tells them: a foreign order is shown by them.
            Plain decimal text; `price` is the limit or else the trigger.
    """

    client_order_id: ClientOrderId | None
    venue_order_id: VenueOrderId
    instrument_id: InstrumentId
    state: OrderState  # one of the venue-side ones
    filled_quantity: str  # plain decimal text
    ts_event: datetime
    message: str = ""
    side: OrderSide | None = None
    quantity: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """Net position at the venue, signed, base units or contracts; spot holdings included.

    Attributes:
        quantity: Plain decimal text, signed.
        entry_price: The venue's average, quote per base, plain decimal text: its wallet realises
            against it. Empty where it keeps none (spot).
    """

    instrument_id: InstrumentId
    side: PositionSide
    quantity: str
    entry_price: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueVitals:
    """How the connection to a venue is doing, for /venues and /health. Times are wall time UTC.

    Attributes:
        connected: Market data and, where it trades, the account's own stream are up.
        last_message_at: When the newest frame or answer came.
        latency_ms: Of the last requests, smoothed; None before the first.
        clock_skew_ms: The venue's clock less ours; None where it can't be measured.
        budget_used: Part of the tightest rate budget that is spent, 0 to 1.
        open_breakers: Endpoints that are not asked for now, each with its reason.
        note: What a person must know, e.g. how orders are matched without ids.
    """

    name: str
    connected: bool
    last_message_at: datetime | None = None
    latency_ms: float | None = None
    clock_skew_ms: int | None = None
    budget_used: float = 0.0
    open_breakers: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAudit:
    """What the venue says of the API key and the account's settings.

    Attributes:
        may_withdraw: None where the venue does not tell: a live start counts that as yes, unless
            the configuration takes it on.
        ip_restricted: None where the venue does not tell.
        notes: For people, e.g. "leverage 5x, cross margin, one-way".
    """

    may_trade: bool | None
    may_withdraw: bool | None
    ip_restricted: bool | None
    notes: tuple[str, ...] = ()


class BarsClosed(msgspec.Struct, frozen=True, gc=False):
    """Bars that closed at one instant (live: those that have arrived together)."""

    time: datetime
    bars: tuple[Bar, ...]


class TimeAdvanced(msgspec.Struct, frozen=True, gc=False):
    """The simulated market clock moved here; due jobs come before what follows."""

    time: datetime


class FillReported(msgspec.Struct, frozen=True, gc=False):
    fill: Fill


class OrderReported(msgspec.Struct, frozen=True, gc=False):
    report: OrderReport


class FlowReported(msgspec.Struct, frozen=True, gc=False):
    """Money moved without an order: a transfer, funding, interest."""

    flow: AccountFlow


class ConnectionChanged(msgspec.Struct, frozen=True, gc=False):
    """The stream broke, or is whole again: then the desk reconciles before it trusts it."""

    connected: bool
    message: str


class BookChanged(msgspec.Struct, frozen=True, gc=False):
    """The best levels of an order book, best first; prices and quantities as the venue wrote them.

    Quantities are base units or contracts.
    """

    instrument_id: InstrumentId
    time: datetime
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


class TradePrinted(msgspec.Struct, frozen=True, gc=False):
    """Somebody's trade at the venue."""

    instrument_id: InstrumentId
    time: datetime
    price: Decimal
    quantity: Decimal


class ReplayEnded(msgspec.Struct, frozen=True, gc=False):
    """The recorded data is used up; the stream stays open for orders already answered."""

    bars: int


VenueMessage = (
    BarsClosed
    | TimeAdvanced
    | FillReported
    | OrderReported
    | FlowReported
    | ConnectionChanged
    | ReplayEnded
)
MarketMessage = BarsClosed | BookChanged | TradePrinted | ConnectionChanged


class MarketData(Protocol):
    """Public prices of a venue: what paper trading needs, without a key.

    Every method raises only `engine.errors` types.
    """

    async def instruments(self) -> tuple[Instrument, ...]: ...

    async def history(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
    ) -> Bars:
        """As `Venue.history`."""
        ...

    def market(
        self,
        subscriptions: Iterable[tuple[InstrumentId, Timeframe]],
        *,
        books: bool,
    ) -> AsyncIterator[MarketMessage]:
        """Yield closed bars and connection changes; with `books`, books and trades too."""
        ...

    def vitals(self) -> VenueVitals: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """One answer of a venue's history.

    Attributes:
        bars: Final bars with exact prices, oldest first, all of them within the stretch below.
        start: Where the stretch begins that the answer speaks of, UTC: as asked, or later where
            it tells nothing of what is before.
        until: Where it ends, exclusive. A bar that is absent between `start` and `until` is
            proven: nothing traded. Equal to the start that was asked for: there is nothing newer
            yet.
    """

    bars: tuple[Bar, ...]
    start: datetime
    until: datetime


class HistorySource(Protocol):
    """Recorded bars of a venue, exact, page by page: what `outcry data fetch` keeps on disk.

    Public data: no key. It keeps to the venue's rate limits by itself.
    """

    async def page(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        start: datetime,
        limit: int,
    ) -> HistoryPage:
        """Return the first `limit` or fewer final bars that start at or after `start`.

        Never the forming one. Where the answer has none, `until` still moves on, as far as bars
        may come later; with `start` beside it where the venue's silence proves nothing.

        Raises:
            UnknownInstrument: The venue does not list it.
            ConfigError: It has no bars of this time frame; names those it has.
            RequestRefused: Not now (rate limit); ask again later.
            VenueUnavailable: No answer, or one that can't be read; ask again later.
        """
        ...

    async def close(self) -> None: ...


# Makes ready what `submit_order` of these will send.
Prepare = Callable[[Sequence[Order]], None]


class Venue(Protocol):
    """A trading venue. Every method raises only `engine.errors` types.

    Money crosses as text or Decimal, never float. Order of the stream: fills and order reports
    of an instant come before its bars; a fill may also arrive before `submit_order` returns.
    """

    capabilities: VenueCapabilities

    async def audit(self) -> KeyAudit:
        """Check that the account may be traded as it is configured; the first call of a start.

        Position mode, margin mode and leverage are read and compared, never switched.

        Raises:
            TradingNotAllowed: The key is refused, expired or may not trade, or a mode differs
                from the configuration: nothing will be sent, and why.
            VenueUnavailable: It can't be reached now.
        """
        ...

    async def instruments(self) -> tuple[Instrument, ...]: ...

    def preparation(self) -> AbstractContextManager[Prepare]:
        """Enter a block in which orders may be made ready while their intents are being stored.

        Nothing leaves for one that is not submitted inside the block, nor as it was made ready
        where it has changed since. A venue that has nothing to make ready does nothing.
        """
        ...

    async def submit_order(self, order: Order) -> OrderReport:
        """Place `order`; the same client order id never places a second one.

        Raises:
            InsufficientFunds: The account cannot pay for it.
            StopWouldTrigger: A stop whose price has been reached already, where it may not rest.
            NothingToReduce: A reduce-only order, and nothing is held that it would shrink.
            OrderRefused: Any other refusal: it is not there.
            RequestRefused: Not placed; may be sent again.
            OrderStateUnknown: No answer came; look it up before anything else.
        """
        ...

    async def cancel_order(self, order: Order) -> None:
        """Ask for the cancel; the report or `find_order` tells what came of it.

        Raises:
            OrderNotFound: It has ended, or never was there.
            OrderStateUnknown: No answer came.
        """
        ...

    async def find_order(self, order: Order) -> OrderReport | None:
        """Look an order up by our id; None when the venue proves that it has none.

        Proved is: the window in which the request could still arrive has passed on the venue's
        clock (counted from `order.ts_last`), and its order, history and fill queries agree.

        Raises:
            VenueUnavailable: No proof either way yet.
        """
        ...

    async def open_orders(self) -> tuple[OrderReport, ...]:
        """Return everything that works at the account, foreign orders and triggers included."""
        ...

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        """Return the account's fills with ts_event >= since (None: all), oldest first.

        Args:
            instruments: Only theirs; None: everything that the account is known to trade.
        """
        ...

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        """Return transfers, funding and interest with ts_event >= since, oldest first."""
        ...

    async def balances(self) -> tuple[Balance, ...]: ...
    async def positions(self) -> tuple[VenuePosition, ...]: ...

    async def history(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
    ) -> Bars:
        """Return up to `limit` final bars that closed at or before `before`, oldest first.

        A bar that is absent between two of them is proven: nothing traded.
        """
        ...

    def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        """Yield what happens, from now on; asking for the next item says the last is handled.

        A replayed market moves its clock only when asked for the next item. After a restart it
        yields the bars of the instant it stood at again: handling them twice must be harmless.
        """
        ...

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm the venue's dead-man timer anew, or with 0 disarm it; see `capabilities.dead_man`."""
        ...

    def vitals(self) -> VenueVitals: ...

    async def close(self) -> None: ...
