"""Settings to the engine's own values: account, runs, limits, fill models, market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from config.settings import ExitPlanSettings, RunSettings, Settings
from engine.bars import Bars
from engine.desk.state import Desk, DeskSettings
from engine.domain.accounts import Account, TradingMode
from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, AssetId, InstrumentId, RunId
from engine.domain.instruments import Instrument
from engine.domain.policies import ExitPlan, TakeProfit
from engine.domain.runs import Run, RunState
from engine.ports import (
    Clock,
    MessageBus,
    Scheduler,
    SettableClock,
    StrategyHost,
    UnitOfWorkFactory,
    Venue,
    WallClock,
)
from engine.risk.limits import RiskLimits, TradingHours
from engine.service import EngineService, ServiceSettings
from engine.venues.bookstore import BookStore
from engine.venues.models import FeeModel, FillModels, LatencyModel, SlippageModel
from engine.venues.replay import ReplayVenue
from outcry.exitplans import PlannedExits
from outcry.market import check_symbols, instruments_of, recorded_bars, replay_note

# Before any recording: the replay moves the clock to its start when it is opened.
BEFORE_ALL_DATA = datetime(1900, 1, 1, tzinfo=UTC)


def account_of(settings: Settings) -> Account:
    given = settings.account
    return Account(
        id=AccountId(given.id),
        venue=settings.venue.exchange or given.mode.value,
        mode=given.mode,
        reporting=AssetId(given.reporting),
        cost_method=given.cost_method,
        time_zone=given.time_zone,
        day_cut=given.day_cut,
        allow_short=given.allow_short,
    )


def run_of(settings: RunSettings, account_id: AccountId) -> Run:
    """Return the configured run; its id follows from its name, so it survives restarts."""
    instrument_ids = tuple(InstrumentId(symbol) for symbol in settings.symbols)
    return Run(
        id=run_id_of(settings.name),
        name=settings.name,
        strategy=settings.strategy,
        params=settings.params,
        account_id=account_id,
        instrument_ids=instrument_ids,
        timeframe=Timeframe.parse(settings.timeframe),
        capital=settings.capital,
        state=RunState.RUNNING if settings.start else RunState.STOPPED,
        wait_for_change=frozenset(instrument_ids),
    )


def run_id_of(name: str) -> RunId:
    """Return a run's id; never the name of a fixed book ("manual")."""
    return RunId(f"run.{name.casefold()}")


def exit_plan_of(settings: ExitPlanSettings) -> ExitPlan:
    return ExitPlan(
        stop=settings.stop,
        take_profits=tuple(
            TakeProfit(distance=rung.distance, fraction=rung.fraction)
            for rung in settings.take_profits
        ),
        trail=settings.trail,
        trail_after=settings.trail_after,
        break_even_after=settings.break_even_after,
        max_bars=settings.max_bars,
    )


def exit_plans_of(runs: Sequence[RunSettings]) -> Mapping[RunId, ExitPlan]:
    return {
        run_id_of(run.name): exit_plan_of(run.exit_plan)
        for run in runs
        if run.exit_plan is not None
    }


def hours_of(text: str) -> TradingHours:
    """Read "09:30-16:00 America/New_York", which the settings have checked."""
    times, _, zone = text.partition(" ")
    start, _, end = times.partition("-")
    return TradingHours(time.fromisoformat(start), time.fromisoformat(end), zone)


def limits_of(settings: Settings) -> RiskLimits:
    risk = settings.risk
    return RiskLimits(
        max_order_value=risk.max_order_value,
        max_position_value=risk.max_position_value,
        max_daily_loss=risk.max_daily_loss,
        daily_loss_warning=risk.daily_loss_warning,
        price_collar=risk.price_collar,
        duplicate_window=settings.duplicate_window,
        trading_hours=None if risk.trading_hours is None else hours_of(risk.trading_hours),
    )


def fill_models_of(settings: Settings) -> FillModels:
    replay = settings.replay
    return FillModels(
        fees=FeeModel(maker=replay.fees.maker, taker=replay.fees.taker),
        slippage=SlippageModel(fraction=replay.slippage, random_fraction=replay.random_slippage),
        latency=LatencyModel(delay=timedelta(milliseconds=replay.latency_ms)),
        volume_share=replay.volume_share,
        leverage=replay.leverage,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The venue, what it lists, and what readers must know of its data."""

    venue: Venue
    instruments: Mapping[InstrumentId, Instrument]
    note: str


def replay_market(
    settings: Settings,
    *,
    clock: SettableClock,
    wall: WallClock,
    store: BookStore | None,
    series: Sequence[Bars] | None = None,
) -> Market:
    """Return the venue that plays the configured data.

    Raises:
        ConfigError: No data, or a run on bars that are not there.
        DataError: A file is malformed.
    """
    replay = settings.replay
    recorded = recorded_bars(settings) if series is None else series
    check_symbols(settings, recorded)
    listed = instruments_of(settings, (bars.instrument_id for bars in recorded))
    opening = {AssetId(name): cash for name, cash in settings.account.opening_cash.items()}
    venue = ReplayVenue(
        account_id=AccountId(settings.account.id),
        instruments=listed,
        series=recorded,
        clock=clock,
        wall=wall,
        opening_balances=opening,
        store=store,
        models=fill_models_of(settings),
        seed=replay.seed,
        speed=None if replay.speed == "max" else replay.speed,
        start_after=replay.start_after,
        rebase=replay.rebase,
    )
    return Market(
        venue=venue,
        instruments={instrument.id: instrument for instrument in listed},
        note=replay_note(settings, recorded, venue.note),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an engine stands on; tests put fakes here."""

    market: Market
    storage: UnitOfWorkFactory
    bus: MessageBus
    host: StrategyHost
    clock: Clock
    wall: WallClock
    market_scheduler: Scheduler
    wall_scheduler: Scheduler


def _fee_estimate(settings: Settings) -> Decimal:
    """Return the taker fee that previews reckon with; an exchange's own is not known in advance."""
    simulated = settings.replay if settings.account.mode is TradingMode.REPLAY else settings.paper
    return simulated.fees.taker


def runs_of(settings: Settings) -> list[Run]:
    return [run_of(run, AccountId(settings.account.id)) for run in settings.runs]


def build_engine(
    settings: Settings,
    parts: Parts,
    service: ServiceSettings,
    *,
    runs: Sequence[Run] | None = None,
) -> EngineService:
    """Put one account's engine together, with the configured runs by default; nothing runs yet."""
    account = account_of(settings)
    desk = Desk(
        account,
        parts.market.instruments,
        venue=parts.market.venue,
        storage=parts.storage,
        bus=parts.bus,
        host=PlannedExits(parts.host, exit_plans_of(settings.runs)),
        clock=parts.clock,
        wall=parts.wall,
        settings=replace(
            DeskSettings(),
            limits=limits_of(settings),
            note=parts.market.note,
            fee_estimate=_fee_estimate(settings),
        ),
    )
    return EngineService(
        desk,
        runs_of(settings) if runs is None else runs,
        market_scheduler=parts.market_scheduler,
        wall_scheduler=parts.wall_scheduler,
        settings=service,
    )
