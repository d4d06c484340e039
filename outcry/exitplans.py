"""Exit plans from the settings, for strategies that state none of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.bars import Bars
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar
from engine.domain.ids import RunId
from engine.domain.policies import ExitPlan
from engine.domain.views import StrategyView
from engine.ports import Evaluation, LoadedRun, RunSpec, StrategyHost


class PlannedExits:
    """A `StrategyHost` around another: its signals carry the run's configured exit plan.

    A plan that the strategy itself gives stands. Positions keep the plan they were opened with.
    """

    def __init__(self, host: StrategyHost, plans: Mapping[RunId, ExitPlan]) -> None:
        self._host = host
        self._plans = plans

    async def load(self, spec: RunSpec) -> LoadedRun:
        return await self._host.load(spec)

    async def unload(self, run_id: RunId) -> None:
        await self._host.unload(run_id)

    async def feed(self, bars: Sequence[Bars]) -> None:
        await self._host.feed(bars)

    async def evaluate(
        self,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState] = (),
    ) -> tuple[Evaluation, ...]:
        answers = await self._host.evaluate(run_ids, bars, positions)
        return tuple(map(self._planned, answers)) if self._plans else answers

    def _planned(self, answer: Evaluation) -> Evaluation:
        plan = self._plans.get(answer.run_id)
        if plan is None or not answer.signals:
            return answer
        signals = tuple(
            signal if signal.exit_plan is not None else replace(signal, exit_plan=plan)
            for signal in answer.signals
        )
        return replace(answer, signals=signals)

    async def strategies(self) -> tuple[StrategyView, ...]:
        return await self._host.strategies()

    async def close(self) -> None:
        await self._host.close()
