"""What the composition root adds of its own: exit plans, halts from outside, the gate, the note."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from config.loading import SettingsError, load_settings
from config.settings import Settings
from engine.domain.accounts import Latch, TradingState
from engine.domain.ids import AccountId, InstrumentId, RunId
from engine.domain.policies import ExitPlan, Signal
from engine.domain.runs import RunState
from engine.errors import ConfigError, StorageError
from engine.ports import Evaluation
from outcry.app import OutsideHalts
from outcry.exitplans import PlannedExits
from outcry.modes import check_mode
from outcry.places import database_file, running_pid
from outcry.trading import exit_plans_of, limits_of, run_of
from tests.fakes.clocks import FakeWallClock

ROOT = Path(__file__).parents[3]
SIGNAL = Signal(
    run_id=RunId("run.a"),
    instrument_id=InstrumentId("X"),
    bar_time=datetime(2026, 1, 5, tzinfo=UTC),
    target=Decimal(1),
)
PLAN = ExitPlan(stop=Decimal("0.02"))


class AnsweringHost:
    """Answers every evaluation with the given signals."""

    def __init__(self, *signals: Signal) -> None:
        self._signals = signals

    async def evaluate(
        self, run_ids: object, bars: object, positions: object = ()
    ) -> tuple[Evaluation, ...]:
        return (Evaluation(run_id=RunId("run.a"), signals=self._signals),)


async def planned(signal: Signal, plans: dict[RunId, ExitPlan]) -> ExitPlan | None:
    host = PlannedExits(AnsweringHost(signal), plans)
    (answer,) = await host.evaluate([RunId("run.a")], [])
    return answer.signals[0].exit_plan


async def test_a_configured_exit_plan_joins_signals_without_one() -> None:
    assert await planned(SIGNAL, {RunId("run.a"): PLAN}) == PLAN
    assert await planned(SIGNAL, {RunId("run.b"): PLAN}) is None


async def test_a_plan_that_the_strategy_states_stands() -> None:
    own = ExitPlan(stop=Decimal("0.5"))
    assert await planned(replace(SIGNAL, exit_plan=own), {RunId("run.a"): PLAN}) == own


def demo() -> Settings:
    return load_settings(ROOT / "config" / "demo.yaml", {})


def test_the_demo_has_stops_and_targets_for_every_run() -> None:
    plans = exit_plans_of(demo().runs)
    assert len(plans) == len(demo().runs)
    assert all(plan.wants_stop for plan in plans.values())
    assert limits_of(demo()).max_daily_loss == Decimal("0.03")


def test_a_run_waits_for_the_next_change_and_never_takes_a_fixed_books_name() -> None:
    first = demo().runs[0]
    run = run_of(first.model_copy(update={"name": "manual", "start": True}), AccountId("demo"))
    assert run.state is RunState.RUNNING
    assert run.wait_for_change == frozenset(run.instrument_ids)
    assert run.book_id not in {"manual", "unmanaged", "dust"}


LATCH = Latch(
    account_id=AccountId("demo"),
    state=TradingState.HALTED,
    reason="outside",
    actor="kill file",
    since=datetime(2026, 1, 5, tzinfo=UTC),
)


class HaltableEngine:
    """Takes halts; refuses the first `failures` of them."""

    def __init__(self, failures: int = 0, latch: Latch | None = None) -> None:
        self.wall = FakeWallClock()
        self.desk = SimpleNamespace(halted_outside=False, latch=latch, wall=self.wall)
        self.ready = asyncio.Event()
        self.taken: list[Latch] = []
        self._failures = failures

    async def halted_from_outside(self, latch: Latch) -> None:
        if self._failures:
            self._failures -= 1
            raise StorageError("disk full")
        self.taken.append(latch)


async def test_a_halt_counts_while_the_event_loop_hangs() -> None:
    engine = HaltableEngine()
    halts = OutsideHalts(engine)
    halts.listen()
    thread = threading.Thread(target=halts.heard, args=(LATCH,))
    thread.start()
    thread.join(5)  # this blocks the loop: nothing of it runs until here
    assert engine.desk.halted_outside
    assert engine.taken == []


async def test_a_halt_is_carried_out_once_the_engine_is_ready_and_again_until_stored() -> None:
    engine = HaltableEngine(failures=1)
    halts = OutsideHalts(engine)
    halts.listen()
    halts.heard(LATCH)
    working = asyncio.create_task(halts.run())
    await asyncio.sleep(0)
    assert engine.taken == []
    engine.ready.set()
    await engine.wall.until_sleeping()
    assert engine.taken == []
    await engine.wall.advance(1.0)
    assert engine.taken == [LATCH]
    working.cancel()


async def test_a_halt_that_the_engine_made_itself_is_not_carried_out_again() -> None:
    engine = HaltableEngine(latch=LATCH)
    halts = OutsideHalts(engine)
    halts.listen()
    halts.heard(LATCH)
    engine.ready.set()
    working = asyncio.create_task(halts.run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert engine.taken == []
    working.cancel()


def in_mode(mode: str, **more: str) -> Settings:
    environ = {"OUTCRY_ACCOUNT__MODE": mode, "OUTCRY_VENUE__EXCHANGE": "binance", **more}
    return load_settings(None, environ)


KEYS = {"OUTCRY_VENUE__KEY": "k", "OUTCRY_VENUE__SECRET": "s"}


@pytest.mark.parametrize("mode", ["testnet", "shadow", "live"])
def test_a_mode_with_keys_is_refused_without_them(mode: str) -> None:
    with pytest.raises(ConfigError, match=r"no key for binance\. Nothing was started"):
        check_mode(in_mode(mode), {"OUTCRY_ALLOW_LIVE": "main"})
    check_mode(in_mode(mode, **KEYS), {"OUTCRY_ALLOW_LIVE": "main"})


@pytest.mark.parametrize("allowed", ["", "other", "mainly", "Main"])
def test_live_names_the_variable_that_is_missing(allowed: str) -> None:
    with pytest.raises(ConfigError, match="OUTCRY_ALLOW_LIVE=main"):
        check_mode(in_mode("live", **KEYS), {"OUTCRY_ALLOW_LIVE": allowed})


def test_live_is_allowed_for_several_accounts_by_name() -> None:
    check_mode(in_mode("live", **KEYS), {"OUTCRY_ALLOW_LIVE": "other, main"})


def test_backtest_is_no_mode_of_the_service() -> None:
    settings = load_settings(None, {"OUTCRY_ACCOUNT__MODE": "backtest"})
    with pytest.raises(ConfigError, match="Nothing was started"):
        check_mode(settings, {})


@pytest.mark.parametrize("mode", ["paper", "testnet", "shadow", "live"])
def test_a_mode_that_trades_elsewhere_needs_an_exchange(mode: str) -> None:
    with pytest.raises(SettingsError, match=r"needs venue\.exchange"):
        load_settings(None, {"OUTCRY_ACCOUNT__MODE": mode})


def test_paper_needs_no_key() -> None:
    check_mode(in_mode("paper"), {})


def test_replay_needs_no_permission() -> None:
    check_mode(demo(), {})


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("", "var/outcry.db"),
        ("sqlite+aiosqlite:////srv/a%20b.db", "/srv/a b.db"),
        ("sqlite+aiosqlite:///rel.db", "rel.db"),
    ],
)
def test_the_database_file(url: str, file: str) -> None:
    settings = load_settings(None, {"OUTCRY_STORAGE__URL": url})
    assert database_file(settings) == Path(file)


@pytest.mark.parametrize("url", ["postgresql+asyncpg://h/d", "sqlite+aiosqlite://", "nonsense"])
def test_another_database_is_refused(url: str) -> None:
    settings = load_settings(None, {"OUTCRY_STORAGE__URL": url})
    with pytest.raises(ConfigError, match=r"storage\.url"):
        database_file(settings)


def test_a_stale_pid_file_names_no_service(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    (tmp_path / "service.pid").write_text("not a number")
    assert running_pid(tmp_path) is None
