"""The `Venue` port over ccxt."""

from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, cast

from engine.bars import Bars
from engine.domain.accounts import Balance
from engine.domain.bars import Timeframe
from engine.domain.flows import AccountFlow
from engine.domain.ids import AccountId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.orders import Fill, Order
from engine.errors import RequestRefused, VenueUnavailable
from engine.ports import (
    DeadManTimer,
    ExitStyle,
    KeyAudit,
    OrderReport,
    Prepare,
    VenueCapabilities,
    VenueMessage,
    VenuePosition,
    VenueVitals,
)
from engine.ports.clocks import WallClock
from engine.venues.ccxt.account import Access, AccountReader
from engine.venues.ccxt.auditing import Auditor
from engine.venues.ccxt.backoff import Draw, system_draw
from engine.venues.ccxt.connecting import Connection, connect, validity
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.lookup import Lookup
from engine.venues.ccxt.matching import Matches
from engine.venues.ccxt.precheck import check
from engine.venues.ccxt.preparing import Preparation
from engine.venues.ccxt.quirks import FindOrder, Quirks, StopStyle
from engine.venues.ccxt.sending import Sendings
from engine.venues.ccxt.session import Session
from engine.venues.ccxt.settings import CcxtSettings
from engine.venues.ccxt.streaming import Streams
from engine.venues.ccxt.streams.barrier import Series
from engine.venues.ccxt.streams.feed import Feed
from engine.venues.ccxt.submitting import Submitter
from engine.venues.ccxt.troubles import Operation
from engine.venues.ccxt.warming import Warming

NO_IDS = (
    "this exchange takes no order ids of ours: an order is known again by instrument, side, price, "
    "quantity and the minute it was sent in"
)


class _Raw(Protocol):
    def __call__(self, params: Mapping[str, object]) -> Awaitable[object]: ...


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made ready at the first use."""

    access: Access
    reader: AccountReader
    lookup: Lookup
    submitter: Submitter
    auditor: Auditor


async def open_venue(
    settings: CcxtSettings, account_id: AccountId, wall: WallClock, draw: Draw | None = None
) -> "CcxtVenue":
    """Load the library and make the venue; nothing is sent yet.

    Raises:
        ConfigError: The library has no such exchange, or that one has no such environment.
    """
    return CcxtVenue(await connect(settings), account_id, wall, draw or system_draw())


class CcxtVenue:
    """One account at an exchange that ccxt speaks to. Keeps the contract of `Venue`."""

    def __init__(
        self, connection: Connection, account_id: AccountId, wall: WallClock, draw: Draw
    ) -> None:
        self._session = Session(connection, account_id, wall, draw)
        self._quirks = connection.quirks
        self._settings = connection.settings
        self._parts: _Parts | None = None
        self._streams = Streams(self._session, draw)
        self._feed: Feed[VenueMessage] | None = None
        self._sendings = Sendings(wall, self._session.offset, self._session.time)
        self._preparation = Preparation(self._submit, self._sendings, wall)
        self.capabilities = capabilities_of(connection.quirks)

    async def audit(self) -> KeyAudit:
        parts = await self._ready()
        return await parts.auditor.audit(self._session.skew.venue_now())

    async def instruments(self) -> tuple[Instrument, ...]:
        await self._ready()
        return tuple(self._session.instruments.values())

    def preparation(self) -> AbstractContextManager[Prepare]:
        if not self._quirks.signs_ahead:
            return nullcontext(lambda orders: None)
        return self._preparation.block()

    async def submit_order(self, order: Order) -> OrderReport:
        begun = self._preparation.take(order)
        return await (self._submit(order) if begun is None else begun)

    async def _submit(self, order: Order) -> OrderReport:
        try:
            parts = await self._ready()
        except VenueUnavailable as error:
            raise RequestRefused(f"{error.user_message} Nothing was placed.") from error
        instrument = self._session.instrument(order.instrument_id)
        check(order, instrument, self._quirks, self._session.wall.now())
        markets = self._session.client.markets or {}
        return await parts.submitter.submit(
            order, markets.get(order.instrument_id, {}), hedged=self._settings.terms.hedged
        )

    async def cancel_order(self, order: Order) -> None:
        parts = await self._ready()
        await parts.submitter.cancel(order)

    async def find_order(self, order: Order) -> OrderReport | None:
        parts = await self._ready()
        return await parts.lookup.find(order)

    async def open_orders(self) -> tuple[OrderReport, ...]:
        parts = await self._ready()
        return await parts.reader.open_orders()

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        parts = await self._ready()
        now = self._session.skew.venue_now()
        return await parts.reader.fills_since(since, now, instruments)

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        parts = await self._ready()
        return await parts.reader.flows_since(since, self._session.skew.venue_now())

    async def balances(self) -> tuple[Balance, ...]:
        parts = await self._ready()
        return await parts.reader.balances()

    async def positions(self) -> tuple[VenuePosition, ...]:
        parts = await self._ready()
        return await parts.reader.positions()

    async def history(
        self, instrument_id: InstrumentId, timeframe: Timeframe, *, before: datetime, limit: int
    ) -> Bars:
        return await self._session.history(instrument_id, timeframe, before=before, limit=limit)

    async def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        """Yield bars, and the account's orders, fills and flows, from now on."""
        parts = await self._ready()
        series = list(dict.fromkeys(subscriptions))
        feed = await self._streams.venue(series, parts.access, parts.reader)
        feed.add("clock", self._session.skew.run)
        if self._quirks.warm:
            feed.add("connections", self._warming(series).run)
        self._feed = feed
        try:
            async for message in feed:
                yield message
        finally:
            await feed.close()

    async def cancel_all_after(self, seconds: int) -> None:
        """Arm or disarm the exchange's timer; one that is kept by symbol is set for each of ours.

        Raises:
            RequestRefused: It was not set.
            OrderStateUnknown: No answer: it may be set or not.
        """
        if self.capabilities.dead_man is DeadManTimer.NONE:
            return
        await self._ready()
        quirks, client = self._quirks, self._session.client
        ask = cast(_Raw, getattr(client, quirks.dead_man_method))
        for params in self._dead_man_params(seconds):
            await self._session.requests.ask(
                Operation.CANCEL,
                quirks.dead_man_method,
                partial(ask, params),
                subject="dead-man timer",
                urgency=Urgency.CANCEL,
            )

    def vitals(self) -> VenueVitals:
        note = NO_IDS if self._quirks.find is FindOrder.BY_MATCH else ""
        return self._session.vitals(feed=self._feed, note=note)

    async def close(self) -> None:
        if self._feed is not None:
            await self._feed.close()
        await self._session.close()

    def _warming(self, series: Collection[Series]) -> Warming:
        session = self._session
        return Warming(
            series,
            most=self._quirks.warm,
            ask=session.time,
            venue_now=session.skew.venue_now,
            wall=session.wall,
        )

    def _dead_man_params(self, seconds: int) -> list[dict[str, object]]:
        if not self._quirks.dead_man_by_symbol:
            return [{"timeout": seconds}]
        markets = self._session.client.markets or {}
        milliseconds = timedelta(seconds=seconds) // timedelta(milliseconds=1)
        return [
            {"symbol": markets[symbol].get("id"), "countdownTime": milliseconds}
            for symbol in self._settings.instruments
        ]

    async def _ready(self) -> _Parts:
        access = await self._session.access()
        if self._parts is None:
            self._parts = self._made(access)
        return self._parts

    def _made(self, access: Access) -> _Parts:
        session = self._session
        reader = AccountReader(access)
        lookup = Lookup(
            access, reader, self._sendings, Matches(), validity(session.settings, session.quirks)
        )
        submitter = Submitter(
            access, lookup, self._sendings, session.skew.venue_now, lambda: self._streams.orders
        )
        auditor = Auditor(access, session.settings)
        return _Parts(access, reader, lookup, submitter, auditor)


def capabilities_of(quirks: Quirks) -> VenueCapabilities:
    """Return what execution may ask of an exchange."""
    return VenueCapabilities(
        quote_quantity=quirks.quote_quantity,
        exits=ExitStyle.SIDE_BY_SIDE if quirks.reduce_only else ExitStyle.ONE_AT_A_TIME,
        stop_orders=quirks.stop is not StopStyle.NONE,
        reduce_only=quirks.reduce_only,
        order_ids=quirks.client_id is not None,
        dead_man=quirks.dead_man,
    )
