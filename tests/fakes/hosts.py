"""A strategy host that says what a test wrote down."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.bars import Bars
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId, RunId
from engine.domain.policies import DEFAULT_POLICY, ExitPlan, OrderPolicy, Signal
from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.ports import Evaluation, LoadedRun, RunSpec

Target = Decimal | str  # a string is a failure's kind: "raised", "timed out" ...


def crossover(run_id: RunId) -> RunSpec:
    """Return a run of a built-in strategy on hourly bars."""
    return RunSpec(
        run_id=run_id,
        strategy="ema_crossover",
        params={},
        instrument_ids=(InstrumentId("BTC/USDT"),),
        timeframe=Timeframe.parse("1h"),
    )


class ScriptedHost:
    """A `StrategyHost`: `script[run id][bar start]` is the target from that bar on.

    `exit_plan` goes with every signal; `code_hash` can be changed between two lives.
    """

    def __init__(
        self,
        script: Mapping[str, Mapping[datetime, Target]],
        *,
        exit_plan: ExitPlan | None = None,
        policy: OrderPolicy = DEFAULT_POLICY,
        code_hash: str = "hash",
    ) -> None:
        self.script = script
        self.exit_plan = exit_plan
        self.policy = policy
        self.code_hash = code_hash
        self.fed: list[Bars] = []
        self.broken: set[str] = set()
        self.adjustments: Mapping[datetime, Adjustment] = {}
        self._specs: dict[RunId, RunSpec] = {}

    async def load(self, spec: RunSpec) -> LoadedRun:
        if spec.strategy in self.broken:
            raise StrategyError(f"{spec.strategy} can't be imported")
        self._specs[spec.run_id] = spec
        return LoadedRun(
            warmup_bars=1,
            code_hash=self.code_hash,
            higher_timeframes=(),
            adjusts=bool(self.adjustments),
        )

    async def unload(self, run_id: RunId) -> None:
        self._specs.pop(run_id, None)

    async def feed(self, bars: Sequence[Bars]) -> None:
        self.fed += bars

    async def evaluate(
        self, run_ids: Sequence[RunId], bars: Sequence[Bar], positions: Sequence[PositionState] = ()
    ) -> tuple[Evaluation, ...]:
        answers = tuple(self._evaluate(run_id, bars) for run_id in run_ids)
        made = {
            state.run_id: (state.instrument_id, adjustment)
            for state in positions
            for bar in bars
            if (adjustment := self.adjustments.get(bar.timestamp)) is not None
        }
        return tuple(
            replace(answer, adjustments=(made[answer.run_id],)) if answer.run_id in made else answer
            for answer in answers
        )

    def _evaluate(self, run_id: RunId, bars: Sequence[Bar]) -> Evaluation:
        signals = []
        for bar in bars:
            target = self._target(run_id, bar.timestamp)
            if isinstance(target, str):
                return Evaluation(run_id=run_id, failure=target, message="as scripted")
            if target is not None:
                signals.append(self._signal(run_id, bar, target))
        return Evaluation(run_id=run_id, signals=tuple(signals))

    def _target(self, run_id: RunId, at: datetime) -> Target | None:
        known = {time: target for time, target in self.script.get(run_id, {}).items() if time <= at}
        return known[max(known)] if known else None

    def _signal(self, run_id: RunId, bar: Bar, target: Decimal) -> Signal:
        return Signal(
            run_id=run_id,
            instrument_id=bar.instrument_id,
            bar_time=bar.timestamp,
            target=target,
            tag="test",
            policy=self.policy,
            exit_plan=self.exit_plan,
        )

    async def strategies(self) -> tuple[StrategyView, ...]:
        return ()

    async def close(self) -> None:
        self._specs.clear()
