"""The replay venue: recorded bars played on a simulated market clock, orders matched on paper.

How an instant goes, and when an order from chat fills: docs/adr/0006-replay-market.md.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.bars import Bars, from_ms, to_ms
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import AccountId, AssetId, InstrumentId
from engine.domain.instruments import Instrument
from engine.domain.orders import Order, OrderState
from engine.errors import (
    ConfigError,
    OrderRefused,
    OrderStateUnknown,
    StorageError,
    UnknownInstrument,
)
from engine.ports import (
    BarsClosed,
    ExitStyle,
    FillReported,
    KeyAudit,
    OrderReport,
    OrderReported,
    Prepare,
    ReplayEnded,
    SettableClock,
    TimeAdvanced,
    VenueCapabilities,
    VenueMessage,
    VenueVitals,
    WallClock,
)
from engine.venues.admission import NOTHING_PLACED, admitted, check_order
from engine.venues.answering import Answers, BookVenue, live_order
from engine.venues.book import Book, WorkingOrder
from engine.venues.bookstore import BookStore
from engine.venues.keeping import BookKeeper
from engine.venues.matching import Matcher, opening
from engine.venues.models import FillModels
from engine.venues.pace import Pace
from engine.venues.tape import NO_TRADE, Lane, Tape, plan_replay

DATA_ENDED = "The market is closed: recorded data has ended."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class ReplayVenue(BookVenue):
    """Plays recorded series and trades against them; keeps the Venue port.

    Args:
        account_id: The one account it holds.
        instruments: Everything it lists; each series' instrument among them.
        series: Recorded bars, any number of time frames per instrument.
        clock: The market clock; this venue is the one that moves it.
        wall: Real time, for the pace alone.
        opening_balances: Deposited once, when the books are new.
        store: Where the books are kept; None keeps them in memory only (backtests).
        models: Fees, slippage, latency, share of volume, leverage.
        seed: Of everything random.
        speed: Market seconds per wall second; None plays as fast as it is asked.
        start_after: So many bars of each series are history before it starts.
        rebase: Move series of other dates to a shared start; `note` tells of it.

    Raises:
        DataError: From the constructor: no series, or one too short.
        ConfigError: From the constructor: a series of an instrument that is not listed; from
            the first use: the stored books belong to other data.
        StorageError: From any method: the books can't be read or written.
    """

    capabilities = VenueCapabilities(
        quote_quantity=True,
        exits=ExitStyle.LINKED,
        stop_orders=True,
        reduce_only=True,
        replayed=True,
    )

    def __init__(
        self,
        *,
        account_id: AccountId,
        instruments: Sequence[Instrument],
        series: Sequence[Bars],
        clock: SettableClock,
        wall: WallClock,
        opening_balances: Mapping[AssetId, Decimal],
        store: BookStore | None = None,
        models: FillModels | None = None,
        seed: int = 0,
        speed: float | None = None,
        start_after: int = 0,
        rebase: bool = False,
    ) -> None:
        plan = plan_replay(series, start_after=start_after, rebase=rebase)
        self.note = plan.note
        self._clock = clock
        self._tape = Tape(plan.series)
        self._closings = len(self._tape)
        self._step_ms = 0  # the length of the bar that closes next
        self._start_ms = plan.start_ms
        self._book = Book(account_id, instruments, opening_balances)
        self._check_listed()
        self._models = models or FillModels()
        self._seed = seed
        self._matcher = Matcher(self._book, self._models, seed)
        self._keeper = BookKeeper(self._book, store, prints=self._tape.prints(), seed=seed)
        self._pace = Pace(wall, speed)
        self._timed: list[WorkingOrder] = []
        self._outbox: deque[VenueMessage] = deque()
        self._wanted: set[tuple[InstrumentId, Timeframe]] = set()
        self._shows_all = True
        self._is_open = False
        self._ended = False
        self._next = 0  # index of the first closing on the tape that has not happened
        self._now_ms = plan.start_ms
        self._now = from_ms(plan.start_ms)
        self._known_ms = plan.start_ms  # bars closed by here have been shown
        self._standing: list[Bar] | None = None  # bars of this instant, until they are handled

    def _check_listed(self) -> None:
        for name in self._tape.lanes:
            if name not in self._book.instruments:
                raise ConfigError(
                    f"There is data for {name}, and no instrument of that name. "
                    "Describe it, or leave the file out."
                )

    @property
    def now(self) -> datetime:
        """Market time: the instant the replay stands at."""
        return self._now

    # --- opening and closing --------------------------------------------------------------

    async def open(self) -> None:
        """Read the books and set the market clock; every other method does so first."""
        if self._is_open:
            return
        cursor_ms = self._keeper.load()
        self._is_open = True
        if cursor_ms is None:
            self._stand_at(self._start_ms, resumed=False)
            await self._keeper.commit(self._now_ms)
        else:
            self._stand_at(cursor_ms, resumed=True)
        self._clock.advance_to(self._now)

    def _stand_at(self, now_ms: int, *, resumed: bool) -> None:
        """Stand at an instant whose matching is done, its bars not handled yet if resumed."""
        self._now_ms = now_ms
        self._now = from_ms(now_ms)
        self._tape.seek(now_ms)
        self._next = self._tape.index_at(now_ms + 1)
        self._known_ms = now_ms
        self._set_marks()
        self._timed = [
            working
            for working in self._book.orders.values()
            if working.is_live
            and (working.active_at > self._now or working.order.expires_at is not None)
        ]
        if resumed and now_ms > self._start_ms:
            self._known_ms = now_ms - 1
            closings = range(self._tape.index_at(now_ms), self._next)
            rows = [self._tape.close(index) for index in closings]
            self._standing = [close.series.bar(close.row) for close in rows]
            self._repeat_reports()

    def _set_marks(self) -> None:
        for name, lane in self._tape.lanes.items():
            known = lane.last.close if lane.last is not None else lane.bar(0).open
            self._book.marks[name] = known

    def _repeat_reports(self) -> None:
        """Tell again what happened at the instant it stands at: nobody may have heard."""
        for fill in self._keeper.fills_since(self._now):
            self._outbox.append(FillReported(fill))
        for working in self._keeper.orders_since(self._now):
            if working.state is not OrderState.ACKNOWLEDGED:
                self._outbox.append(OrderReported(working.report()))

    async def close(self) -> None:
        """Write what waits and let go of the books; harmless when repeated."""
        await self._keeper.close()

    # --- the stream -----------------------------------------------------------------------

    async def stream(
        self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]
    ) -> AsyncIterator[VenueMessage]:
        """Yield what happens; see the port. A new stream takes over from the one before."""
        await self._flush()
        self._subscribe(subscriptions)
        if self._standing is not None:
            yield TimeAdvanced(self._now)
        while True:
            while self._outbox:
                yield self._outbox.popleft()
            if self._standing is not None:
                self._known_ms = self._now_ms
                if bars := self._shown(self._standing):
                    yield BarsClosed(self._now, bars)
                self._standing = None  # asked for more: they have been handled
            if self._book.live and await self._match_open():
                continue
            due_ms = self._next_instant()
            if due_ms is None:
                if not self._ended:
                    self._ended = True
                    yield ReplayEnded(self._closings)
                await self._pace.until_stirred()
            elif await self._pace.wait(self._now_ms, due_ms, self._step_ms):
                self._move_to(due_ms)
                if self._keeper.keeps:
                    await self._keeper.commit(self._now_ms)
                yield TimeAdvanced(self._now)

    def _subscribe(self, subscriptions: Iterable[tuple[InstrumentId, Timeframe]]) -> None:
        self._wanted = set(subscriptions)
        recorded = {(one.instrument_id, one.bars.timeframe) for one in self._tape.series}
        self._shows_all = recorded <= self._wanted
        for instrument_id, timeframe in sorted(self._wanted - recorded):
            raise UnknownInstrument(
                f"Nothing was started. {self._tape.lacks(instrument_id, timeframe)}"
            )

    def _shown(self, bars: list[Bar]) -> tuple[Bar, ...]:
        if self._shows_all:
            return tuple(bars)
        return tuple(bar for bar in bars if (bar.instrument_id, bar.timeframe) in self._wanted)

    def _next_instant(self) -> int | None:
        """Return when something happens next: a bar closes or, for live orders, opens."""
        if self._next >= self._closings:
            return None
        close = self._tape.close(self._next)
        due_ms, self._step_ms = close.end_ms, close.step_ms
        if not self._book.live:
            return due_ms
        for name in self._book.live:
            lane = self._tape.lanes[name]
            if not lane.has_ended and (start := int(lane.starts[lane.next])) > self._now_ms:
                due_ms = min(due_ms, start)
        for working in self._timed:
            for at in (working.active_at, working.order.expires_at):
                if at is not None and working.is_live and at > self._now:
                    due_ms = min(due_ms, _ceil_ms(at))
        return due_ms

    def _move_to(self, now_ms: int) -> None:
        """Move the market clock, and match what rested through the bars that close now."""
        tape, book = self._tape, self._book
        self._now_ms = now_ms
        close = tape.close(self._next)
        self._now = now = close.end if close.end_ms == now_ms else from_ms(now_ms)
        self._clock.advance_to(now)
        bars: list[Bar] = []
        while close.end_ms == now_ms:
            bar = close.series.bar(close.row)
            bars.append(bar)
            if close.matches:
                if bar.instrument_id in book.live and bar.state not in NO_TRADE:
                    self._outbox.extend(self._matcher.at_close(bar, now))
                self._pass(tape.lanes[bar.instrument_id], bar)
            self._next += 1
            if self._next == self._closings:
                break
            close = tape.close(self._next)
        self._standing = bars
        if self._timed:
            self._outbox.extend(self._matcher.expire(now))
            self._timed = [working for working in self._timed if working.is_live]

    def _pass(self, lane: Lane, bar: Bar) -> None:
        """Leave a bar behind; the last one of its instrument ends what waits for a next open."""
        lane.next += 1
        lane.last = bar
        self._book.marks[bar.instrument_id] = bar.close
        if lane.next >= lane.count:
            for working in list(self._book.live.get(bar.instrument_id, {}).values()):
                if working.takes_market:
                    ended = OrderState.CANCELLED
                    self._outbox.append(self._matcher.end(working, ended, self._now, DATA_ENDED))

    async def _match_open(self) -> bool:
        """Match live orders with the open of bars under way; tell whether anything happened."""
        for name, lane in self._tape.lanes.items():  # in an order that a restart keeps
            if name not in self._book.live:
                continue
            bar = lane.under_way(self._now_ms)
            if bar is not None:
                self._outbox.extend(self._matcher.at_open(opening(bar, lane.last), self._now))
        if not self._outbox:
            return False
        await self._keeper.commit(self._now_ms)
        return True

    async def _answers(self) -> Answers:
        await self._flush()
        return Answers(self._book, self._keeper, self._models)

    async def _flush(self) -> None:
        """Return when what will be answered is on disk."""
        await self.open()
        await self._keeper.flush()

    # --- orders ---------------------------------------------------------------------------

    def preparation(self) -> AbstractContextManager[Prepare]:
        return nullcontext(lambda orders: None)

    async def submit_order(self, order: Order) -> OrderReport:
        """Place `order` at the present market time; see the port.

        Raises:
            OrderRefused and its subclasses: It is not there.
            OrderStateUnknown: The books could not be written: it may be there after a restart.
        """
        await self.open()
        try:
            working = self._keeper.order(order.client_order_id)
            if working is not None:
                await self._flush()
            else:
                working = self._accept(order)
                await self._keeper.commit(self._now_ms)
        except StorageError as exc:
            raise OrderStateUnknown(
                f"{order.instrument_id}: {exc} The order may or may not be there.",
            ) from exc
        return working.report()

    def _accept(self, order: Order) -> WorkingOrder:
        check_order(self._book, self._models, order, self._now)
        lane = self._tape.lanes.get(order.instrument_id)
        if lane is None or lane.has_ended:
            raise OrderRefused(
                f"{order.instrument_id}: the market is closed: recorded data has ended. "
                f"{NOTHING_PLACED}"
            )
        working = admitted(order, self._models, self._seed, self._now)
        self._book.add(working)
        if working.active_at > self._now or order.expires_at is not None:
            self._timed.append(working)
        self._pace.stir()
        return working

    async def cancel_order(self, order: Order) -> None:
        await self.open()
        working = live_order(self._keeper, order)
        report = self._matcher.end(working, OrderState.CANCELLED, self._now, "")
        try:
            await self._keeper.commit(self._now_ms)
        except StorageError as exc:
            raise OrderStateUnknown(f"{order.instrument_id}: {exc}") from exc
        self._outbox.append(report)
        self._pace.stir()

    # --- questions ------------------------------------------------------------------------

    async def audit(self) -> KeyAudit:
        """A recorded market asks for no key."""
        return KeyAudit(may_trade=True, may_withdraw=False, ip_restricted=None)

    def vitals(self) -> VenueVitals:
        return VenueVitals(name="replay", connected=True, last_message_at=self._now)

    async def history(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        *,
        before: datetime,
        limit: int,
    ) -> Bars:
        """Return recorded bars that have been shown by now; see the port.

        Raises:
            UnknownInstrument: No such series is recorded.
        """
        await self.open()
        one = self._tape.find(instrument_id, timeframe)
        if one is None:
            raise UnknownInstrument(self._tape.lacks(instrument_id, timeframe))
        last = one.closed_by(min(to_ms(before), self._known_ms))
        return one.bars[max(last - limit, 0) : last]


def _ceil_ms(instant: datetime) -> int:
    return -((_EPOCH - instant) // _MILLISECOND)
