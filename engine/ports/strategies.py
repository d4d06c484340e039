"""Strategy hosts: where strategy code runs."""

from collections.abc import (
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Protocol

from engine.bars import Bars
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import (
    InstrumentId,
    RunId,
)
from engine.domain.policies import Signal
from engine.domain.runs import ParamValue
from engine.domain.views import StrategyView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What a host needs to run one strategy."""

    run_id: RunId
    strategy: str
    params: Mapping[str, ParamValue]
    instrument_ids: tuple[InstrumentId, ...]
    timeframe: Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRun:
    """What the host learned by loading it."""

    warmup_bars: int
    code_hash: str
    higher_timeframes: tuple[Timeframe, ...]
    adjusts: bool = False  # it has an `adjust`, called per bar while a position is open


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One run's answer for one bar close: signals, or why there are none.

    Attributes:
        adjustments: Answers of `adjust`, by instrument; one with a target is acted on instead
            of that instrument's signal.
    """

    run_id: RunId
    signals: tuple[Signal, ...] = ()
    failure: str = ""  # "raised", "timed out", "invalid result", "worker died"; empty: fine
    message: str = ""
    adjustments: tuple[tuple[InstrumentId, Adjustment], ...] = ()


class StrategyHost(Protocol):
    """Runs strategy code where it can do no harm; it holds the bars that strategies see."""

    async def load(self, spec: RunSpec) -> LoadedRun:
        """Load and check a run's strategy and parameters; replaces an earlier load of the id.

        Raises:
            StrategyError: No such strategy, it can't be imported, or a parameter is out of
                bounds; one line that says what to do.
        """
        ...

    async def unload(self, run_id: RunId) -> None: ...

    async def feed(self, bars: Sequence[Bars]) -> None:
        """Give history (warm-up, back-fill) without deciding anything."""
        ...

    async def evaluate(
        self,
        run_ids: Sequence[RunId],
        bars: Sequence[Bar],
        positions: Sequence[PositionState] = (),
    ) -> tuple[Evaluation, ...]:
        """Add the bars that just closed and decide each run once; one answer per run.

        `positions` are the open ones of the runs that adjust (`LoadedRun.adjusts`): `adjust` is
        called for each whose instrument has a bar among `bars`. A signal may be left out where
        the target is that of the bar before: only a change of it is acted on.

        Never raises for what a strategy does; a run that fails or exceeds its deadline has a
        `failure`, and the others are not delayed beyond that deadline.
        """
        ...

    async def strategies(self) -> tuple[StrategyView, ...]:
        """List what can be run: built-ins and the user's, broken files with their error."""
        ...

    async def close(self) -> None: ...
