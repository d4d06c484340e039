"""A slot: some runs, and the worker process that decides them now, replaced when it fails."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from engine.bars import Bars
from engine.domain.adjustments import PositionState
from engine.domain.bars import Bar
from engine.domain.ids import RunId
from engine.errors import StrategyError
from engine.ports import Evaluation, LoadedRun, RunSpec
from engine.strategies.evaluator import window_keys, window_of
from engine.strategies.nursery import hung_on_load
from engine.strategies.process import WorkerGone, WorkerProcess
from engine.strategies.registry import StrategySource
from engine.strategies.windows import Key, Windows
from engine.strategies.wire import Answered, Columns, Evaluate, Feed, Load, Loaded, Unload

_TRIES = 3  # workers for one evaluation that end before they decide anything
_BACKLOG = 20_000  # bars not sent yet, above which the windows are sent whole instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds.

    Attributes:
        evaluate: That one run may take for one bar close.
        load: That importing and preparing one strategy, or starting a worker, may take.
    """

    evaluate: float = 2.0
    load: float = 30.0


@dataclass(frozen=True, slots=True)
class _Placed:
    """A run that was loaded once: what is needed to load it again."""

    spec: RunSpec
    source: StrategySource
    info: LoadedRun


class _Lost(Exception):
    """A worker that decides nothing any more; `str()` is for the run at work, 0 for none."""

    def __init__(self, at_work: int, failure: str, message: str) -> None:
        super().__init__(message)
        self.at_work = at_work
        self.failure = failure


class Slot:
    """Keeps a worker process supplied with its runs and their bars.

    Runs that have answered before are decided first, so that a new run that hangs delays the
    fewest others. `windows` is the host's copy of all bars: a replacement is filled from it.
    """

    def __init__(
        self,
        windows: Windows,
        limits: Limits,
        log: logging.Logger,
        spare: Callable[[], Awaitable[WorkerProcess]],
    ) -> None:
        """`spare` returns a worker process that is ready and holds no runs."""
        self._windows = windows
        self._limits = limits
        self._log = log
        self._spare = spare
        self._lock = asyncio.Lock()
        self._process: WorkerProcess | None = None
        self._in_step = False  # False during an exchange, and for good when one was cut off
        self._runs: dict[RunId, _Placed] = {}
        self._keys: set[Key] = set()
        self._proven: set[RunId] = set()
        self._backlog: list[Bar] = []
        self._is_stale = False

    @property
    def weight(self) -> int:
        """How much there is to decide: runs times instruments."""
        return sum(len(placed.spec.instrument_ids) for placed in self._runs.values())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def holds(self, run_id: RunId) -> bool:
        return run_id in self._runs

    async def load(self, spec: RunSpec, source: StrategySource) -> LoadedRun:
        """Load a run and give it the bars there are.

        Raises:
            StrategyError: It is refused, or does not load in time; the other runs go on.
        """
        async with self._lock:
            self._forget(spec.run_id)
            worker = await self._worker()
            try:
                info = await self._loaded(worker, spec, source)
            except (WorkerGone, TimeoutError) as error:
                await self._drop_worker()
                raise StrategyError(hung_on_load(source, error, self._limits.load)) from error
            self._runs[spec.run_id] = _Placed(spec, source, info)
            self._keys.update(window_keys(spec, info))
            self._windows.keep(window_keys(spec, info), window_of(info.warmup_bars))
            worker.send(Feed(self._history(window_keys(spec, info))))
            return info

    async def unload(self, run_id: RunId) -> None:
        async with self._lock:
            self._forget(run_id)
            if self._process is not None and self._in_step:
                self._process.send(Unload(run_id))

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Send history of what its runs look at."""
        async with self._lock:
            wanted = [bar for bar in bars if (bar.instrument_id, bar.timeframe) in self._keys]
            if wanted and self._process is not None and self._in_step:
                self._process.send(Feed(tuple(Columns.of(item) for item in wanted)))

    def note(self, bars: Iterable[Bar]) -> None:
        """Keep bars that closed while none of its runs is decided, for the next time."""
        self._backlog += self._looked_at(bars)
        if len(self._backlog) > _BACKLOG:
            self._backlog.clear()
            self._is_stale = True

    async def evaluate(
        self, run_ids: Sequence[RunId], bars: Sequence[Bar], positions: Sequence[PositionState]
    ) -> dict[RunId, Evaluation]:
        """Decide the runs, whatever some of them do to their worker; one answer for each."""
        async with self._lock:
            answers: dict[RunId, Evaluation] = {}
            waiting = sorted(run_ids, key=lambda run_id: run_id not in self._proven)
            in_vain = 0
            while waiting and in_vain < _TRIES:
                try:
                    worker = await self._worker()
                except StrategyError as error:
                    return answers | {run_id: _failed(run_id, str(error)) for run_id in waiting}
                loaded = [run_id for run_id in waiting if run_id in self._runs]
                answers |= {
                    run_id: _failed(run_id, "it could not be loaded again: start it again")
                    for run_id in waiting
                    if run_id not in self._runs
                }
                decided = await self._decided(worker, loaded, bars, positions)
                in_vain = 0 if decided else in_vain + 1
                answers |= decided
                waiting = [run_id for run_id in loaded if run_id not in answers]
            message = "its workers ended before they decided anything: start it again"
            return answers | {run_id: _failed(run_id, message) for run_id in waiting}

    async def close(self) -> None:
        async with self._lock:
            self._runs.clear()
            await self._drop_worker()

    # --- with the lock held ---

    async def _decided(
        self,
        worker: WorkerProcess,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState],
    ) -> dict[RunId, Evaluation]:
        """Ask for all; return the answers, the last of them a failure when the worker is lost.

        None at all when it was lost before it began: to be tried again with another.
        """
        answers: dict[RunId, Evaluation] = {}
        asked = set(run_ids)
        request = Evaluate(
            run_ids=tuple(run_ids),
            bars=tuple(self._looked_at(bars)),
            earlier=tuple(self._backlog),
            positions=tuple(state for state in positions if state.run_id in asked),
            asked_at=time.perf_counter(),
        )
        self._backlog.clear()
        with self._exchange():
            worker.send(request)
            try:
                await self._collect(worker, run_ids, answers)
            except _Lost as lost:
                await self._drop_worker()
                at_work = dict(enumerate(run_ids, start=1)).get(lost.at_work)
                if at_work is not None and at_work not in answers:
                    answers[at_work] = self._given_up(at_work, lost)
                else:
                    self._log.warning("a strategy worker was lost while idle; it is replaced")
        return answers

    async def _collect(
        self, worker: WorkerProcess, run_ids: Sequence[RunId], answers: dict[RunId, Evaluation]
    ) -> None:
        """Put answers into `answers` as they come, until every run has one.

        Raises:
            _Lost: The worker ended, or the run at work is over its time.
        """
        received = 0
        while not received or len(answers) < len(run_ids):
            try:
                reply = await worker.expect(Answered, self._limits.evaluate)
            except TimeoutError:
                progress = worker.progress
                if progress.told > received:
                    continue  # it answered as the time ran out: another run is at work now
                raise _Lost(progress.at_work, "timed out", self._too_slow()) from None
            except WorkerGone as error:
                raise _Lost(worker.progress.at_work, "worker died", _died(error)) from error
            received += 1
            answers |= zip(run_ids[len(answers) :], reply.evaluations, strict=False)
            self._proven.update(answers)

    def _given_up(self, run_id: RunId, lost: _Lost) -> Evaluation:
        self._log.warning("strategy run %s: %s; its worker is replaced", run_id, lost.failure)
        self._forget(run_id)
        return Evaluation(run_id=run_id, failure=lost.failure, message=str(lost))

    def _too_slow(self) -> str:
        return (
            f"it did not answer within {self._limits.evaluate:g} s and was unloaded; "
            "start the run again once its code is quicker"
        )

    async def _worker(self) -> WorkerProcess:
        """Return the worker in step, or a new one with the runs and their bars.

        Raises:
            StrategyError: No process can be started.
        """
        worker = self._process
        if worker is not None and self._in_step and not worker.has_ended:
            if self._is_stale:
                worker.send(Feed(self._history(self._keys)))
                self._is_stale = False
            return worker
        await self._drop_worker()
        while (worker := self._process) is None:
            self._process = await self._spare()
            await self._refill(self._process)
        return worker

    async def _refill(self, worker: WorkerProcess) -> None:
        """Load every run again; one that fails at it is forgotten, and so is a lost worker."""
        for placed in self._runs.values():
            worker.send(Load.of(placed.source, placed.spec))
        for run_id, placed in tuple(self._runs.items()):
            try:
                info = _info(await worker.expect(Loaded, self._limits.load))
                if info.code_hash != placed.info.code_hash:
                    raise StrategyError("its file has changed since it was started")
            except StrategyError as error:
                self._log.warning("strategy run %s is not loaded again: %s", run_id, error)
                self._forget(run_id)
            except (WorkerGone, TimeoutError):
                self._log.warning("strategy run %s lost its worker at loading again", run_id)
                self._forget(run_id)
                await self._drop_worker()
                return
        worker.send(Feed(self._history(self._keys)))
        self._backlog.clear()
        self._is_stale = False
        self._in_step = True

    async def _loaded(
        self, worker: WorkerProcess, spec: RunSpec, source: StrategySource
    ) -> LoadedRun:
        with self._exchange():
            worker.send(Load.of(source, spec))
            reply = await worker.expect(Loaded, self._limits.load)
        return _info(reply)

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Mark request and reply: cut off between them, the worker can't be used any more."""
        self._in_step = False
        yield
        self._in_step = self._process is not None

    def _looked_at(self, bars: Iterable[Bar]) -> list[Bar]:
        return [bar for bar in bars if (bar.instrument_id, bar.timeframe) in self._keys]

    def _history(self, keys: Iterable[Key]) -> tuple[Columns, ...]:
        windows = (self._windows.get(key) for key in keys)
        return tuple(
            Columns.of(window.bars(window.keep)) for window in windows if window is not None
        )

    def _forget(self, run_id: RunId) -> None:
        self._runs.pop(run_id, None)
        self._proven.discard(run_id)
        wanted = (window_keys(placed.spec, placed.info) for placed in self._runs.values())
        self._keys = {key for keys in wanted for key in keys}

    async def _drop_worker(self) -> None:
        process, self._process = self._process, None
        self._in_step = False
        if process is not None:
            await process.kill()


def _info(reply: Loaded) -> LoadedRun:
    if reply.info is None:
        raise StrategyError(reply.refused)
    return reply.info


def _died(error: WorkerGone) -> str:
    return f"its worker process was lost while it was deciding ({error}); start it again"


def _failed(run_id: RunId, message: str) -> Evaluation:
    return Evaluation(run_id=run_id, failure="worker died", message=message)
