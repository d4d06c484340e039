"""Joins the streams to a session: clients with sockets of their own, and what REST adds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import cast

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.flows import AccountFlow
from engine.domain.ids import InstrumentId
from engine.domain.orders import Fill, OrderState
from engine.errors import OrderNotFound
from engine.ports import MarketMessage, OrderReport, VenueMessage
from engine.venues.ccxt.account import Access, AccountReader
from engine.venues.ccxt.backoff import Draw
from engine.venues.ccxt.fields import Unreadable
from engine.venues.ccxt.gate import Urgency
from engine.venues.ccxt.session import Session
from engine.venues.ccxt.streams.feed import AccountSide, Feed, Feeds, MarketSide, OrderSide
from engine.venues.ccxt.streams.library import OrderBook, StreamClient
from engine.venues.ccxt.streams.orders import OrderClient, OrderLane
from engine.venues.ccxt.streams.quirks import StreamQuirks, stream_quirks
from engine.venues.ccxt.streams.tap import Tap
from engine.venues.ccxt.troubles import Operation

Series = tuple[InstrumentId, Timeframe]


@dataclass(slots=True)
class Streams:
    """Makes the feeds of one session; its clients are made once."""

    session: Session
    draw: Draw
    _market: MarketSide | None = field(default=None, init=False)
    _account: AccountSide | None = field(default=None, init=False)
    _orders: OrderSide | None = field(default=None, init=False)
    orders: OrderLane | None = field(default=None, init=False)  # of the feed that was made last

    async def market(self, series: Collection[Series], *, books: bool) -> Feed[MarketMessage]:
        return self._feeds().market(await self._market_side(), series, books=books)

    async def venue(
        self, series: Collection[Series], access: Access, reader: AccountReader
    ) -> Feed[VenueMessage]:
        """Return bars and, where there is a key, the account's own messages."""
        if self.session.settings.credentials is None:
            return self._feeds().venue(await self._market_side(), None, series)
        account = await self._account_side(access, reader)
        feed = self._feeds().venue(await self._market_side(), account, series)
        orders = self._order_side()
        if orders is not None:
            self.orders = self._feeds().orders(feed, orders)
        return feed

    def _feeds(self) -> Feeds:
        session = self.session
        return Feeds(venue=session.settings.name, wall=session.wall, draw=self.draw)

    async def _market_side(self) -> MarketSide:
        if self._market is None:
            client, tap = await self._client()
            session = self.session
            self._market = MarketSide(
                client=client,
                tap=tap,
                quirks=self._quirks(),
                last_bar=self._last_bar,
                ask_book=self._ask_book,
                venue_now=session.skew.venue_now,
                clock_doubted=session.skew.doubt,
            )
        return self._market

    async def _account_side(self, access: Access, reader: AccountReader) -> AccountSide:
        if self._account is None:
            client, tap = await self._client()
            session = self.session
            self._account = AccountSide(
                client=client,
                tap=tap,
                quirks=self._quirks(),
                queries=_Queries(access, reader, session),
                reader=access.parser,
                venue_now=session.skew.venue_now,
            )
        return self._account

    def _order_side(self) -> OrderSide | None:
        frames = self._quirks().orders
        session = self.session
        if self._orders is None and frames and frames.address(session.client.urls):
            # Its sockets are free: what is streamed comes to other clients.
            client = cast(OrderClient, session.client)
            tap = self._tap(cast(StreamClient, client))
            self._orders = OrderSide(client=client, dial=client.watch, tap=tap, frames=frames)
        return self._orders

    def _tap(self, client: StreamClient) -> Tap:
        session = self.session
        return Tap(client, wall=session.wall, faults=(session.connection.library_error,))

    def _quirks(self) -> StreamQuirks:
        settings = self.session.settings
        return stream_quirks(settings.exchange, str(settings.market))

    async def _client(self) -> tuple[StreamClient, Tap]:
        client = cast(StreamClient, await self.session.another_client())
        return client, self._tap(client)

    async def _last_bar(
        self, instrument_id: InstrumentId, timeframe: Timeframe, before: datetime
    ) -> Bars:
        return await self.session.history(instrument_id, timeframe, before=before, limit=1)

    async def _ask_book(self, instrument_id: InstrumentId, depth: int | None) -> OrderBook:
        client = cast(StreamClient, self.session.client)
        return await self.session.requests.ask(
            Operation.QUERY,
            "fetch_order_book",
            lambda: client.fetch_order_book(instrument_id, depth),
            subject=f"order book of {instrument_id}",
            urgency=Urgency.BACKGROUND,
        )


@dataclass(frozen=True, slots=True)
class _Queries:
    """What the account's stream asks over REST."""

    access: Access
    reader: AccountReader
    session: Session

    async def fills_since(
        self, since: datetime | None, instruments: Collection[InstrumentId] | None = None
    ) -> tuple[Fill, ...]:
        return await self.reader.fills_since(since, self.session.skew.venue_now(), instruments)

    async def holdings(self) -> Mapping[InstrumentId, Decimal] | None:
        return await self.reader.holdings()

    async def flows_since(self, since: datetime | None) -> tuple[AccountFlow, ...]:
        return await self.reader.flows_since(since, self.session.skew.venue_now())

    async def open_orders(self) -> tuple[OrderReport, ...]:
        return await self.reader.open_orders()

    async def order_now(self, last: OrderReport) -> OrderReport | None:
        """Ask by the venue's own number, in each list that it may live in."""
        quirks = self.access.quirks
        lists = [quirks.conditional_params, {}] if quirks.conditional_list else [{}]
        for params in lists:
            found = await self._in_list(last, dict(params))
            if found is not None and found.state is not OrderState.TRIGGERED:
                return found
        return None

    async def _in_list(self, last: OrderReport, params: dict[str, object]) -> OrderReport | None:
        access = self.access
        try:
            row = await access.requests.ask(
                Operation.FIND,
                "fetch_order",
                lambda: access.client.fetch_order(last.venue_order_id, last.instrument_id, params),
                subject=f"order {last.venue_order_id}",
            )
        except OrderNotFound:
            return None
        try:
            found = access.parser.order(row, at=last.ts_event)
        except Unreadable as error:
            raise access.unreadable(f"order {last.venue_order_id}", error) from error
        same = found.client_order_id == last.client_order_id
        return found if same or last.client_order_id is None else None
