"""A backtest: the engine that trades, at full speed, in memory, over one recorded series."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from config.settings import ReplaySettings, RunSettings, Settings
from engine.bars import Bars, Float64, to_ms
from engine.bus.inprocess import InProcessBus
from engine.desk.state import Desk
from engine.domain.accounts import TradingMode
from engine.domain.booking import fill_entry
from engine.domain.entries import LedgerAccount, LedgerEntry
from engine.domain.ids import TradeId, VenueOrderId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import exact, quantize
from engine.domain.orders import Fill, OrderPurpose, OrderSide
from engine.domain.runs import ParamValue
from engine.domain.trades import RoundTrip
from engine.errors import ConfigError, StrategyError
from engine.schedule.live import SystemWallClock
from engine.schedule.simulated import SimulatedClock, SimulatedScheduler
from engine.service import EngineService, ServiceSettings
from engine.storage.memory import MemoryStorage
from engine.strategies.loader import Loader
from engine.strategies.params import params_of
from engine.strategies.precomputed import PrecomputedHost
from engine.strategies.registry import Registry
from outcry.trading import BEFORE_ALL_DATA, Parts, build_engine, replay_market, runs_of
from outcry.version import version

END_OF_DATA = "end_of_data"
_LAST = 1_000_000_000  # after every fill of the same instant
_PROGRESS_SECONDS = 0.1
_NOTHING = 1e-12
_FEES = LedgerAccount.FEES
_PROTECTIVE = (OrderPurpose.STOP, OrderPurpose.TAKE_PROFIT)
_ALL_TIME = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_NEVER_SECONDS = 1_000_000_000  # equity is computed afterwards, from the fills

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried.

    Attributes:
        cash: Begun with, all of it the run's capital; reporting currency.
        fee: Fraction per side; None takes the settings'.
        settings: Limits, instruments, slippage and exit plans; None for none of them.
    """

    strategy: str
    params: Mapping[str, ParamValue]
    bars: Bars
    cash: Decimal
    fee: Decimal | None
    settings: Settings | None
    custom: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it.

    Attributes:
        params: All of them, defaults included.
        equity: float64[bars + 1]: the cash at first, then at each close.
        in_market: Fraction of bars at whose close a position was open.
        elapsed_s: The run alone, without reading files.
    """

    params: Mapping[str, ParamValue]
    trades: Sequence[RoundTrip]
    final_equity: Decimal
    equity: Float64
    in_market: float
    fees: Decimal
    denied: int
    elapsed_s: float


async def backtest(plan: Plan, progress: Progress | None = None) -> Result:
    """Run it.

    Args:
        progress: Told how many bars are done, a few times a second.

    Raises:
        StrategyError: The strategy can't be loaded, or fails over these bars.
        ConfigError: The instrument can't be backtested.
    """
    settings = settings_of(plan)
    params = _resolved(plan)
    engine = _built(plan, settings)
    desk = engine.desk
    began = time.perf_counter()
    await _run(engine, progress)
    if reasons := [run.paused_reason for run in desk.runs.values() if run.paused_reason]:
        raise StrategyError(f"{plan.strategy} failed on these bars, no result: {reasons[0]}")
    closing = _close_what_is_open(desk, plan.bars, settings.replay.fees.taker)
    elapsed = time.perf_counter() - began
    async with desk.storage() as uow:
        entries = (*await uow.entries.all(desk.account.id), *closing)
        denied = await uow.events.of_types(desk.account.id, ("OrderDenied",), *_ALL_TIME)
    equity, in_market = _curve(plan, entries)
    return Result(
        params=params,
        trades=tuple(desk.ledger.trades()),
        final_equity=desk.ledger.cash()[desk.account.reporting],
        equity=equity,
        in_market=in_market,
        fees=desk.ledger.totals().fees,
        denied=len(denied),
        elapsed_s=elapsed,
    )


def settings_of(plan: Plan) -> Settings:
    """Return the settings that the run is made with: the given ones, or none of their limits."""
    given = plan.settings or Settings(
        replay=ReplaySettings.model_validate({"fees": {"maker": 0, "taker": 0}, "slippage": 0})
    )
    fees = given.replay.fees
    if plan.fee is not None:
        fees = fees.model_copy(update={"maker": plan.fee, "taker": plan.fee})
    reporting = given.account.reporting
    symbol = str(plan.bars.instrument_id)
    account = {"mode": TradingMode.BACKTEST, "opening_cash": {reporting: plan.cash}}
    replay = {"fees": fees, "data": (), "start_after": 0, "rebase": False, "speed": "max"}
    plans = [run.exit_plan for run in given.runs if run.strategy == plan.strategy]
    run = RunSettings(
        name=plan.strategy[:24],
        strategy=plan.strategy,
        params=dict(plan.params),
        symbols=(symbol,),
        timeframe=str(plan.bars.timeframe),
        capital=plan.cash,
        exit_plan=plans[0] if len(plans) == 1 else None,
        start=True,
    )
    return given.model_copy(
        update={
            "account": given.account.model_copy(update=account),
            "replay": given.replay.model_copy(update=replay),
            "runs": (run,),
        }
    )


def _resolved(plan: Plan) -> dict[str, ParamValue]:
    """Check the strategy and its parameters; return all of them, defaults included."""
    code = Loader().load(Registry(plan.custom).find(plan.strategy))
    strategy = code.build(plan.params, plan.bars.timeframe)
    return {name: getattr(strategy, name) for name in params_of(type(strategy))}


def _built(plan: Plan, settings: Settings) -> EngineService:
    wall, clock = SystemWallClock(), SimulatedClock(BEFORE_ALL_DATA)
    market = replay_market(settings, clock=clock, wall=wall, store=None, series=[plan.bars])
    instrument = market.instruments[plan.bars.instrument_id]
    if instrument.kind is InstrumentKind.INVERSE or instrument.quote != settings.account.reporting:
        raise ConfigError(
            f"{instrument.id}: a backtest needs an instrument quoted in the reporting currency "
            f"{settings.account.reporting}, and not an inverse one. Change the settings"
        )
    parts = Parts(
        market=market,
        storage=MemoryStorage().unit_of_work,
        bus=InProcessBus(),
        host=PrecomputedHost(Registry(plan.custom), [plan.bars]),
        clock=clock,
        wall=wall,
        market_scheduler=SimulatedScheduler(),
        wall_scheduler=SimulatedScheduler(),
    )
    service = ServiceSettings(
        version=version(),
        pid=os.getpid(),
        mark_every_seconds=_NEVER_SECONDS,
        reports=False,
        stop_at_end=True,
    )
    acts_at_once = [replace(run, wait_for_change=frozenset()) for run in runs_of(settings)]
    return build_engine(settings, parts, service, runs=acts_at_once)


async def _run(engine: EngineService, progress: Progress | None) -> None:
    running = asyncio.create_task(engine.run(), name="backtest")
    try:
        while progress is not None:
            done, _ = await asyncio.wait({running}, timeout=_PROGRESS_SECONDS)
            if done:
                break
            progress(engine.bars_seen)
        await running
    finally:
        running.cancel()  # no effect on one that has ended


def _close_what_is_open(desk: Desk, bars: Bars, fee: Decimal) -> tuple[LedgerEntry, ...]:
    """Sell at the last close what is still held: a trade like the others, and tagged as such."""
    last = bars.bar(-1)
    price, end = last.close, last.end
    entries = []
    for number, position in enumerate(desk.ledger.positions()):
        instrument = desk.instruments[position.instrument_id]
        quantity = abs(position.quantity)
        with exact():
            commission = quantize(instrument.notional(quantity, price) * fee)
        fill = Fill(
            account_id=desk.account.id,
            instrument_id=instrument.id,
            trade_id=TradeId(f"{END_OF_DATA}-{number}"),
            venue_order_id=VenueOrderId(END_OF_DATA),
            client_order_id=None,
            side=OrderSide.SELL if position.quantity > 0 else OrderSide.BUY,
            quantity=quantity,
            price=price,
            commission=commission,
            commission_asset=instrument.settlement,
            ts_event=end,
            sequence=_LAST,
        )
        entry = fill_entry(
            fill,
            book_id=position.book_id,
            instrument=instrument,
            rates=desk.rates_of(instrument.settlement),
            purpose=OrderPurpose.EXIT,
            reason=END_OF_DATA,
        )
        desk.ledger.apply(entry)
        entries.append(entry)
    return tuple(entries)


def _curve(plan: Plan, entries: Sequence[LedgerEntry]) -> tuple[Float64, float]:
    """Return equity at each close, and the share of closes with a position open.

    float64, for metrics alone: equity = cash - what was paid + what is held at the close.
    """
    bars = plan.bars
    count = len(bars)
    cash, held, value = np.zeros(count), np.zeros(count), np.zeros(count)
    for entry in entries:
        if entry.quantity is None or entry.value is None:
            continue
        index = _bar_of(entry, bars)
        fee = sum(float(p.amount) for p in entry.postings if p.ledger_account == _FEES)
        cash[index] -= float(entry.value) + fee
        held[index] += float(entry.quantity)
        value[index] = float(entry.value) / (float(entry.quantity) * float(entry.price or 1))
    multiplier = float(value[np.flatnonzero(value)[0]]) if value.any() else 1.0
    position = np.cumsum(held)
    equity = float(plan.cash) + np.cumsum(cash) + position * bars.close * multiplier
    in_market = float(np.mean(np.abs(position) > _NOTHING))
    return np.concatenate(([float(plan.cash)], equity)), in_market


def _bar_of(entry: LedgerEntry, bars: Bars) -> int:
    """Return the bar that a fill happened in: at an instant between two bars a stop belongs to
    the one that ended, an order from a signal to the one that opens."""
    at = to_ms(entry.ts_event)
    ends = entry.purpose in _PROTECTIVE or entry.reason == END_OF_DATA
    if ends:
        length = bars.timeframe.seconds * 1000
        index = int(np.searchsorted(bars.timestamp + length, at, side="left"))
    else:
        index = int(np.searchsorted(bars.timestamp, at, side="right")) - 1
    return min(max(index, 0), len(bars) - 1)
