"""`PrecomputedHost`: decides once over all bars, then plays the changes back bar by bar.

For backtests: a `StrategyHost` in this process, without deadline or protection, whose
`evaluate` costs about a microsecond where nothing changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from engine.bars import Bars, Panel, to_ms
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId, RunId
from engine.domain.policies import Signal
from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.ports import Evaluation, LoadedRun, RunSpec
from engine.strategies.alignment import higher_bars
from engine.strategies.answers import Decisions, checked, checked_adjustment
from engine.strategies.api import Strategy
from engine.strategies.calls import guarded
from engine.strategies.evaluator import failed
from engine.strategies.listing import listed
from engine.strategies.loader import Loader, StrategyCode
from engine.strategies.registry import Registry
from engine.strategies.windows import Key, read_only

_NONE: Mapping[datetime, Signal] = {}


@dataclass(frozen=True, slots=True)
class _Run:
    """A run decided over all its bars.

    Attributes:
        changes: By instrument and bar start: the signal of each bar that changes the target.
    """

    spec: RunSpec
    code: StrategyCode
    strategy: Strategy
    decisions: Mapping[InstrumentId, Decisions]
    changes: Mapping[InstrumentId, Mapping[datetime, Signal]]
    quiet: Evaluation = field(compare=False)


class PrecomputedHost:
    """Implements `engine.ports.StrategyHost` over bars known beforehand.

    `evaluate` must be given bars of that data; bars it was not made with signal nothing. Higher
    time frames come from the data as far as it has them and are made from the run's bars beyond.
    """

    def __init__(self, registry: Registry, bars: Sequence[Bars]) -> None:
        """Take all bars that will be played, one `Bars` per instrument and time frame."""
        self._registry = registry
        self._bars: dict[Key, Bars] = {
            (item.instrument_id, item.timeframe): read_only(item) for item in bars
        }
        self._loader = Loader()
        self._runs: dict[RunId, _Run] = {}

    async def load(self, spec: RunSpec) -> LoadedRun:
        """Load the strategy and decide all bars; a decision that fails raises StrategyError."""
        code = self._loader.load(self._registry.find(spec.strategy))
        strategy = code.build(spec.params, spec.timeframe)
        info = code.describe(strategy)
        panel = self._panel(spec, info.higher_timeframes)
        decisions = guarded(
            lambda: checked(strategy, panel, strategy.decide(panel)), code.source.path.parent
        )
        changes = {
            instrument_id: _changes(spec.run_id, decided)
            for instrument_id, decided in decisions.items()
        }
        quiet = Evaluation(run_id=spec.run_id)
        self._runs[spec.run_id] = _Run(spec, code, strategy, decisions, changes, quiet)
        return info

    def _panel(self, spec: RunSpec, higher: Sequence[Timeframe]) -> Panel:
        bars = {}
        for instrument_id in spec.instrument_ids:
            found = self._bars.get((instrument_id, spec.timeframe))
            if found is None or not len(found):
                raise StrategyError(
                    f"run {spec.run_id}: there are no {spec.timeframe} bars of {instrument_id}"
                )
            bars[instrument_id] = found
        frames: dict[Key, Bars] = {}
        for instrument_id, base in bars.items():
            for timeframe in higher:
                given = self._bars.get((instrument_id, timeframe))
                frames[instrument_id, timeframe] = read_only(higher_bars(base, given, timeframe))
        return Panel(spec.timeframe, bars, frames)

    async def unload(self, run_id: RunId) -> None:
        self._runs.pop(run_id, None)

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Do nothing: all bars were given at the start."""

    async def evaluate(
        self,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState] = (),
    ) -> tuple[Evaluation, ...]:
        """Return the signals of the bars that change a target, and what `adjust` answers."""
        answers = []
        for run_id in run_ids:
            run = self._runs.get(run_id)
            if run is None:
                answers.append(_unloaded(run_id))
                continue
            signals = [
                signal
                for bar in bars
                if (signal := run.changes.get(bar.instrument_id, _NONE).get(bar.timestamp))
                and bar.timeframe == run.spec.timeframe
            ]
            answer = replace(run.quiet, signals=tuple(signals)) if signals else run.quiet
            if positions and run.strategy.adjusts():
                answer = _adjusted(run, bars, positions, answer)
            answers.append(answer)
        return tuple(answers)

    async def strategies(self) -> tuple[StrategyView, ...]:
        """List what can be run; the user's files are imported in this process."""
        return listed(self._registry, self._loader)

    async def close(self) -> None:
        self._runs.clear()


def _unloaded(run_id: RunId) -> Evaluation:
    return Evaluation(run_id=run_id, failure="raised", message="the run is not loaded")


def _changes(run_id: RunId, decided: Decisions) -> dict[datetime, Signal]:
    """Return the signals of the bars whose target differs from the last one before."""
    opinions = np.flatnonzero(~np.isnan(decided.target))
    values = decided.target[opinions]
    differs = np.ones(len(opinions), dtype=np.bool_)
    differs[1:] = values[1:] != values[:-1]
    signals = (decided.signal(run_id, int(index)) for index in opinions[differs])
    return {signal.bar_time: signal for signal in signals}


def _adjusted(
    run: _Run, bars: Sequence[Bar], positions: Sequence[PositionState], answer: Evaluation
) -> Evaluation:
    closed = {bar.instrument_id: bar for bar in bars if bar.timeframe == run.spec.timeframe}
    found: list[tuple[InstrumentId, Adjustment]] = []
    try:
        for state in positions:
            bar = closed.get(state.instrument_id)
            if bar is None or state.run_id != run.spec.run_id:
                continue
            adjustment = _adjust(run, state, bar)
            if adjustment is not None:
                found.append((state.instrument_id, adjustment))
    except StrategyError as error:
        return failed(run.spec.run_id, error)
    return replace(answer, adjustments=tuple(found)) if found else answer


def _adjust(run: _Run, state: PositionState, bar: Bar) -> Adjustment | None:
    decided = run.decisions.get(state.instrument_id)
    if decided is not None and decided.columns:
        index = int(np.searchsorted(decided.bars.timestamp, to_ms(bar.timestamp)))
        state = replace(state, columns=decided.columns_at(index))
    return guarded(
        lambda: checked_adjustment(run.strategy.adjust(state, bar), state.instrument_id),
        run.code.source.path.parent,
    )
