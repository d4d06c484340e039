"""`InlineHost`: the worker's evaluation inside this process, without deadline or protection."""

from collections.abc import Sequence

from engine.bars import Bars
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar
from engine.domain.ids import RunId
from engine.domain.views import StrategyView
from engine.ports import Evaluation, LoadedRun, RunSpec
from engine.strategies.evaluator import Evaluator
from engine.strategies.registry import Registry


class InlineHost:
    """Implements `engine.ports.StrategyHost` bar by bar, as the workers do.

    For tests and checks, where the strategy is trusted: one that spins spins here.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._evaluator = Evaluator()

    async def load(self, spec: RunSpec) -> LoadedRun:
        return self._evaluator.load(self._registry.find(spec.strategy), spec)

    async def unload(self, run_id: RunId) -> None:
        self._evaluator.unload(run_id)

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Give history to the runs loaded so far."""
        self._evaluator.feed(bars)

    async def evaluate(
        self,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState] = (),
    ) -> tuple[Evaluation, ...]:
        self._evaluator.add(bars)
        return tuple(self._evaluator.evaluate(run_id, bars, positions) for run_id in run_ids)

    async def strategies(self) -> tuple[StrategyView, ...]:
        """List what can be run; the user's files are imported in this process."""
        sources = self._registry.sources().values()
        return tuple(self._evaluator.view(source) for source in sources)

    async def close(self) -> None:
        """Hold nothing: there is no process to end."""
