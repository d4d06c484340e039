"""The built-ins against values worked out apart from them."""

import numpy as np
import pytest

from engine.bars import Bars, Panel
from engine.errors import StrategyError
from engine.strategies import indicators as ta
from engine.strategies.api import Strategy
from engine.strategies.builtin.ema_crossover import EmaCrossover
from engine.strategies.builtin.rsi_reversion import RsiReversion
from tests.fakes.walks import HOUR, closes, walk


def targets(strategy: Strategy, bars: Bars) -> list[float | None]:
    panel = Panel(HOUR, {bars.instrument_id: bars}, {})
    column = strategy.decide(panel)[bars.instrument_id].target
    return [None if np.isnan(value) else value for value in column]


def test_ema_crossover_by_hand() -> None:
    # EMA(2): alpha 2/3, seeded with mean(10, 10); EMA(3): alpha 1/2, seeded with mean(10, 10, 13).
    # fast: - 10 12 13.33.. 10.44.. 10.14.. 10.04..   slow: - - 11 12.5 10.75 10.375 10.1875
    values = [10, 10, 13, 14, 9, 10, 10]
    bars = closes("X", values)
    assert targets(EmaCrossover({"fast": 2, "slow": 3}), bars) == [
        *[None, None],
        *[1, 1, 0, 0, 0],
    ]
    assert targets(EmaCrossover({"fast": 2, "slow": 3, "short": True}), bars) == [
        *[None, None],
        *[1, 1, -1, -1, -1],
    ]


def test_ema_crossover_counts_equal_as_not_above() -> None:
    assert targets(EmaCrossover({"fast": 2, "slow": 3}), closes("X", [5.0] * 5)) == [
        *[None, None],
        *[0, 0, 0],
    ]


def test_ema_crossover_follows_a_plain_recursion() -> None:
    bars = walk(count=500)

    def ema(length: int) -> list[float]:
        value = sum(bars.close[:length]) / length
        found = [float("nan")] * (length - 1) + [value]
        for close in bars.close[length:]:
            value += (close - value) * 2 / (length + 1)
            found.append(value)
        return found

    fast, slow = ema(12), ema(26)
    expected = [None if i < 25 else float(fast[i] > slow[i] + 1e-12) for i in range(len(bars))]
    assert targets(EmaCrossover(), bars) == expected
    assert {0.0, 1.0} <= set(expected[25:])  # both sides are seen


def test_rsi_reversion_by_hand() -> None:
    # RSI(2), averages of gains and losses (Wilder): see test_indicators; here losses lead.
    # closes 10 8 7 9 12 12 : rsi at 2: 0; at 3: gains (0, 1), losses (1.5, .75): 57.1;
    # at 4: gains 2, losses .375: 84.2; at 5: gains 1, losses .1875: 84.2
    bars = closes("X", [10, 8, 7, 9, 12, 12])
    np.testing.assert_allclose(
        ta.rsi(bars.close, 2)[2:], [0, 100 * 1 / 1.75, 100 * 2 / 2.375, 100 * 1 / 1.1875]
    )
    strategy = RsiReversion({"length": 2, "lower": 30, "upper": 70})
    assert targets(strategy, bars) == [None, None, 1, None, 0, 0]


def test_rsi_reversion_compares_strictly() -> None:
    # gains 1 and losses 1 by turns: the first RSI(2) is exactly 50
    bars = closes("X", [10, 11, 10])
    at_lower = RsiReversion({"length": 2, "lower": 50, "upper": 60})
    at_upper = RsiReversion({"length": 2, "lower": 40, "upper": 50})
    assert targets(at_lower, bars)[2] is None
    assert targets(at_upper, bars)[2] is None


def test_warm_up_follows_from_the_indicators() -> None:
    assert EmaCrossover({"fast": 5, "slow": 20}).warmup == 280
    assert RsiReversion({"length": 10}).warmup == 280


@pytest.mark.parametrize(
    ("strategy", "params", "message"),
    [
        (EmaCrossover, {"fast": 26, "slow": 26}, "parameter fast: 26 is not accepted"),
        (EmaCrossover, {"slow": 2000}, "parameter slow"),
        (RsiReversion, {"lower": 70, "upper": 30}, "parameter lower: 70 is not accepted"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(
    strategy: type[Strategy], params: dict[str, object], message: str
) -> None:
    with pytest.raises(StrategyError, match=message):
        strategy(params)
