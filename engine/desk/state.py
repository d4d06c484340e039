"""The desk: one account's state in memory, and the one way to change it.

Memory is a projection of the store: a change is committed first and applied after. When a
commit fails the process ends and starts again from what is stored; start-up is recovery.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypedDict

from engine.desk.activity import Activity
from engine.desk.blotter import Blotter
from engine.desk.outside import Outside
from engine.domain.accounts import Account, Latch, TradingMode, TradingState
from engine.domain.bars import Bar, Timeframe
from engine.domain.differences import Difference, ReconciliationMark
from engine.domain.entries import LedgerEntry
from engine.domain.ids import (
    MANUAL_BOOK,
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    EventId,
    InstrumentId,
    OrderGroupId,
    RunId,
    digest_id,
)
from engine.domain.instruments import Instrument
from engine.domain.ledger import Ledger, Position
from engine.domain.messages import Event
from engine.domain.money import ONE, ZERO
from engine.domain.orders import Order, PositionSide
from engine.domain.performance import DrawdownTracker
from engine.domain.rates import Mark, RateBook
from engine.domain.records import EquityMark, ExitPlanState
from engine.domain.runs import Run
from engine.domain.valuation import Valuation, account_equity, value_account
from engine.domain.views import EquityPoint, Header
from engine.errors import StorageError
from engine.execution.protection import group_of
from engine.ports import (
    Clock,
    LoadedRun,
    MessageBus,
    StrategyHost,
    UnitOfWorkFactory,
    Venue,
    WallClock,
)
from engine.risk.limits import NO_LIMITS, RiskLimits

PlanKey = tuple[BookId, InstrumentId, PositionSide]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """Attributes:
    max_price_age: A mark older than this (market time) makes figures incomplete; None: never.
    keep_recent_orders: How many ended orders stay in memory for /orders and the chart.
    keep_equity_points: The newest equity marks kept in memory for curves.
    note: What readers must know about the data, shown in every header.
    fee_estimate: Taker fee as a fraction, for previews.
    """

    limits: RiskLimits = NO_LIMITS
    max_price_age: timedelta | None = None
    keep_recent_orders: int = 200
    note: str = ""
    keep_equity_points: int = 2000
    fee_estimate: Decimal = Decimal("0.001")


@dataclass(slots=True)
class Changes:
    """What one commit stores; applied to the desk once it is durable."""

    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    runs: dict[RunId, Run] = field(default_factory=dict)
    plans: dict[PlanKey, ExitPlanState | None] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    reconciliation: ReconciliationMark | None = None

    def order(self, order: Order) -> None:
        self.orders[order.client_order_id] = order

    def __bool__(self) -> bool:
        return bool(
            self.orders
            or self.entries
            or self.events
            or self.runs
            or self.plans
            or self.differences
            or self.reconciliation
        )


class Fact(TypedDict):
    """What every event says of itself: unpack it into the event's constructor."""

    event_id: EventId
    account_id: AccountId
    mode: TradingMode
    ts_event: datetime
    ts_recorded: datetime


class Desk:
    """What one account is doing.

    Attributes:
        section: The account's one serial section: sizing, risk, reservation and the commit of
            intents happen inside it. Requests to the venue and to strategies do not.
        loaded: What the host learned of each run it has loaded.
        newest: The newest bar of each series that the strategies have.
        orders: Those that have not ended, by id, oldest first; and the last that have.
        curve, drawdown: Equity at the stored marks, and how far it is below its peak.
        blocked: Instruments in which entries wait, with the reason.
        barred: Why the venue takes no order of this account; "" while it does.
        activity: What is under way between us and the venue.
        outside: What is held beside our books, and the differences that stand.
        doubts_told: Orders of whose doubt people have been told, and not yet of its end.
        day_mark: Equity at the last day cut, or at the opening; today's P&L starts from it.
        halted_outside: Set by the kill thread before the loop hears of it.
        failure: Why nothing can be stored any more; memory may be ahead of the store.
        on_failure: Called soon after that, whoever's commit it was: a job's, a command's.
    """

    def __init__(
        self,
        account: Account,
        instruments: Mapping[InstrumentId, Instrument],
        *,
        venue: Venue,
        storage: UnitOfWorkFactory,
        bus: MessageBus,
        host: StrategyHost,
        clock: Clock,
        wall: WallClock,
        settings: DeskSettings | None = None,
    ) -> None:
        self.account = account
        self.instruments = instruments
        self.venue = venue
        self.storage = storage
        self.bus = bus
        self.host = host
        self.clock = clock
        self.wall = wall
        self.settings = settings or DeskSettings()
        self.section = asyncio.Lock()
        self.ledger = Ledger(account, instruments)
        self.orders = Blotter(self.settings.keep_recent_orders)
        self.runs: dict[RunId, Run] = {}
        self.loaded: dict[RunId, LoadedRun] = {}
        self.plans: dict[PlanKey, ExitPlanState] = {}
        self.marks: dict[InstrumentId, Mark] = {}
        self.newest: dict[tuple[InstrumentId, Timeframe], Bar] = {}
        self.rates = RateBook(account.reporting, instruments, self.marks)
        self.latch: Latch | None = None
        self.blocked: dict[InstrumentId, str] = {}
        self.barred = ""
        self.activity = Activity()
        self.outside = Outside()
        self.doubts_told: set[ClientOrderId] = set()
        self.halted_outside = False
        self.failure: StorageError | None = None
        self.on_failure: Callable[[], object] | None = None
        self.curve: deque[EquityPoint] = deque(maxlen=self.settings.keep_equity_points)
        self.drawdown = DrawdownTracker()
        self.unprotected_seconds = ZERO
        self.day_mark: EquityMark | None = None

    # --- what is allowed ---------------------------------------------------------------------

    @property
    def trading_state(self) -> TradingState:
        if self.halted_outside:
            return TradingState.HALTED
        return TradingState.ACTIVE if self.latch is None else self.latch.state

    def header(self) -> Header:
        return Header(
            account_id=self.account.id,
            mode=self.account.mode,
            trading_state=self.trading_state,
            as_of=self.clock.now(),
            reporting=self.account.reporting,
            time_zone=self.account.time_zone,
            note=self.settings.note,
        )

    # --- looking things up -------------------------------------------------------------------

    def run_named(self, name: str) -> Run | None:
        """Return the run of that name, case-insensitively."""
        folded = name.casefold()
        return next((run for run in self.runs.values() if run.name.casefold() == folded), None)

    def book_name(self, book_id: BookId) -> str:
        """Return what people call a book: its run's name, "manual", "unmanaged"."""
        run = self.runs.get(RunId(book_id))
        return book_id if run is None else run.name

    def position(self, book_id: BookId, instrument_id: InstrumentId) -> Position:
        return self.ledger.position(book_id, instrument_id)

    def managed_positions(self) -> tuple[Position, ...]:
        """Return open positions that we may close: every book but `unmanaged` and dust."""
        managed = {MANUAL_BOOK, *(run.book_id for run in self.runs.values())}
        return tuple(p for p in self.ledger.positions() if p.book_id in managed)

    def orders_of(self, book_id: BookId, instrument_id: InstrumentId) -> Iterator[Order]:
        return self.orders.of(book_id, instrument_id)

    def group(self, book_id: BookId, instrument_id: InstrumentId) -> OrderGroupId | None:
        """Return the exits' group of an open position with a plan, None where there is none."""
        for key, plan in self.plans.items():
            if key[:2] == (book_id, instrument_id):
                return group_of(plan)
        return None

    def protective_orders(self, key: PlanKey) -> tuple[Order, ...]:
        book_id, instrument_id, side = key
        return tuple(
            order
            for order in self.orders_of(book_id, instrument_id)
            if order.purpose.protects and order.position_side is side
        )

    def find_order(self, client_order_id: ClientOrderId) -> Order | None:
        """Return an order that is open or ended lately."""
        return self.orders.find(client_order_id)

    # --- prices and value --------------------------------------------------------------------

    def price(self, instrument_id: InstrumentId) -> Decimal | None:
        mark = self.marks.get(instrument_id)
        return None if mark is None else mark.price

    def rate(self, instrument: Instrument) -> Decimal | None:
        """Return reporting units per unit of the instrument's settlement asset."""
        if instrument.settlement == self.account.reporting:
            return ONE
        return self.rates.rate(instrument.settlement)

    def rates_of(self, *assets: AssetId) -> Mapping[AssetId, Decimal]:
        """Return reporting units per unit of each asset that has a price; 1 for the reporting."""
        found: dict[AssetId, Decimal] = {}
        for asset in assets:
            rate = self.rates.rate(asset)
            if rate is not None:
                found[asset] = rate
        return found

    def valuation(self) -> Valuation:
        return value_account(
            self.ledger,
            self.marks,
            now=self.clock.now(),
            max_age=self.settings.max_price_age,
            rates=self.rates,
        )

    def equity(self) -> Decimal | None:
        """Return the equity of `valuation`, without the rest of it."""
        return account_equity(
            self.ledger,
            self.marks,
            now=self.clock.now(),
            max_age=self.settings.max_price_age,
            rates=self.rates,
        )

    # --- changing ----------------------------------------------------------------------------

    def fact(self, *parts: str) -> Fact:
        """Return the head of an event; the same parts told twice are stored once."""
        return Fact(
            event_id=EventId(digest_id("ev", self.account.id, *parts)),
            account_id=self.account.id,
            mode=self.account.mode,
            ts_event=self.clock.now(),
            ts_recorded=self.wall.now(),
        )

    async def commit(self, changes: Changes, meanwhile: Callable[[], None] | None = None) -> None:
        """Store the changes in one transaction, apply them, and wake the listeners.

        Args:
            meanwhile: As in `UnitOfWork.commit`.

        Raises:
            StorageError: Nothing was stored; the engine stops (memory may be ahead of it).
        """
        if not changes:
            return
        if self.failure is not None:
            raise self.failure
        try:
            await self._store(changes, meanwhile)
        except StorageError as exc:
            self.failure = exc
            asyncio.get_running_loop().call_soon(self._tell_failure)
            raise
        self.apply(changes)
        for event in changes.events:
            await self.bus.publish(event)

    def _tell_failure(self) -> None:
        if self.on_failure is not None:
            self.on_failure()

    async def _store(self, changes: Changes, meanwhile: Callable[[], None] | None) -> None:
        async with self.storage() as uow:
            for order in changes.orders.values():
                await uow.orders.save(order)
            for entry in changes.entries:
                await uow.entries.add(entry)
            for run in changes.runs.values():
                await uow.runs.save(run)
            for key, plan in changes.plans.items():
                if plan is None:
                    await uow.exit_plans.delete(self.account.id, *key)
                else:
                    await uow.exit_plans.save(plan)
            for difference in changes.differences:
                await uow.differences.save(difference)
            if changes.reconciliation is not None:
                await uow.reconciliations.save(changes.reconciliation)
            for event in changes.events:
                await uow.events.add(event)
            await uow.commit(meanwhile)

    def note_newest(self, bar: Bar) -> bool:
        """Note a bar that the strategies have; False where a newer one, or the same, is known."""
        series = (bar.instrument_id, bar.timeframe)
        known = self.newest.get(series)
        if known is not None and bar.timestamp <= known.timestamp:
            return False
        self.newest[series] = bar
        return True

    def note_equity(self, mark: EquityMark) -> None:
        """Take a stored mark into the curve; an incomplete one is a gap in it."""
        if mark.equity is not None:
            point = EquityPoint(time=mark.time, equity=mark.equity, flows=mark.flows)
            self.curve.append(point)
            self.drawdown.add(point)

    def apply(self, changes: Changes) -> None:
        """Bring memory in line with what is stored. The ledger was booked when it was folded."""
        for order in changes.orders.values():
            self.orders.put(order)
        self.runs.update(changes.runs)
        for entry in changes.entries:
            self.outside.count(entry)
        for difference in changes.differences:
            self.outside.put(difference)
        if changes.reconciliation is not None:
            self.outside.mark = changes.reconciliation
        for key, plan in changes.plans.items():
            if plan is None:
                self.plans.pop(key, None)
            else:
                self.plans[key] = plan
