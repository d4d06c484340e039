"""A venue's stream as one sequence of messages, and the tasks behind it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import InstrumentId
from engine.ports import MarketMessage, VenueMessage, WallClock
from engine.venues.ccxt.backoff import Draw
from engine.venues.ccxt.streams.account import AccountLane
from engine.venues.ccxt.streams.barrier import Series
from engine.venues.ccxt.streams.bars import BarLane
from engine.venues.ccxt.streams.finality import finality
from engine.venues.ccxt.streams.library import OrderBook, StreamClient
from engine.venues.ccxt.streams.link import Link
from engine.venues.ccxt.streams.orders import Dial, OrderClient, OrderLane
from engine.venues.ccxt.streams.outbox import Outbox
from engine.venues.ccxt.streams.prices import BookLane, TradeLane
from engine.venues.ccxt.streams.quirks import OrderFrames, StreamPolicy, StreamQuirks
from engine.venues.ccxt.streams.sources import AccountQueries, AccountReader
from engine.venues.ccxt.streams.tap import Tap
from engine.venues.ccxt.streams.tasks import ended
from engine.venues.ccxt.streams.watching import Surroundings

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSide:
    """Where prices come from.

    Attributes:
        client: With sockets of its own: all are cut together. Its markets are loaded.
        last_bar: As `Venue.history` with limit 1; raises only `engine.errors` types.
        ask_book: One book over REST; raises only `engine.errors` types.
        venue_now: What the venue's clock shows.
        clock_doubted: As `BarLane` calls it.
    """

    client: StreamClient
    tap: Tap
    quirks: StreamQuirks
    last_bar: Callable[[InstrumentId, Timeframe, datetime], Awaitable[Bars]]
    ask_book: Callable[[InstrumentId, int | None], Awaitable[OrderBook]]
    venue_now: Callable[[], datetime]
    clock_doubted: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSide:
    """Where the account's messages come from.

    Attributes:
        client: With the key, and with sockets of its own. Its markets are loaded.
    """

    client: StreamClient
    tap: Tap
    quirks: StreamQuirks
    queries: AccountQueries
    reader: AccountReader
    venue_now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSide:
    """Where orders leave, other than over REST.

    Attributes:
        client: With the key; nothing else comes over its sockets. Its markets are loaded.
        dial: Its own `watch`.
    """

    client: OrderClient
    dial: Dial
    tap: Tap
    frames: OrderFrames


class Feed(Generic[M]):
    """Messages as an async iterator; the work begins with the first one asked for.

    An error that no lane expects is raised to whoever asks for the next message.
    """

    def __init__(self, *, name: str, outbox: Outbox, link: Link, taps: Collection[Tap]) -> None:
        self._name = name
        self._outbox = outbox
        self.link = link
        self._taps = taps
        self._lanes: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Add what is to run while the feed does."""
        self._lanes.append((name, run))

    @property
    def connected(self) -> bool:
        return self.link.connected

    @property
    def trouble(self) -> str:
        """As `Link.trouble`."""
        return self.link.trouble

    @property
    def last_message_at(self) -> datetime | None:
        """When the newest frame came, wall time."""
        times = [tap.last_message_at for tap in self._taps if tap.last_message_at is not None]
        return max(times, default=None)

    def __aiter__(self) -> AsyncIterator[M]:
        return self

    async def __anext__(self) -> M:
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name=f"streams of {self._name}")
            self._task.add_done_callback(self._done)
        return cast(M, await self._outbox.take())

    async def close(self) -> None:
        """End all its tasks; the clients stay their owners'."""
        if self._task is not None:
            await ended(self._task)
        self._outbox.fail(StopAsyncIteration())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, run in self._lanes:
                group.create_task(run(), name=name)

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._outbox.fail(error)


class Feeds:
    """Makes the feeds of one venue.

    Args:
        venue: As people call it.
    """

    def __init__(
        self, *, venue: str, wall: WallClock, draw: Draw, policy: StreamPolicy | None = None
    ) -> None:
        self._venue = venue
        self._wall = wall
        self._draw = draw
        self._policy = policy or StreamPolicy()

    def market(
        self, side: MarketSide, series: Collection[Series], *, books: bool
    ) -> Feed[MarketMessage]:
        """Return closed bars of `series`; with `books` also books and trades of their symbols."""
        outbox, link = self._ends()
        feed: Feed[MarketMessage] = Feed(
            name=self._venue, outbox=outbox, link=link, taps=(side.tap,)
        )
        self._add_market(feed, side, series, outbox, self._around(side.tap, link), books=books)
        return feed

    def venue(
        self, market: MarketSide, account: AccountSide | None, series: Collection[Series]
    ) -> Feed[VenueMessage]:
        """Return closed bars and, with `account`, its orders, fills and flows."""
        outbox, link = self._ends()
        taps = (market.tap,) if account is None else (market.tap, account.tap)
        feed: Feed[VenueMessage] = Feed(name=self._venue, outbox=outbox, link=link, taps=taps)
        if account is not None:
            account.tap.attach(self._policy.keep_alive, account.quirks.float_books)
            lane = AccountLane(
                client=account.client,
                queries=account.queries,
                reader=account.reader,
                quirks=account.quirks,
                venue_now=account.venue_now,
                emit=outbox.account,
                around=self._around(account.tap, link),
            )
            feed.add("account", lane.run)
        around = self._around(market.tap, link)
        self._add_market(feed, market, series, outbox, around, books=False)
        return feed

    def orders(self, feed: Feed[VenueMessage], side: OrderSide) -> OrderLane:
        """Let orders leave over a websocket while `feed` runs."""
        side.tap.attach(self._policy.order_ping)
        around = self._around(side.tap, feed.link)
        lane = OrderLane(client=side.client, dial=side.dial, frames=side.frames, around=around)
        feed.add("orders", lane.run)
        return lane

    def _add_market(
        self,
        feed: Feed[M],
        side: MarketSide,
        series: Collection[Series],
        outbox: Outbox,
        around: Surroundings,
        *,
        books: bool,
    ) -> None:
        side.tap.attach(self._policy.keep_alive, side.quirks.float_books)
        bars = BarLane(
            series,
            client=side.client,
            source=finality(side.client, side.quirks.klines, series),
            last_bar=side.last_bar,
            venue_now=side.venue_now,
            clock_doubted=side.clock_doubted,
            emit=outbox.bars,
            around=around,
        )
        if series:
            feed.add("bars", bars.run)
        if not books:
            return
        instruments = {instrument_id for instrument_id, _ in series}
        book_lane = BookLane(
            instruments,
            client=side.client,
            ask=side.ask_book,
            depth=side.quirks.depth,
            venue_now=side.venue_now,
            emit=outbox.book,
            around=around,
        )
        trade_lane = TradeLane(
            instruments,
            client=side.client,
            venue_now=side.venue_now,
            emit=outbox.trade,
            around=around,
        )
        feed.add("books", book_lane.run)
        feed.add("trades", trade_lane.run)

    def _ends(self) -> tuple[Outbox, Link]:
        outbox = Outbox()
        return outbox, Link(venue=self._venue, tell=outbox.account, wall=self._wall)

    def _around(self, tap: Tap, link: Link) -> Surroundings:
        return Surroundings(
            tap=tap, link=link, wall=self._wall, draw=self._draw, policy=self._policy
        )
