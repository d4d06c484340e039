"""The nursery: a worker that tries strategies out, and stands by to replace a lost one."""

import asyncio
import logging
from typing import TypeVar

from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.ports import RunSpec
from engine.strategies.listing import broken
from engine.strategies.process import WorkerGone, WorkerProcess
from engine.strategies.registry import StrategySource
from engine.strategies.wire import Describe, Described, Load, Loaded, Request, Source, Unload

R = TypeVar("R")


class Nursery:
    """Imports strategies where one that hangs delays no run."""

    def __init__(self, within: float, log: logging.Logger) -> None:
        """`within`: seconds that a start of the process, or an import, may take."""
        self._within = within
        self._log = log
        self._lock = asyncio.Lock()
        self._idle: WorkerProcess | None = None

    async def try_out(self, source: StrategySource, spec: RunSpec) -> None:
        """Load a run and forget it again.

        Raises:
            StrategyError: It is refused, does not come back, or ends the process.
        """
        reply = await self._ask(Load.of(source, spec), Loaded, source)
        if reply.info is None:
            raise StrategyError(reply.refused)
        if self._idle is not None:
            self._idle.send(Unload(spec.run_id))

    async def describe(self, source: StrategySource) -> StrategyView:
        """Return how a strategy is listed; with its error where it can't be imported."""
        try:
            reply = await self._ask(Describe(Source.of(source)), Described, source)
        except StrategyError as error:
            return broken(source, str(error))
        return reply.view

    async def take(self) -> WorkerProcess:
        """Give away a worker that holds no runs: the one that is idle here, else a new one.

        Raises:
            StrategyError: None can be started.
        """
        worker, self._idle = self._idle, None
        if worker is not None and not worker.has_ended:
            return worker
        if worker is not None:
            await worker.kill()
        return await WorkerProcess.start(self._log, self._within)

    async def close(self) -> None:
        async with self._lock:
            worker, self._idle = self._idle, None
            if worker is not None:
                await worker.kill()

    async def _ask(self, request: Request, reply_type: type[R], source: StrategySource) -> R:
        async with self._lock:
            worker, in_step = await self.take(), False  # nobody else gets it meanwhile
            try:
                worker.send(request)
                reply = await worker.expect(reply_type, self._within)
                in_step = True
            except (WorkerGone, TimeoutError) as error:
                raise StrategyError(hung_on_load(source, error, self._within)) from error
            finally:
                if not in_step:
                    await worker.kill()
            self._idle = worker
            return reply


def hung_on_load(source: StrategySource, error: Exception, within: float) -> str:
    """Say that a strategy did not survive its import."""
    timed_out = isinstance(error, TimeoutError)
    what = f"it did not finish within {within:g} s" if timed_out else f"its process failed: {error}"
    return (
        f"strategy {source.name} can't be loaded: {what}; nothing was started; "
        f"see what {source.path.name} does on import"
    )
