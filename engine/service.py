"""The engine as a running service: the venue's stream and due times in, handlers called."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from engine.desk.figures import Figures
from engine.desk.state import Changes, Desk
from engine.domain.accounts import Latch
from engine.domain.commands import (
    AnswerDifference,
    ClosePosition,
    Flatten,
    HandToManual,
    Kill,
    PauseRuns,
    Rearm,
    Reconcile,
    ResumeRuns,
    StartRuns,
    StopRuns,
)
from engine.domain.events import DataEnded
from engine.domain.orders import OrderPurpose
from engine.domain.records import CatchUp, JobClock
from engine.domain.runs import Run
from engine.handlers.bars import BarCloses
from engine.handlers.cadence import beside_bars
from engine.handlers.catching_up import CatchingUp
from engine.handlers.commands import Audited
from engine.handlers.deadman import DeadMan
from engine.handlers.differences import Answers
from engine.handlers.doubts import Doubts
from engine.handlers.feeds import Feeds
from engine.handlers.fills import Fills
from engine.handlers.flows import Flows
from engine.handlers.halt import Halt
from engine.handlers.housekeeping import Housekeeping
from engine.handlers.jobs import Action, Jobs, JobSpec
from engine.handlers.lanes import Lanes
from engine.handlers.netting import Netting
from engine.handlers.orders import Orders
from engine.handlers.outages import Outages
from engine.handlers.positions import Positions
from engine.handlers.protection import Protection
from engine.handlers.reconciling import Reconciler
from engine.handlers.reporting import Reporting
from engine.handlers.runs import Runs
from engine.handlers.saying import Saying
from engine.handlers.standing import Standing
from engine.handlers.startup import Startup
from engine.handlers.telling import LastingDoubts
from engine.ports import (
    BarsClosed,
    ConnectionChanged,
    FillReported,
    FlowReported,
    OrderReported,
    ReplayEnded,
    Scheduler,
    TimeAdvanced,
    VenueMessage,
)
from engine.queries import Queries

_log = structlog.get_logger(__name__)

_ASK_FOR_GAPS_SECONDS = 5
_DOUBTS = "orders in doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Attributes:
    version: Shown in /version and the first message.
    mark_every_seconds: Market time between equity marks.
    reconcile_every_seconds: Wall time between comparisons with the venue.
    dead_man_seconds: Of the venue's cancel-all-after timer; 0: it is not used.
    reports: Tell the day at its cut (off in backtests).
    stop_at_end: `run` returns when recorded data is used up (backtests), instead of staying up.
    """

    version: str
    pid: int
    mark_every_seconds: int = 900
    reconcile_every_seconds: int = 60
    dead_man_seconds: int = 0
    reports: bool = True
    stop_at_end: bool = False


class EngineService:
    """One account's engine. Give it a desk, the configured runs and its two schedulers.

    `run` recovers first, then trades until cancelled. `ready` is set once it trades; `bars_seen`
    counts closed bars, for progress.
    """

    def __init__(
        self,
        desk: Desk,
        runs: Sequence[Run],
        *,
        market_scheduler: Scheduler,
        wall_scheduler: Scheduler,
        settings: ServiceSettings,
    ) -> None:
        self.desk = desk
        self.ready = asyncio.Event()
        self.bars_seen = 0
        self._templates = runs
        self._settings = settings
        self._market_scheduler = market_scheduler
        self._wall_scheduler = wall_scheduler
        self._orders = Orders(desk, lambda: self._jobs.look_now(_DOUBTS))
        self._dead_man = DeadMan(desk, seconds=settings.dead_man_seconds)
        self._protection = Protection(desk, self._orders, self._dead_man.before_stop)
        netting = Netting(desk, self._protection)
        self._standing = Standing(desk, self._orders, self._protection.exits)
        self._fills = Fills(desk, self._orders, self._protection, netting, self._standing)
        self._flows = Flows(desk, netting)
        self._runs = Runs(desk, self._orders, self._protection)
        self._positions = Positions(desk, self._orders, self._protection.exits)
        self._halt = Halt(desk, self._orders)
        figures = Figures(desk)
        self._reporting = Reporting(desk, figures)
        self._feeds = Feeds(desk, self._protection)
        self._bars = BarCloses(desk, self._orders, self._protection, self._runs, self._feeds)
        self._doubts = Doubts(desk, self._orders, self._protection, self._bars.follow_up)
        catching_up = CatchingUp(desk, self._orders, self._fills, self._flows, self._bars.follow_up)
        self._reconciler = Reconciler(desk, catching_up, self._protection, self._orders.barring)
        self._outages = Outages(desk, lambda: self._reconciler.latest)
        self._answers = Answers(desk, self._orders, netting)
        self._saying = Saying(desk, version=settings.version)
        self._startup = Startup(
            desk, self._orders, self._protection, self._reconciler, self._saying
        )
        self._jobs = Jobs(
            desk,
            {
                JobClock.MARKET: (market_scheduler, desk.clock),
                JobClock.WALL: (wall_scheduler, desk.wall),
            },
            self._job_specs(),
        )
        self.queries = Queries(desk, figures, version=settings.version)
        self._register()

    def _register(self) -> None:
        bus = self.desk.bus
        audited = Audited(self.desk)
        audited.register(bus, StartRuns, self._runs.start)
        audited.register(bus, StopRuns, self._runs.stop)
        audited.register(bus, PauseRuns, self._runs.pause)
        audited.register(bus, ResumeRuns, self._runs.resume)
        audited.register(bus, HandToManual, self._runs.hand_to_manual)
        audited.register(bus, ClosePosition, self._positions.close)
        audited.register(bus, Flatten, self._positions.flatten)
        audited.register(bus, Kill, self._halt.kill, acts_first=True)
        audited.register(bus, Rearm, self._halt.rearm)
        audited.register(bus, Reconcile, self._reconciler.on_command)
        audited.register(bus, AnswerDifference, self._answers.answer)
        self.queries.register(bus)

    def _job_specs(self) -> tuple[JobSpec, ...]:
        account = self.desk.account
        marks = JobSpec(
            key="equity mark",
            clock=JobClock.MARKET,
            cadence=f"every {self._settings.mark_every_seconds}s",
            catch_up=CatchUp.SKIP,
            action=self._reporting.mark,
            durable=False,
        )
        if not self._settings.reports:
            return (marks,)
        report = JobSpec(
            key="daily report",
            clock=JobClock.MARKET,
            cadence=f"daily {account.day_cut} {account.time_zone}",
            catch_up=CatchUp.EACH,
            action=self._reporting.end_of_day,
        )
        heartbeat = JobSpec(
            key="heartbeat",
            clock=JobClock.WALL,
            cadence=beside_bars(10),
            catch_up=CatchUp.SKIP,
            action=self._saying.beat,
            durable=False,
        )
        housekeeping = JobSpec(
            key="housekeeping",
            clock=JobClock.WALL,
            cadence=beside_bars(3600),
            catch_up=CatchUp.ONCE,
            action=Housekeeping(self.desk).tidy,
        )
        return (report, marks, heartbeat, housekeeping, *self._venue_specs(), *self._hours_specs())

    def _venue_specs(self) -> tuple[JobSpec, ...]:
        """What the venue is asked by wall time; stops are watched where that is market time."""
        settings = self._settings
        protection, doubts, lasting = self._protection, self._doubts, LastingDoubts(self.desk)
        reconciler, standing, outages = self._reconciler, self._standing, self._outages
        barring = self._orders.barring
        wanted: list[tuple[str, int, Action, Callable[[], bool] | None]] = [
            (_DOUBTS, 1, doubts.resolve, doubts.has_work),
            ("exits that wait", 1, protection.exits.press, protection.exits.has_waiting),
            ("doubts that last", 1, lasting.tell, lasting.has_work),
            ("reconciliation", settings.reconcile_every_seconds, reconciler.on_timer, None),
            ("reconciliation wanted", 1, reconciler.when_wanted, reconciler.is_wanted),
        ]
        if not self.desk.venue.capabilities.replayed:
            wanted.append(("watch", 1, self._watch, self._has_to_watch))
            wanted.append(("standing targets", 1, standing.watch, standing.has_work))
            wanted.append(("outages", 1, outages.watch, outages.has_work))
            wanted.append(("refused key", 1, barring.watch, barring.has_work))
            wanted.append(("gaps", _ASK_FOR_GAPS_SECONDS, self._feeds.retry, None))
        if settings.dead_man_seconds:
            every = max(settings.dead_man_seconds // 3, 1)
            wanted.append(("dead-man timer", every, self._dead_man.renew, None))
        return tuple(
            JobSpec(
                key=key,
                clock=JobClock.WALL,
                cadence=beside_bars(seconds),
                catch_up=CatchUp.SKIP,
                action=action,
                durable=False,
                has_work=has_work,
            )
            for key, seconds, action, has_work in wanted
        )

    def _hours_specs(self) -> tuple[JobSpec, ...]:
        """Cancel resting entries at the end of the trading hours; a missed end is made up."""
        hours = self.desk.settings.limits.trading_hours
        if hours is None:
            return ()
        return (
            JobSpec(
                key="end of trading hours",
                clock=JobClock.MARKET,
                cadence=f"daily {hours.end:%H:%M} {hours.zone}",
                catch_up=CatchUp.ONCE,
                action=self._bars.end_of_hours,
            ),
        )

    # --- running -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Recover, then trade until cancelled (or the data ends, where settings say so).

        Raises:
            StorageError: The store can't be written: nothing more is sent; start again.
        """
        task = asyncio.current_task()
        self.desk.on_failure = None if task is None else task.cancel
        try:
            await self.recover()
            await self._trade()
        except asyncio.CancelledError:
            if task is not None and self.desk.failure is not None:
                task.uncancel()  # nobody asked for an end: a job or a command could not be stored
                raise self.desk.failure from None
            await asyncio.shield(self._leave())
            raise
        finally:
            self.desk.on_failure = None
            await asyncio.shield(self._close())

    async def recover(self) -> None:
        """Bring the desk in line with store and venue and set the alarms; `run` begins with it."""
        await self._startup.open(self._templates)
        await self._reporting.ensure_day_mark()
        await self._jobs.begin()
        await self._startup.reconcile(
            self._settings.pid, before_fill=self._market_scheduler.fire_due
        )
        self.ready.set()

    async def _trade(self) -> None:
        subscriptions = {
            (instrument_id, run.timeframe)
            for run in self.desk.runs.values()
            for instrument_id in run.instrument_ids
        }
        messages = self.desk.venue.stream(sorted(subscriptions))
        if self.desk.venue.capabilities.replayed:
            await self._play(messages)
        else:
            await self._listen(messages)

    async def _play(self, messages: AsyncIterator[VenueMessage]) -> None:
        """Handle one message after the other: the recorded market waits for each."""
        async for message in messages:
            await self.take(message)
            if self._settings.stop_at_end and type(message) is ReplayEnded:
                return

    async def _listen(self, messages: AsyncIterator[VenueMessage]) -> None:
        """Handle what a live market tells, in lanes: it waits for nobody."""
        async with asyncio.TaskGroup() as group:
            lanes = Lanes(self.take, group)
            async for message in messages:
                lanes.put(message)
            lanes.close()

    async def _leave(self) -> None:
        """Say that the stop is an orderly one; a failure leaves that unsaid."""
        if self.ready.is_set():
            await self._dead_man.disarm()
            if not self._settings.stop_at_end:
                await self._saying.farewell("stopped in order")

    async def _close(self) -> None:
        await self.desk.venue.close()
        await self.desk.host.close()

    async def take(self, message: VenueMessage) -> None:
        """Handle one message of the venue to its end: the replayed market waits for that."""
        if isinstance(message, TimeAdvanced):
            await self._advance(message)
        elif isinstance(message, BarsClosed):
            self.bars_seen += len(message.bars)
            await self._bars.closed(message)
        elif isinstance(message, FillReported):
            await self._fills.book(message.fill)
            await self._watch_stops()
        elif isinstance(message, OrderReported):
            await self._reported(message)
        elif isinstance(message, FlowReported):
            await self._flows.book(message.flow)
        elif isinstance(message, ConnectionChanged):
            await self._connection(message)
        elif isinstance(message, ReplayEnded):
            await self._ended(message)

    async def _advance(self, message: TimeAdvanced) -> None:
        """Run what is due by the new market time before anything else of that instant."""
        due = self._market_scheduler.next_due()
        if due is not None and due <= message.time:
            await self._market_scheduler.fire_due(message.time)
        if self.desk.plans:
            await self._protection.measure()

    def _has_to_watch(self) -> bool:
        return self.ready.is_set() and (self._protection.has_news() or self.desk.orders.any_expires)

    async def _watch(self, due: datetime) -> None:
        """Do by the second what a replayed market's clock does: look at stops, end what is late."""
        if self.ready.is_set():
            await self._watch_stops()
            await self._bars.expire(self.desk.clock.now())

    async def _watch_stops(self) -> None:
        if self.desk.plans and not self.desk.venue.capabilities.replayed:
            await self._protection.measure()

    async def _reported(self, message: OrderReported) -> None:
        """Put back an exit that ended unfilled, take away one too many; follow up a late entry."""
        order = await self._orders.reported(message.report, self._bars.follow_up)
        if order is None or order.purpose is OrderPurpose.ENTRY:
            return
        turned_up = order.client_order_id in self._protection.exits.taken_back
        if not (order.state.is_terminal or turned_up):
            return
        key = (order.book_id, order.instrument_id, order.position_side)
        if turned_up or key in self.desk.plans or self._protection.exits.waits(key):
            await self._protection.restore(key)

    async def _connection(self, message: ConnectionChanged) -> None:
        if not message.connected:
            self._outages.broke(message)
            return
        self._outages.mended()
        await self._reconciler.reconnected()
        await self._outages.watch(self.desk.wall.now())

    async def _ended(self, message: ReplayEnded) -> None:
        if self._settings.stop_at_end:
            return
        event = DataEnded(**self.desk.fact("data ended", str(message.bars)), bars=message.bars)
        await self.desk.commit(Changes(events=[event]))

    async def halted_from_outside(self, latch: Latch) -> None:
        """The kill thread saw the kill file or a latch that another process set."""
        _log.warning("halted from outside", reason=latch.reason)
        await self._halt.halted_from_outside(latch)
