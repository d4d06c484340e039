"""A strategy host whose targets follow from the seed and the bar alone, as a pure strategy's do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from engine.bars import Bars
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar
from engine.domain.ids import InstrumentId, RunId
from engine.domain.orders import OrderType
from engine.domain.policies import ExitPlan, OrderPolicy, RepriceRule, Signal, TakeProfit
from engine.domain.views import StrategyView
from engine.ports import Evaluation, LoadedRun, RunSpec
from tests.simulation.draws import Draws, weighted

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How one run trades.

    Attributes:
        hold: Minutes between two changes of mind.
        fails_once_in: Bars between two failures, 0 for never.
    """

    hold: int
    phase: int
    short: bool
    policy: OrderPolicy
    exit_plan: ExitPlan
    fails_once_in: int = 0


def tempered(draw: Random, *, short: bool, may_fail: bool) -> Temper:
    """Draw how a run trades; every run asks for a stop."""
    fails_once_in = draw.choice((0, 0, 0, 700))
    return Temper(
        hold=draw.choice((7, 15, 30, 60, 120)),
        phase=draw.randrange(60),
        short=short,
        policy=_policy(draw),
        exit_plan=_exit_plan(draw),
        fails_once_in=fails_once_in if may_fail else 0,
    )


def _policy(draw: Random) -> OrderPolicy:
    if draw.random() < 0.5:
        return OrderPolicy()
    return OrderPolicy(
        order_type=OrderType.LIMIT,
        offset=Decimal(draw.choice(("0", "0.0005", "0.002"))),
        time_to_live=draw.choice((None, 2 * _MINUTE, 5 * _MINUTE)),
        reprice=draw.choice(tuple(RepriceRule)),
    )


def _exit_plan(draw: Random) -> ExitPlan:
    stop = Decimal(draw.choice(("0.004", "0.01", "0.03")))
    kind = draw.random()
    if kind < 0.4:
        return ExitPlan(stop=stop)
    if kind < 0.6:
        return ExitPlan(stop=stop, trail=stop)
    if kind < 0.8:
        rungs = (
            TakeProfit(distance=stop / 2, fraction=Decimal("0.5")),
            TakeProfit(distance=stop, fraction=Decimal("0.5")),
        )
        return ExitPlan(stop=stop, take_profits=rungs, break_even_after=stop / 2)
    return ExitPlan(stop=stop, max_bars=draw.choice((5, 20, 45)))


class SeededHost:
    """A `StrategyHost`: it forgets everything with the process and says the same again."""

    def __init__(self, draws: Draws, tempers: dict[RunId, Temper], code_hash: str) -> None:
        self._draws = draws
        self._tempers = tempers
        self._code_hash = code_hash
        self._targets: dict[tuple[RunId, InstrumentId, int], Decimal] = {}
        self._specs: dict[RunId, RunSpec] = {}

    async def load(self, spec: RunSpec) -> LoadedRun:
        self._specs[spec.run_id] = spec
        return LoadedRun(warmup_bars=2, code_hash=self._code_hash, higher_timeframes=())

    async def unload(self, run_id: RunId) -> None:
        self._specs.pop(run_id, None)

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Targets follow from the bar's time: history changes nothing."""

    async def evaluate(
        self, run_ids: Sequence[RunId], bars: Sequence[Bar], positions: Sequence[PositionState] = ()
    ) -> tuple[Evaluation, ...]:
        return tuple(self._evaluate(run_id, bars) for run_id in run_ids)

    def _evaluate(self, run_id: RunId, bars: Sequence[Bar]) -> Evaluation:
        temper = self._tempers[run_id]
        if temper.fails_once_in and any(_fails(temper, bar.timestamp) for bar in bars):
            return Evaluation(run_id=run_id, failure="raised", message="as drawn")
        own = self._specs[run_id].instrument_ids
        signals = tuple(
            self._signal(run_id, temper, bar) for bar in bars if bar.instrument_id in own
        )
        return Evaluation(run_id=run_id, signals=signals)

    def _signal(self, run_id: RunId, temper: Temper, bar: Bar) -> Signal:
        slot = (_minute(bar.timestamp) + temper.phase) // temper.hold
        key = (run_id, bar.instrument_id, slot)
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = self._drawn(key, temper)
        return Signal(
            run_id=run_id,
            instrument_id=bar.instrument_id,
            bar_time=bar.timestamp,
            target=target,
            tag="drawn",
            policy=temper.policy,
            exit_plan=temper.exit_plan,
        )

    def _drawn(self, key: tuple[RunId, InstrumentId, int], temper: Temper) -> Decimal:
        choices = [(4.0, Decimal(0)), (4.0, Decimal(1)), (2.0, Decimal("0.5"))]
        if temper.short:
            choices += [(3.0, Decimal("-0.5")), (1.0, Decimal(-1))]
        return weighted(self._draws.fresh("target", *key), choices)

    async def strategies(self) -> tuple[StrategyView, ...]:
        return ()

    async def close(self) -> None:
        """There is no process to end."""


def _fails(temper: Temper, start: datetime) -> bool:
    return (_minute(start) + temper.phase * 7) % temper.fails_once_in == 0


def _minute(start: datetime) -> int:
    return int(start.timestamp()) // 60
