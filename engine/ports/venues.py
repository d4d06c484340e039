"""Venues: what execution may ask of one, and what one tells."""

from collections.abc import (
    AsyncIterator,
    Iterable,
)
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from engine.bars import Bars
from engine.domain.accounts import Balance
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import (
    ClientOrderId,
    InstrumentId,
    VenueOrderId,
)
from engine.domain.instruments import Instrument
from engine.domain.orders import Fill, Order, OrderState, PositionSide


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCapabilities:
    """What execution may ask of a venue.

    Attributes:
        quote_quantity: Market buys may be sized in the quote (`Order.quote_quantity`).
        linked_exits: Orders of one `group_id` reduce each other at the venue.
        stop_orders: Stops can rest at the venue.
        reduce_only: The venue keeps reduce-only orders from opening a position.
    """

    quote_quantity: bool
    linked_exits: bool
    stop_orders: bool
    reduce_only: bool
    replayed: bool = False  # market time is simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What the venue says of one order."""

    client_order_id: ClientOrderId | None
    venue_order_id: VenueOrderId
    instrument_id: InstrumentId
    state: OrderState  # one of the venue-side ones
    filled_quantity: str  # plain decimal text
    ts_event: datetime
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """Net position at the venue, signed, base units or contracts; spot holdings included."""

    instrument_id: InstrumentId
    side: PositionSide
    quantity: str  # plain decimal text, signed


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


class ConnectionChanged(msgspec.Struct, frozen=True, gc=False):
    connected: bool
    message: str


class ReplayEnded(msgspec.Struct, frozen=True, gc=False):
    """The recorded data is used up; the stream stays open for orders already answered."""

    bars: int


VenueMessage = (
    BarsClosed | TimeAdvanced | FillReported | OrderReported | ConnectionChanged | ReplayEnded
)


class Venue(Protocol):
    """A trading venue. Every method raises only `engine.errors` types.

    Money crosses as text or Decimal, never float. Order of the stream: fills and order reports
    of an instant come before its bars; a fill may also arrive before `submit_order` returns.
    """

    capabilities: VenueCapabilities

    async def instruments(self) -> tuple[Instrument, ...]: ...

    async def submit_order(self, order: Order) -> OrderReport:
        """Place `order`; the same client order id never places a second one.

        Raises:
            InsufficientFunds: The account cannot pay for it.
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

    async def find_order(
        self, client_order_id: ClientOrderId, instrument_id: InstrumentId
    ) -> OrderReport | None:
        """Look an order up by our id; None when the venue proves that it has none.

        Raises:
            VenueUnavailable: No proof either way.
        """
        ...

    async def open_orders(self) -> tuple[OrderReport, ...]: ...

    async def fills_since(self, since: datetime | None) -> tuple[Fill, ...]:
        """Return the account's fills with ts_event >= since (None: all), oldest first."""
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
        """Return up to `limit` final bars that closed at or before `before`, oldest first."""
        ...

    def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        """Yield what happens, from now on; asking for the next item says the last is handled.

        A replayed market moves its clock only when asked for the next item. After a restart it
        yields the bars of the instant it stood at again: handling them twice must be harmless.
        """
        ...

    async def close(self) -> None: ...
