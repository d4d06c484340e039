"""Seeded random walks and a whole engine on them, in this process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from engine.bars import STATE_CODES, Bars
from engine.bus.inprocess import InProcessBus
from engine.desk.state import Desk, DeskSettings
from engine.domain.accounts import Account, TradingMode
from engine.domain.bars import BarState, Timeframe
from engine.domain.ids import AccountId, AssetId, InstrumentId, RunId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.runs import ParamValue, Run, RunState
from engine.ports import StrategyHost, UnitOfWorkFactory, Venue
from engine.schedule.live import SystemWallClock
from engine.schedule.simulated import SimulatedClock, SimulatedScheduler
from engine.service import EngineService, ServiceSettings
from engine.storage.memory import MemoryStorage
from engine.storage.sql import schema
from engine.storage.sql.storage import SqlStorage
from engine.venues.bookstore import BookStore
from engine.venues.replay import ReplayVenue

MINUTE = Timeframe(60)
ACCOUNT = AccountId("bench")
_START_MS = 1_767_225_600_000  # 2026-01-01


def symbol(number: int) -> InstrumentId:
    return InstrumentId(f"S{number:03}/USDT")


def instrument(name: InstrumentId) -> Instrument:
    base, quote = name.split("/")
    return Instrument(
        id=name,
        kind=InstrumentKind.SPOT,
        base=AssetId(base),
        quote=AssetId(quote),
        settlement=AssetId(quote),
        price_increment=Decimal(0),
        quantity_increment=Decimal("1e-8"),
    )


def walk(name: InstrumentId, count: int, seed: int = 1) -> Bars:
    """A geometric walk at about the one-minute volatility of BTC, without volume."""
    random = np.random.default_rng(seed)
    close = np.round(30_000 * np.exp(np.cumsum(random.normal(0, 0.0008, count))), 2)
    opened = np.r_[close[0], close[:-1]]
    return Bars(
        name,
        MINUTE,
        _START_MS + 60_000 * np.arange(count, dtype=np.int64),
        opened,
        np.maximum(opened, close) + 1,
        np.minimum(opened, close) - 1,
        close,
        np.zeros(count),
        np.full(count, STATE_CODES[BarState.FINAL], dtype=np.int8),
    )


def steps(name: InstrumentId, count: int, jump_at: int) -> Bars:
    """Flat bars with one step up: every strategy that looks for a rise signals on that bar."""
    close = np.where(np.arange(count) >= jump_at, 110.0, 100.0)
    opened = np.r_[close[0], close[:-1]]
    return Bars(
        name,
        MINUTE,
        _START_MS + 60_000 * np.arange(count, dtype=np.int64),
        opened,
        np.maximum(opened, close),
        np.minimum(opened, close),
        close,
        np.zeros(count),
        np.full(count, STATE_CODES[BarState.FINAL], dtype=np.int8),
    )


def run_of(
    name: str,
    strategy: str,
    symbols: Sequence[InstrumentId],
    params: dict[str, ParamValue],
    capital: int = 10_000,
) -> Run:
    return Run(
        id=RunId(name),
        name=name,
        strategy=strategy,
        params=params,
        account_id=ACCOUNT,
        instrument_ids=tuple(symbols),
        timeframe=MINUTE,
        capital=Decimal(capital),
        state=RunState.RUNNING,
        wait_for_change=frozenset(symbols),
    )


def replay(series: Sequence[Bars], clock: SimulatedClock, store: BookStore | None) -> ReplayVenue:
    return ReplayVenue(
        account_id=ACCOUNT,
        instruments=[instrument(bars.instrument_id) for bars in series],
        series=series,
        clock=clock,
        wall=SystemWallClock(),
        opening_balances={AssetId("USDT"): Decimal(100_000_000)},
        store=store,
    )


def engine_on(
    venue: Venue,
    names: Sequence[InstrumentId],
    runs: Sequence[Run],
    host: StrategyHost,
    clock: SimulatedClock,
    storage: UnitOfWorkFactory | None = None,
    *,
    reports: bool = False,
    mark_every_seconds: int = 3600,
) -> EngineService:
    """Put an engine together as the composition root does, to be run until the data ends."""
    desk = Desk(
        Account(id=ACCOUNT, venue="replay", mode=TradingMode.BACKTEST, reporting=AssetId("USDT")),
        {name: instrument(name) for name in names},
        venue=venue,
        storage=storage or MemoryStorage().unit_of_work,
        bus=InProcessBus(),
        host=host,
        clock=clock,
        wall=SystemWallClock(),
        settings=DeskSettings(),
    )
    settings = ServiceSettings(
        version="bench",
        pid=1,
        mark_every_seconds=mark_every_seconds,
        reports=reports,
        stop_at_end=True,
    )
    return EngineService(
        desk,
        runs,
        market_scheduler=SimulatedScheduler(),
        wall_scheduler=SimulatedScheduler(),
        settings=settings,
    )


def fresh_clock() -> SimulatedClock:
    return SimulatedClock(datetime(1970, 1, 1, tzinfo=UTC))


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[UnitOfWorkFactory]:
    """A migrated SQLite database in `folder`, as the service opens it."""
    url = f"sqlite+aiosqlite:///{folder / 'bench.db'}"
    schema.upgrade(url)
    async with SqlStorage(url) as storage:
        yield storage.unit_of_work
