"""The proofs: they pass the built-ins on real bars and walks, and catch what they are for."""

from pathlib import Path

import numpy as np
import pytest

from engine.bars import STATE_CODES, Bars, Panel
from engine.domain.bars import BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.errors import StrategyError
from engine.strategies.alignment import resampled
from engine.strategies.api import IntParam, Strategy, Targets, on_bars
from engine.strategies.builtin.ema_crossover import EmaCrossover
from engine.strategies.builtin.rsi_reversion import RsiReversion
from engine.strategies.checks import check_no_lookahead, check_warmup
from engine.strategies.loader import Loader
from engine.strategies.registry import Registry
from engine.strategies.scaffold import write_template
from tests.fakes.walks import HOUR, walk

RECORDED = Path(__file__).parents[3] / "sandbox" / "data" / "1h"
FOUR = Timeframe.parse("4h")


def recorded(symbol: str, count: int) -> Bars:
    """Return the first bars of a bundled file."""
    rows = np.genfromtxt(
        RECORDED / f"{symbol}.csv", delimiter=",", names=True, dtype=None, encoding="utf-8",
        max_rows=count,
    )  # fmt: skip
    times = np.array([text.removesuffix("Z") for text in rows["timestamp"]], dtype="datetime64[ms]")
    return Bars(
        InstrumentId(symbol),
        HOUR,
        times.astype(np.int64),
        *(rows[name].astype(np.float64) for name in ("open", "high", "low", "close", "volume")),
        np.full(len(rows), STATE_CODES[BarState.FINAL], dtype=np.int8),
    )


def panel(*bars: Bars) -> Panel:
    higher = {(item.instrument_id, FOUR): resampled(item, FOUR) for item in bars}
    return Panel(HOUR, {item.instrument_id: item for item in bars}, higher)


REAL = panel(recorded("AAPL", 2_000), recorded("EURUSD", 2_000))
BUILT_INS = [
    EmaCrossover(),
    EmaCrossover({"fast": 5, "slow": 20, "short": True}),
    RsiReversion(),
    RsiReversion({"length": 5, "lower": 25, "upper": 60}),
]


@pytest.mark.parametrize("strategy", BUILT_INS, ids=lambda item: type(item).__name__)
def test_built_ins_decide_recorded_bars_alike_at_once_and_one_by_one(strategy: Strategy) -> None:
    assert check_no_lookahead(strategy, REAL, most=600) == ()
    assert check_no_lookahead(strategy, panel(walk(count=150))) == ()


@pytest.mark.parametrize("strategy", BUILT_INS, ids=lambda item: type(item).__name__)
def test_built_ins_decide_alike_from_their_warm_up_and_four_times_it(strategy: Strategy) -> None:
    assert check_warmup(strategy, REAL) == ()
    assert check_warmup(strategy, panel(walk(count=4_000, seed=9))) == ()


def test_a_template_as_it_is_written_passes_both(tmp_path: Path) -> None:
    write_template(tmp_path, "my_first")
    strategy = Loader().load(Registry(tmp_path).find("my_first")).build({}, HOUR)
    assert check_no_lookahead(strategy, REAL, most=600) == ()
    assert check_warmup(strategy, REAL) == ()
    assert strategy.decide(REAL)


class Peeks(Strategy):
    """Buys what closes higher in the next bar."""

    warmup = 1

    def decide(self, panel):
        wanted = {}
        for name, bars in panel.bars.items():
            later = np.append(bars.close[1:], bars.close[-1:])
            wanted[name] = Targets(np.where(later > bars.close, 1.0, 0.0))
        return wanted


class UsesTheWhole(Strategy):
    """Compares with the average of all bars, later ones included."""

    warmup = 1

    def decide(self, panel):
        return {
            name: Targets(np.where(bars.close > bars.close.mean(), 1.0, 0.0), tag="mean")
            for name, bars in panel.bars.items()
        }


class PeeksByItsStop(Strategy):
    """Its target is innocent; its stop is the lowest low to come."""

    warmup = 1

    def decide(self, panel):
        return {
            name: Targets(np.ones(len(bars)), stop_price=np.full(len(bars), bars.low.min()))
            for name, bars in panel.bars.items()
        }


class PeeksIntoTheHigherBar(Strategy):
    """Takes the four-hour bar that an hour belongs to, closed or not."""

    warmup = 50
    higher_timeframes = ("4h",)

    def decide(self, panel):
        wanted = {}
        for name, bars in panel.bars.items():
            higher = panel.higher[name, FOUR]
            index = np.searchsorted(higher.timestamp, bars.timestamp, side="right") - 1
            line = np.append(higher.close, np.nan)[np.clip(index, -1, len(higher))]
            wanted[name] = Targets(np.where(bars.close < line, 1.0, 0.0))
        return wanted


class WaitsForTheHigherBar(Strategy):
    warmup = 50
    higher_timeframes = ("4h",)

    def decide(self, panel):
        wanted = {}
        for name, bars in panel.bars.items():
            higher = panel.higher[name, FOUR]
            line = on_bars(bars, higher, higher.close)
            wanted[name] = Targets(np.where(bars.close < line, 1.0, 0.0))
        return wanted


@pytest.mark.parametrize(
    "cls",
    [Peeks, UsesTheWhole, PeeksByItsStop, PeeksIntoTheHigherBar],
    ids=lambda cls: cls.__name__,
)
def test_a_strategy_that_peeks_is_caught(cls: type[Strategy]) -> None:
    found = check_no_lookahead(cls(), panel(walk(count=120)))
    assert found
    assert "with the bars after it, it decides" in str(found[0])
    assert str(found[0]).startswith("BTC/USDT 2026-01-0")


def test_a_higher_time_frame_used_as_of_its_close_passes() -> None:
    assert check_no_lookahead(WaitsForTheHigherBar(), panel(walk(count=300))) == ()


class TooShort(Strategy):
    """An EMA that is told to forget after its own length."""

    length = IntParam(50, minimum=2, maximum=100)

    @property
    def warmup(self) -> int:
        return self.length

    def decide(self, panel):
        from engine.strategies import indicators as ta

        return {
            name: Targets(np.where(bars.close > ta.ema(bars.close, self.length), 1.0, 0.0))
            for name, bars in panel.bars.items()
        }


def test_a_warm_up_that_is_too_short_is_caught() -> None:
    found = check_warmup(TooShort(), panel(walk(count=1_000)))
    assert found
    assert "from 208 bars it decides" in str(found[0])
    assert check_no_lookahead(TooShort(), panel(walk(count=300))) == ()


def test_too_little_data_for_the_check_is_said() -> None:
    with pytest.raises(StrategyError, match="use data with at least 208"):
        check_warmup(TooShort(), panel(walk(count=207)))
