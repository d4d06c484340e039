"""Two proofs that a strategy decides live as it did in a backtest.

No look-ahead: what it decides of a bar over all bars is what it decides when that bar is the
last. Warm-up: what it decides from its warm-up window is what it decides from four of them.
Both run the strategy in this process: offer them for code that its owner starts by hand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from engine.bars import Bars, Int64, Panel, from_ms
from engine.domain.ids import InstrumentId, RunId
from engine.domain.policies import ExitPlan, Signal
from engine.errors import StrategyError
from engine.strategies.answers import Decisions, checked
from engine.strategies.api import Strategy
from engine.strategies.evaluator import window_of
from engine.strategies.windows import read_only

_NO_RUN = RunId("check")
_TOLERANCE = Decimal("1e-9")  # relative: sums taken in another order are the same number


@dataclass(frozen=True, slots=True)
class Difference:
    """A bar on which the two ways of deciding disagree; `str()` is one line for a person."""

    instrument_id: InstrumentId
    bar_time: datetime
    expected: str
    found: str

    def __str__(self) -> str:
        when = self.bar_time.strftime("%Y-%m-%d %H:%M")
        return f"{self.instrument_id} {when} UTC: {self.expected}, but {self.found}"


def check_no_lookahead(
    strategy: Strategy, panel: Panel, *, most: int = 2_000
) -> tuple[Difference, ...]:
    """Return the bars whose decision depends on later ones; none when all is well.

    Checks every close of the panel, or `most` of them evenly spread.

    Raises:
        StrategyError: The strategy raises, or answers nonsense.
    """
    return tuple(_lookahead(strategy, _read_only(panel), most))


def _lookahead(strategy: Strategy, panel: Panel, most: int) -> Iterator[Difference]:
    over_all = _decide(strategy, panel)
    for close in _spread(_closes(panel), most):
        so_far = _cut(panel, int(close))
        for instrument_id, then in _newest(strategy, so_far, int(close)).items():
            index = len(so_far.bars[instrument_id]) - 1
            now = _signal(over_all.get(instrument_id), index)
            if not _same(now, then):
                yield Difference(
                    instrument_id,
                    from_ms(int(so_far.bars[instrument_id].timestamp[-1])),
                    f"with the bars after it, it decides {_words(now)}",
                    f"without them {_words(then)}",
                )


def check_warmup(strategy: Strategy, panel: Panel, *, most: int = 500) -> tuple[Difference, ...]:
    """Return the bars whose decision changes with four times the window; none when all is well.

    Checks closes that have so many bars before them, or `most` of those evenly spread.

    Raises:
        StrategyError: The strategy raises, or no instrument has bars for four windows.
    """
    return tuple(_unsettled(strategy, _read_only(panel), window_of(strategy.warmup), most))


def _unsettled(strategy: Strategy, panel: Panel, window: int, most: int) -> Iterator[Difference]:
    longer = 4 * window
    closes = [_close_times(bars)[longer - 1 :] for bars in panel.bars.values()]
    enough = np.unique(np.concatenate(closes)) if closes else np.array([], dtype=np.int64)
    if not len(enough):
        most_bars = max((len(bars) for bars in panel.bars.values()), default=0)
        raise StrategyError(
            f"a window of {window} bars can't be checked with {most_bars} bars; "
            f"use data with at least {longer}"
        )
    for close in _spread(enough, most):
        short = _newest(strategy, _cut(panel, int(close), window), int(close))
        long = _newest(strategy, _cut(panel, int(close), longer), int(close))
        for instrument_id, found in short.items():
            expected = long.get(instrument_id)
            if not _same(expected, found):
                yield Difference(
                    instrument_id,
                    from_ms(int(close) - panel.timeframe.seconds * 1000),
                    f"from {longer} bars it decides {_words(expected)}",
                    f"from {window} {_words(found)}",
                )


def _decide(strategy: Strategy, panel: Panel) -> Mapping[InstrumentId, Decisions]:
    return checked(strategy, panel, strategy.decide(panel))


def _newest(strategy: Strategy, panel: Panel, close: int) -> dict[InstrumentId, Signal | None]:
    """Return what is decided of each bar that closed just at `close`."""
    decided = _decide(strategy, panel)
    return {
        instrument_id: _signal(decided.get(instrument_id), -1)
        for instrument_id, bars in panel.bars.items()
        if int(_close_times(bars)[-1]) == close
    }


def _signal(decided: Decisions | None, index: int) -> Signal | None:
    return None if decided is None else decided.signal(_NO_RUN, index)


def _same(one: Signal | None, other: Signal | None) -> bool:
    if one is None or other is None:
        return one is other
    return (
        _close(one.target, other.target)
        and (one.tag == other.tag or one.target is None)
        and _close(_stop(one.exit_plan), _stop(other.exit_plan))
    )


def _close(one: Decimal | None, other: Decimal | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _TOLERANCE * max(abs(one), abs(other))


def _stop(plan: ExitPlan | None) -> Decimal | None:
    return None if plan is None else plan.stop_price


def _words(signal: Signal | None) -> str:
    if signal is None or signal.target is None:
        return "nothing"
    stop = _stop(signal.exit_plan)
    tag = f" {signal.tag!r}" if signal.tag else ""
    return f"{signal.target}{tag}" + (f" stop {stop}" if stop is not None else "")


def _cut(panel: Panel, close: int, last: int | None = None) -> Panel:
    """Return the panel as it was at `close` (milliseconds UTC), at most `last` bars of each."""

    def known(bars: Bars) -> Bars:
        end = int(np.searchsorted(_close_times(bars), close, side="right"))
        return bars[slice(0 if last is None else max(0, end - last), end)]

    bars = {key: known(item) for key, item in panel.bars.items()}
    return Panel(
        panel.timeframe,
        {key: item for key, item in bars.items() if len(item)},
        {key: known(item) for key, item in panel.higher.items()},
    )


def _close_times(bars: Bars) -> Int64:
    return bars.timestamp + bars.timeframe.seconds * 1000


def _closes(panel: Panel) -> Int64:
    columns = [_close_times(bars) for bars in panel.bars.values()]
    return np.unique(np.concatenate(columns)) if columns else np.array([], dtype=np.int64)


def _spread(values: Int64, most: int) -> Int64:
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.int64)]


def _read_only(panel: Panel) -> Panel:
    return Panel(
        panel.timeframe,
        {key: read_only(bars) for key, bars in panel.bars.items()},
        {key: read_only(bars) for key, bars in panel.higher.items()},
    )
