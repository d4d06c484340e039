"""`WorkerHost`: strategy code in worker processes, where it can do no harm to the service."""

import asyncio
import logging
from collections.abc import Sequence

from engine.bars import Bars
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar
from engine.domain.ids import RunId
from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.ports import Evaluation, LoadedRun, RunSpec
from engine.strategies.listing import broken
from engine.strategies.nursery import Nursery
from engine.strategies.registry import Registry, StrategySource
from engine.strategies.slot import Limits, Slot
from engine.strategies.windows import Windows

_KEEP = 512  # bars kept of what is fed before a run asks for more


class WorkerHost:
    """Implements `engine.ports.StrategyHost` with worker processes.

    Runs are spread over slots, one process each. One more process, the nursery, tries every
    load and listing first; when a worker is lost it takes its place, its imports already done.
    A run that hangs costs the others of its slot one deadline, once: it is unloaded then.
    """

    def __init__(
        self, registry: Registry, *, workers: int = 2, limits: Limits | None = None
    ) -> None:
        """Start nothing yet: processes start with the first load or listing.

        Args:
            workers: How many processes decide; as many as there are cores is enough.
            limits: What a strategy may take; 2 s per decision by default.
        """
        self._registry = registry
        limits = limits or Limits()
        log = logging.getLogger(__name__)
        self._windows = Windows(default_keep=_KEEP)
        self._nursery = Nursery(limits.load, log)
        self._slots = [Slot(self._windows, limits, log, self._nursery.take) for _ in range(workers)]
        self._views: dict[tuple[str, str], StrategyView] = {}  # by origin and code hash

    async def load(self, spec: RunSpec) -> LoadedRun:
        source = self._registry.find(spec.strategy)
        await self._nursery.try_out(source, spec)
        slot = self._slot_of(spec.run_id) or min(self._slots, key=lambda slot: slot.weight)
        return await slot.load(spec, source)

    async def unload(self, run_id: RunId) -> None:
        slot = self._slot_of(run_id)
        if slot is not None:
            await slot.unload(run_id)

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Keep history for the runs loaded now or later."""
        self._windows.extend(bars)
        for slot in self._slots:
            await slot.feed(bars)

    async def evaluate(
        self,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState] = (),
    ) -> tuple[Evaluation, ...]:
        tasks = []
        async with asyncio.TaskGroup() as group:
            for slot in self._slots:
                mine = [run_id for run_id in run_ids if slot.holds(run_id)]
                if mine:
                    tasks.append(group.create_task(slot.evaluate(mine, bars, positions)))
                else:
                    slot.note(bars)
            if tasks:  # after their first steps: the workers decide while this is done
                asyncio.get_running_loop().call_soon(self._windows.append, bars)
            else:
                self._windows.append(bars)
        answers = {run_id: answer for task in tasks for run_id, answer in task.result().items()}
        return tuple(answers.get(run_id) or _not_loaded(run_id) for run_id in run_ids)

    async def strategies(self) -> tuple[StrategyView, ...]:
        return tuple([await self._view(source) for source in self._registry.sources().values()])

    async def close(self) -> None:
        """End every worker, whatever it is doing."""
        for slot in self._slots:
            await slot.close()
        await self._nursery.close()

    def worker_pids(self) -> tuple[int, ...]:
        """Return the process ids of the workers that decide now, for health and measurement."""
        return tuple(slot.pid for slot in self._slots if slot.pid is not None)

    def _slot_of(self, run_id: RunId) -> Slot | None:
        return next((slot for slot in self._slots if slot.holds(run_id)), None)

    async def _view(self, source: StrategySource) -> StrategyView:
        try:
            key = (source.origin + source.name, source.code_hash())
        except StrategyError as error:
            return broken(source, str(error))
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = await self._nursery.describe(source)
        return view


def _not_loaded(run_id: RunId) -> Evaluation:
    message = "the run is not loaded; it failed before, or was never started: start it again"
    return Evaluation(run_id=run_id, failure="worker died", message=message)
