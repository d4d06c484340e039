import subprocess
import sys

import numpy as np
import pytest

from engine.bars import Bars, Float64
from engine.errors import StrategyError
from engine.strategies import indicators as ta
from tests.fakes.walks import walk

BARS = walk(count=400)


def all_of(bars: Bars) -> dict[str, Float64]:
    """Return every indicator's outputs over bars."""
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    outputs: dict[str, Float64 | tuple[Float64, ...]] = {
        "sma": ta.sma(close, 10),
        "ema": ta.ema(close, 10),
        "wma": ta.wma(close, 10),
        "kama": ta.kama(close, 10),
        "stddev": ta.stddev(close, 10),
        "bbands": ta.bbands(close, 20, 2.0),
        "rsi": ta.rsi(close, 14),
        "macd": ta.macd(close),
        "roc": ta.roc(close, 5),
        "stoch": ta.stoch(high, low, close),
        "cci": ta.cci(high, low, close),
        "willr": ta.willr(high, low, close),
        "true_range": ta.true_range(high, low, close),
        "atr": ta.atr(high, low, close),
        "adx": ta.adx(high, low, close),
        "plus_di": ta.plus_di(high, low, close),
        "minus_di": ta.minus_di(high, low, close),
        "sar": ta.sar(high, low),
        "supertrend": ta.supertrend(high, low, close),
        "highest": ta.highest(high, 10),
        "lowest": ta.lowest(low, 10),
        "donchian": ta.donchian(high, low, 10),
        "obv": ta.obv(close, volume),
        "mfi": ta.mfi(high, low, close, volume),
        "shifted": ta.shifted(close, 3),
        "crossed_above": ta.crossed_above(close, ta.sma(close, 10)).astype(np.float64),
        "crossed_below": ta.crossed_below(close, 100.0).astype(np.float64),
    }
    named = {}
    for name, value in outputs.items():
        for index, array in enumerate(value if isinstance(value, tuple) else (value,)):
            named[f"{name}[{index}]"] = array
    return named


def test_every_output_has_the_length_of_its_input_whatever_that_is() -> None:
    for count in (0, 1, 2, 5, 30, 400):
        for name, array in all_of(BARS[:count]).items():
            assert len(array) == count, name
            assert array.dtype == np.float64, name


def test_no_output_changes_when_later_bars_come() -> None:
    whole = all_of(BARS)
    for count in (35, 120, 399):
        for name, array in all_of(BARS[:count]).items():
            np.testing.assert_array_equal(array, whole[name][:count], err_msg=name)


def test_inputs_may_be_read_only_and_are_left_alone() -> None:
    close = BARS.close.copy()
    close.flags.writeable = False
    ta.ema(close, 10)
    ta.rsi(close, 10)
    np.testing.assert_array_equal(close, BARS.close)


def test_the_ema_starts_with_the_simple_average() -> None:
    values = np.array([1.0, 2.0, 3.0, 7.0, 2.0])
    # by hand: mean(1, 2, 3) = 2; then alpha = 1/2: (7 + 2) / 2 = 4.5; (2 + 4.5) / 2 = 3.25
    np.testing.assert_array_equal(ta.ema(values, 3), [np.nan, np.nan, 2.0, 4.5, 3.25])


def test_the_rsi_is_wilders() -> None:
    values = np.array([10.0, 12.0, 11.0, 14.0, 13.0])
    # by hand, length 2: gains 2 0 3 0, losses 0 1 0 1; averages (1, .5), (2, .25), (1, .625)
    expected = [np.nan, np.nan, 100 * 1 / 1.5, 100 * 2 / 2.25, 100 * 1 / 1.625]
    np.testing.assert_allclose(ta.rsi(values, 2), expected)


def test_the_atr_is_wilders() -> None:
    high, low = np.array([11.0, 12.0, 15.0, 13.0]), np.array([9.0, 10.0, 11.0, 12.0])
    close = np.array([10.0, 11.0, 14.0, 12.0])
    # by hand: true ranges - 2 4 2; length 2: mean(2, 4) = 3; (3 + 2) / 2 = 2.5
    np.testing.assert_allclose(ta.atr(high, low, close, 2), [np.nan, np.nan, 3.0, 2.5])


def test_crossing_counts_the_bar_that_changes_side() -> None:
    values = np.array([1.0, 2.0, 2.0, 3.0, 2.0, 1.0])
    above, below = ta.crossed_above(values, 2.0), ta.crossed_below(values, 2.0)
    assert above.tolist() == [False, False, False, True, False, False]
    assert below.tolist() == [False, False, False, False, False, True]


def test_nothing_crosses_out_of_the_warm_up() -> None:
    values = np.array([np.nan, np.nan, 5.0, 6.0])
    assert not ta.crossed_above(values, 2.0).any()
    assert not ta.crossed_below(values, 9.0).any()


def test_a_shift_into_the_future_is_refused() -> None:
    with pytest.raises(StrategyError, match="future"):
        ta.shifted(BARS.close, -1)


def test_the_library_agrees_where_it_has_the_indicator_too() -> None:
    wanted = {
        "rsi": ta.rsi(BARS.close, 14),
        "ema": ta.ema(BARS.close, 10),
        "atr": ta.atr(BARS.high, BARS.low, BARS.close, 14),
        "adx": ta.adx(BARS.high, BARS.low, BARS.close, 14),
    }
    lengths = {"ema": 10}
    for name, ours in wanted.items():
        (theirs, *_) = ta.classic(name, BARS, length=lengths.get(name, 14)).values()
        np.testing.assert_allclose(ours[60:], theirs[60:], rtol=1e-9, err_msg=name)


def test_supertrend_agrees_with_the_library() -> None:
    line, direction = ta.supertrend(BARS.high, BARS.low, BARS.close, 7, 3.0)
    theirs = list(ta.classic("supertrend", BARS, length=7, multiplier=3.0).values())
    np.testing.assert_allclose(line[60:], theirs[0][60:], rtol=1e-9)
    np.testing.assert_array_equal(direction[60:], theirs[1][60:])
    assert set(direction[60:]) == {-1.0, 1.0}


def test_ichimoku_comes_without_the_line_that_looks_ahead() -> None:
    columns = ta.classic("ichimoku", BARS)
    assert columns
    assert not any(name.startswith("ICS_") for name in columns)


@pytest.mark.parametrize("name", ["ichimoku", "dpo", "vortex", "supertrend", "aroon", "bbands"])
def test_what_comes_from_the_library_does_not_look_ahead(name: str) -> None:
    whole, part = ta.classic(name, BARS), ta.classic(name, BARS[:300])
    assert part.keys() == whole.keys()
    for column, values in part.items():
        np.testing.assert_allclose(values, whole[column][:300], rtol=1e-9, err_msg=column)


def test_an_unknown_library_indicator_is_refused() -> None:
    with pytest.raises(StrategyError, match="no indicator 'nonsense'"):
        ta.classic("nonsense", BARS)


@pytest.mark.parametrize(
    ("length", "warmup", "function"),
    [(20, ta.ema_warmup(20), ta.ema), (14, ta.rsi_warmup(14), ta.rsi)],
)
def test_after_the_warm_up_the_seed_no_longer_shows(length: int, warmup: int, function) -> None:
    close = walk(count=4 * warmup).close
    np.testing.assert_allclose(
        function(close[-warmup:], length)[-1], function(close, length)[-1], rtol=1e-10
    )


HEAVY = "{'pandas', 'talib', 'pandas_ta_classic', 'numba'}"


@pytest.mark.parametrize(
    "code",
    [
        "import engine.strategies.host, engine.strategies.registry, engine.strategies.precomputed",
        "import engine.strategies.indicators, engine.strategies.checks, engine.strategies.scaffold",
        "import engine.strategies.worker",
    ],
)
def test_importing_loads_no_heavy_library(code: str) -> None:
    run_python(f"{code}; import sys; assert not {HEAVY} & set(sys.modules), sys.modules.keys()")


def test_talib_is_used_without_pandas_and_is_whole_for_who_imports_it_afterwards() -> None:
    run_python(
        "import sys, numpy as np; from engine.strategies import indicators as ta;"
        "a = ta.ema(np.arange(50.), 5); assert 'pandas' not in sys.modules;"
        "import pandas, talib; s = talib.EMA(pandas.Series(np.arange(50.)), 5);"
        "assert isinstance(s, pandas.Series);"
        "np.testing.assert_array_equal(s.to_numpy(), a);"
        "np.testing.assert_array_equal(ta.ema(np.arange(50.), 5), a)"
    )


def run_python(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
