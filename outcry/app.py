"""The composition root: everything is built here, once, with plain calls, and run."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from config.settings import Settings
from engine.bars import Bars
from engine.bus.inprocess import InProcessBus
from engine.domain.accounts import Latch, TradingMode, TradingState
from engine.domain.ids import AccountId
from engine.errors import OutcryError, StorageError
from engine.ports import Clock, Scheduler, StrategyHost, WallClock
from engine.schedule.live import ApschedulerScheduler, LiveMarketClock, SystemWallClock
from engine.schedule.simulated import SimulatedClock, SimulatedScheduler
from engine.service import EngineService, ServiceSettings
from engine.storage.sql import schema
from engine.storage.sql.lock import AccountLock
from engine.storage.sql.storage import SqlStorage
from engine.strategies.host import WorkerHost
from engine.strategies.registry import Registry
from engine.strategies.slot import Limits
from engine.venues.bookstore import SqliteBookStore
from outcry.edges import Edges, around, build_edges
from outcry.exchange import exchange_market
from outcry.killfile import KILL_FILE
from outcry.killswitch import KillSwitch
from outcry.memory import QuietCollector, settle_memory
from outcry.modes import check_mode
from outcry.places import PID_FILE, REPLAY_BOOKS, database_file, prepare_data_dir
from outcry.running import Restarted, run_app
from outcry.telling import alarm_of, tell_refused_start, told
from outcry.trading import BEFORE_ALL_DATA, Market, Parts, build_engine, replay_market
from outcry.version import version

_log = structlog.get_logger(__name__)

_STORE_AGAIN_SECONDS = 1.0

EdgesOf = Callable[[Settings, EngineService], Edges]


async def serve(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    wall: WallClock | None = None,
    host: StrategyHost | None = None,
    series: Sequence[Bars] | None = None,
    edges_of: EdgesOf | None = None,
    on_ready: Callable[[EngineService], None] | None = None,
    exit_with_stdin: bool = False,
) -> None:
    """Run the service until it is cancelled; SIGTERM and SIGINT cancel it.

    Args:
        wall, host, series, edges_of: Fakes for tests; the real ones by default.
        on_ready: Called once it trades.
        exit_with_stdin: Stop in order when standard input ends: with whoever started us.

    Raises:
        OutcryError: It can't start: one line that says what to do.
        ExceptionGroup: The engine failed while running.
    """
    prepare_data_dir(settings.data_dir)
    database = database_file(settings)
    wall = wall or SystemWallClock()
    async with AsyncExitStack() as stack:
        stack.enter_context(AccountLock(database, AccountId(settings.account.id), clock=wall))
        stack.enter_context(pid_file(settings.data_dir / PID_FILE))
        schema.upgrade(settings.database_url)  # does nothing at head
        storage = await stack.enter_async_context(SqlStorage(settings.database_url))
        scheduler = ApschedulerScheduler()
        bus = InProcessBus()
        try:
            check_mode(settings, environ)
            times = await _times(settings, wall, scheduler, series)
        except OutcryError as exc:
            await tell_refused_start(settings, storage.unit_of_work, bus, wall, str(exc))
            raise
        parts = Parts(
            market=times.market,
            storage=storage.unit_of_work,
            bus=bus,
            host=host or worker_host(settings),
            clock=times.clock,
            wall=wall,
            market_scheduler=times.scheduler,
            wall_scheduler=scheduler,
        )
        engine = build_engine(settings, parts, _service_settings(settings))
        edges = (edges_of or _edges)(settings, engine)
        stack.push_async_callback(edges.charts.close)
        alarm = alarm_of(engine)
        kept = [Restarted(edge, wall=wall, alarm=alarm) for edge in edges.running]
        for edge in kept:
            engine.queries.watch(edge.health)
        halts = OutsideHalts(engine)
        stack.enter_context(_watching(settings, database, wall, halts))
        with cancelled_by_signals(stdin_too=exit_with_stdin):
            await run_app(
                [engine, scheduler, halts, Announcement(engine, on_ready), QuietCollector(wall)],
                kept,
                alarm=alarm,
                drained=lambda: told(storage.unit_of_work, wall),
            )


def _service_settings(settings: Settings) -> ServiceSettings:
    return ServiceSettings(
        version=version(),
        pid=os.getpid(),
        reconcile_every_seconds=settings.venue.reconcile_seconds,
        dead_man_seconds=settings.venue.dead_man_seconds,
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """A market, and what tells and keeps its time."""

    market: Market
    clock: Clock
    scheduler: Scheduler


async def _times(
    settings: Settings, wall: WallClock, live: Scheduler, series: Sequence[Bars] | None
) -> _Times:
    if settings.account.mode is not TradingMode.REPLAY:
        clock = LiveMarketClock(wall)
        return _Times(await exchange_market(settings, clock=clock, wall=wall), clock, live)
    simulated = SimulatedClock(BEFORE_ALL_DATA)
    store = SqliteBookStore(settings.data_dir / REPLAY_BOOKS)
    market = replay_market(settings, clock=simulated, wall=wall, store=store, series=series)
    return _Times(market, simulated, SimulatedScheduler())


def worker_host(settings: Settings) -> WorkerHost:
    given = settings.strategies
    return WorkerHost(
        Registry(given.folder),
        workers=given.workers,
        limits=Limits(evaluate=given.deadline_seconds),
    )


def _edges(settings: Settings, engine: EngineService) -> Edges:
    return build_edges(settings, around(engine.desk), version=version())


@contextmanager
def _watching(
    settings: Settings, database: Path, wall: WallClock, halts: "OutsideHalts"
) -> Iterator[KillSwitch]:
    switch = KillSwitch(
        database=database,
        kill_file=settings.data_dir / KILL_FILE,
        account_id=AccountId(settings.account.id),
        clock=wall,
        on_halt=halts.heard,
    )
    halts.listen()
    switch.start()
    try:
        yield switch
    finally:
        switch.stop()


class OutsideHalts:
    """Brings what the kill thread saw into the event loop: flag at once, the rest in a task."""

    def __init__(self, engine: EngineService) -> None:
        self._engine = engine
        self._heard: asyncio.Queue[Latch] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self) -> None:
        """Remember the running loop; before the thread starts."""
        self._loop = asyncio.get_running_loop()

    def heard(self, latch: Latch) -> None:
        """From any thread: no order leaves after this, whatever the loop is doing."""
        self._engine.desk.halted_outside = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heard.put_nowait, latch)

    async def run(self) -> None:
        await self._engine.ready.wait()
        while True:
            latch = await self._heard.get()
            while not await self._halted(latch):
                await self._engine.desk.wall.sleep(_STORE_AGAIN_SECONDS)

    async def _halted(self, latch: Latch) -> bool:
        known = self._engine.desk.latch
        if known is not None and known.state is TradingState.HALTED:
            return True  # by a command of our own
        try:
            await self._engine.halted_from_outside(latch)
        except StorageError as exc:  # halted in memory already: nothing leaves
            _log.error("halted, and the store refuses to note it; trying again", error=str(exc))
            return False
        return True


class Announcement:
    """Says once that the service is ready; then waits to be cancelled like the others."""

    def __init__(
        self, engine: EngineService, on_ready: Callable[[EngineService], None] | None
    ) -> None:
        self._engine = engine
        self._on_ready = on_ready

    async def run(self) -> None:
        await self._engine.ready.wait()
        desk = self._engine.desk
        settle_memory()
        _log.info("ready", account=desk.account.id, mode=desk.account.mode.value)
        if self._on_ready is not None:
            self._on_ready(self._engine)


@contextmanager
def pid_file(path: Path) -> Iterator[None]:
    """Name this process in a file while it runs: for `outcry doctor` and the crash button."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(f"{os.getpid()}\n")
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def cancelled_by_signals(*, stdin_too: bool = False) -> Iterator[None]:
    """Let SIGTERM (Docker's stop) and SIGINT cancel this task, once: in order, not cut off.

    Such a cancellation ends here; any other goes on to whoever asked for it.

    Args:
        stdin_too: The end of standard input does the same: its writer is gone.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    received: list[str] = []

    def stop(cause: str) -> None:
        if task is not None and not received:
            received.append(cause)
            _log.info("stopping", cause=cause)
            task.cancel()

    def read_stdin() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop("standard input ended")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    if stdin_too:
        loop.add_reader(0, read_stdin)
    try:
        yield
    except asyncio.CancelledError:
        if task is None or not received or task.uncancel() > 0:
            raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if stdin_too:
            loop.remove_reader(0)
