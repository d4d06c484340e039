"""Runs and their windows in one process: what a worker and the inline host both are inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.bars import Bars, Panel, to_ms
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar
from engine.domain.ids import InstrumentId, RunId
from engine.domain.views import StrategyView
from engine.errors import StrategyError
from engine.ports import Evaluation, LoadedRun, RunSpec
from engine.strategies.alignment import higher_bars
from engine.strategies.answers import Decisions, InvalidResult, checked, checked_adjustment
from engine.strategies.api import Strategy
from engine.strategies.calls import guarded
from engine.strategies.listing import view_of
from engine.strategies.loader import Loader, StrategyCode
from engine.strategies.registry import StrategySource
from engine.strategies.windows import Key, Windows, read_only


@dataclass(frozen=True, slots=True)
class _Run:
    spec: RunSpec
    code: StrategyCode
    strategy: Strategy
    info: LoadedRun


def window_keys(spec: RunSpec, info: LoadedRun) -> tuple[Key, ...]:
    """Return the windows that a run looks at."""
    frames = (spec.timeframe, *info.higher_timeframes)
    return tuple((item, frame) for item in spec.instrument_ids for frame in frames)


def window_of(warmup: int) -> int:
    """Return how many bars a run is shown: its warm-up, and the deciding bar with one before."""
    return warmup + 2


class Evaluator:
    """Decides runs bar by bar from windows of the newest bars."""

    def __init__(self) -> None:
        self._loader = Loader()
        self._runs: dict[RunId, _Run] = {}
        self._windows = Windows()

    def load(self, source: StrategySource, spec: RunSpec) -> LoadedRun:
        """Make a run ready, replacing an earlier one of its id.

        Raises:
            StrategyError: It can't be imported, or a parameter is refused.
        """
        code = self._loader.load(source)
        strategy = code.build(spec.params, spec.timeframe)
        run = _Run(spec, code, strategy, code.describe(strategy))
        self._runs[spec.run_id] = run
        self._windows.keep(window_keys(spec, run.info), window_of(run.info.warmup_bars))
        return run.info

    def unload(self, run_id: RunId) -> None:
        self._runs.pop(run_id, None)
        wanted = (window_keys(run.spec, run.info) for run in self._runs.values())
        self._windows.retain({key for keys in wanted for key in keys})

    def view(self, source: StrategySource) -> StrategyView:
        """Return how a strategy is listed."""
        return view_of(source, self._loader)

    def feed(self, bars: Sequence[Bars]) -> None:
        """Merge history into the windows of the loaded runs; other bars are left aside."""
        self._windows.extend(bars)

    def add(self, bars: Sequence[Bar]) -> None:
        """Add bars that just closed."""
        self._windows.append(bars)

    def evaluate(
        self, run_id: RunId, bars: Sequence[Bar], positions: Sequence[PositionState]
    ) -> Evaluation:
        """Decide one run after `add(bars)`; never raises for what the strategy does."""
        run = self._runs.get(run_id)
        if run is None:
            return Evaluation(run_id=run_id, failure="raised", message="the run is not loaded")
        closed = {
            bar.instrument_id: bar
            for bar in bars
            if bar.timeframe == run.spec.timeframe and bar.instrument_id in run.spec.instrument_ids
        }
        if not closed:
            return Evaluation(run_id=run_id)
        try:
            return guarded(
                lambda: self._decided(run, closed, positions), run.code.source.path.parent
            )
        except StrategyError as error:
            return failed(run_id, error)

    def _decided(
        self, run: _Run, closed: Mapping[InstrumentId, Bar], positions: Sequence[PositionState]
    ) -> Evaluation:
        panel = self._panel(run)
        shown = [item for item, bar in closed.items() if _is_newest(bar, panel.bars.get(item))]
        if not shown:
            return Evaluation(run_id=run.spec.run_id)
        decisions = checked(run.strategy, panel, run.strategy.decide(panel))
        return Evaluation(
            run_id=run.spec.run_id,
            signals=tuple(
                decisions[item].signal(run.spec.run_id, -1) for item in shown if item in decisions
            ),
            adjustments=_adjustments(run, closed, positions, decisions) if run.info.adjusts else (),
        )

    def _panel(self, run: _Run) -> Panel:
        last = window_of(run.info.warmup_bars)
        bars: dict[InstrumentId, Bars] = {}
        higher: dict[Key, Bars] = {}
        for item in run.spec.instrument_ids:
            window = self._windows.get((item, run.spec.timeframe))
            base = window.bars(last) if window is not None else None
            if base is None or not len(base):
                continue
            bars[item] = base
            for frame in run.info.higher_timeframes:
                window = self._windows.get((item, frame))
                given = window.bars(last) if window is not None else None
                higher[item, frame] = read_only(higher_bars(base, given, frame))
        return Panel(run.spec.timeframe, bars, higher)


def failed(run_id: RunId, error: StrategyError) -> Evaluation:
    """Return the answer of a run whose strategy raised or answered nonsense."""
    kind = "invalid result" if isinstance(error, InvalidResult) else "raised"
    return Evaluation(run_id=run_id, failure=kind, message=str(error))


def _is_newest(bar: Bar, bars: Bars | None) -> bool:
    """Tell whether a decision can be as of `bar`: not late, not after a missing one alone."""
    return bars is not None and int(bars.timestamp[-1]) == to_ms(bar.timestamp)


def _adjustments(
    run: _Run,
    closed: Mapping[InstrumentId, Bar],
    positions: Sequence[PositionState],
    decisions: Mapping[InstrumentId, Decisions],
) -> tuple[tuple[InstrumentId, Adjustment], ...]:
    found = []
    for state in positions:
        item = state.instrument_id
        if state.run_id != run.spec.run_id or item not in closed:
            continue
        if item in decisions:
            state = replace(state, columns=decisions[item].columns_at(-1))
        adjustment = checked_adjustment(run.strategy.adjust(state, closed[item]), item)
        if adjustment is not None:
            found.append((item, adjustment))
    return tuple(found)
