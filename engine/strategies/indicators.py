"""Technical indicators on NumPy columns: the one module that knows TA-Lib and pandas-ta-classic.

Every function takes float64[n] columns, oldest first, and returns float64[n] with NaN in the
warm-up, whatever n is. Value i depends on inputs 0..i only. TA-Lib computes wherever it has the
indicator (3 to 5 us over 500 bars); `classic` opens the rest of pandas-ta-classic's, at about 1 ms
and the memory of pandas.

Recursive indicators never forget their first value, they only fade it: TA-Lib seeds an EMA with
the simple average of its first `length` values, Wilder's averages (RSI, ATR, ADX) likewise. The
`*_warmup` functions say after how many bars the seed no longer shows in a decision.
"""

import math
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from engine.bars import Bars, Float64
from engine.errors import StrategyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bool = NDArray[np.bool_]

# --- warm-up --------------------------------------------------------------------------------


def sma_warmup(length: int) -> int:
    """Return the bars a plain window needs (SMA, Bollinger, Donchian, stochastic): `length`."""
    return length


def ema_warmup(length: int) -> int:
    """Return the bars an EMA needs: 14 x length.

    The seed's weight after k bars is (1 - 2/(length+1))^k, about e^(-2k/length): 1e-12 at 14.
    """
    return 14 * length


def rsi_warmup(length: int) -> int:
    """Return the bars an RSI, ATR or other Wilder average needs: 28 x length.

    Its weight is (1 - 1/length)^k, about e^(-k/length): half an EMA's pace.
    """
    return 28 * length


def macd_warmup(slow: int, signal: int) -> int:
    """Return the bars a MACD needs: an EMA of an EMA."""
    return ema_warmup(slow) + ema_warmup(signal)


def adx_warmup(length: int) -> int:
    """Return the bars an ADX needs: a Wilder average of Wilder averages."""
    return 2 * rsi_warmup(length)


# --- averages -------------------------------------------------------------------------------


def sma(values: Float64, length: int) -> Float64:
    """Simple moving average; the first value at index length - 1."""
    return _call("SMA", values, timeperiod=length)


def ema(values: Float64, length: int) -> Float64:
    """Exponential moving average, alpha = 2 / (length + 1).

    The first value, at index length - 1, is the simple average of the first `length` inputs.
    """
    return _call("EMA", values, timeperiod=length)


def wma(values: Float64, length: int) -> Float64:
    """Linearly weighted moving average."""
    return _call("WMA", values, timeperiod=length)


def kama(values: Float64, length: int) -> Float64:
    """Kaufman's adaptive moving average."""
    return _call("KAMA", values, timeperiod=length)


def stddev(values: Float64, length: int) -> Float64:
    """Population standard deviation over a window (divides by `length`)."""
    return _call("STDDEV", values, timeperiod=length, nbdev=1.0)


def bbands(
    values: Float64, length: int = 20, deviations: float = 2.0
) -> tuple[Float64, Float64, Float64]:
    """Bollinger bands: upper, middle (SMA), lower; population deviation."""
    return _calls3(
        "BBANDS", values, timeperiod=length, nbdevup=deviations, nbdevdn=deviations, matype=0
    )


# --- momentum -------------------------------------------------------------------------------


def rsi(values: Float64, length: int = 14) -> Float64:
    """Wilder's relative strength index, 0 to 100; the first value at index `length`."""
    return _call("RSI", values, timeperiod=length)


def macd(
    values: Float64, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[Float64, Float64, Float64]:
    """MACD line, signal line, histogram.

    TA-Lib starts the fast EMA late, so that both begin at index slow - 1; all three outputs
    begin at slow + signal - 2.
    """
    return _calls3("MACD", values, fastperiod=fast, slowperiod=slow, signalperiod=signal)


def roc(values: Float64, length: int) -> Float64:
    """Rate of change over `length` bars, percent."""
    return _call("ROC", values, timeperiod=length)


def stoch(
    high: Float64, low: Float64, close: Float64, fast_k: int = 14, slow_k: int = 3, slow_d: int = 3
) -> tuple[Float64, Float64]:
    """Slow stochastic %K and %D, simple averages, 0 to 100."""
    slow_k_line, slow_d_line = _talib().STOCH(
        *_columns(high, low, close),
        fastk_period=fast_k,
        slowk_period=slow_k,
        slowk_matype=0,
        slowd_period=slow_d,
        slowd_matype=0,
    )
    return slow_k_line, slow_d_line


def cci(high: Float64, low: Float64, close: Float64, length: int = 20) -> Float64:
    """Commodity channel index."""
    return _call("CCI", high, low, close, timeperiod=length)


def willr(high: Float64, low: Float64, close: Float64, length: int = 14) -> Float64:
    """Williams %R, -100 to 0."""
    return _call("WILLR", high, low, close, timeperiod=length)


# --- range and trend ------------------------------------------------------------------------


def true_range(high: Float64, low: Float64, close: Float64) -> Float64:
    """True range; NaN at index 0, which has no close before it."""
    return _call("TRANGE", high, low, close)


def atr(high: Float64, low: Float64, close: Float64, length: int = 14) -> Float64:
    """Wilder's average true range, in price units; the first value at index `length`."""
    return _call("ATR", high, low, close, timeperiod=length)


def adx(high: Float64, low: Float64, close: Float64, length: int = 14) -> Float64:
    """Average directional index, 0 to 100; the first value at index 2 x length - 1."""
    return _call("ADX", high, low, close, timeperiod=length)


def plus_di(high: Float64, low: Float64, close: Float64, length: int = 14) -> Float64:
    """Plus directional indicator, 0 to 100."""
    return _call("PLUS_DI", high, low, close, timeperiod=length)


def minus_di(high: Float64, low: Float64, close: Float64, length: int = 14) -> Float64:
    """Minus directional indicator, 0 to 100."""
    return _call("MINUS_DI", high, low, close, timeperiod=length)


def sar(high: Float64, low: Float64, step: float = 0.02, maximum: float = 0.2) -> Float64:
    """Parabolic stop and reverse."""
    return _call("SAR", high, low, acceleration=step, maximum=maximum)


def supertrend(
    high: Float64, low: Float64, close: Float64, length: int = 10, multiplier: float = 3.0
) -> tuple[Float64, Float64]:
    """Supertrend line and direction (+1 below the price, -1 above it).

    Bands at the middle of the bar +- multiplier x ATR, which only tighten while the direction
    holds; it turns when a close passes the band of the bar before
    (http://www.freebsensetips.com/blog/detail/7/What-is-supertrend-indicator-its-calculation).
    Both are NaN until the ATR starts, with direction +1 there. Its memory reaches back to its
    last turn, however far that is: warm up with `rsi_warmup(length)` and some turns more.
    """
    middle = (high + low) / 2
    width = multiplier * atr(high, low, close, length)
    closes, upper, lower = close.tolist(), (middle + width).tolist(), (middle - width).tolist()
    line, direction = [math.nan] * len(closes), [math.nan] * len(closes)
    trend = 1.0
    for i in range(length, len(closes)):  # plain floats: a loop over arrays is ten times slower
        if i > length:
            if closes[i] > upper[i - 1]:
                trend = 1.0
            elif closes[i] < lower[i - 1]:
                trend = -1.0
            elif trend > 0:
                lower[i] = max(lower[i], lower[i - 1])
            else:
                upper[i] = min(upper[i], upper[i - 1])
        direction[i] = trend
        line[i] = lower[i] if trend > 0 else upper[i]
    return np.array(line, dtype=np.float64), np.array(direction, dtype=np.float64)


def highest(values: Float64, length: int) -> Float64:
    """Highest of the last `length` values, this one included."""
    return _call("MAX", values, timeperiod=length)


def lowest(values: Float64, length: int) -> Float64:
    """Lowest of the last `length` values, this one included."""
    return _call("MIN", values, timeperiod=length)


def donchian(high: Float64, low: Float64, length: int = 20) -> tuple[Float64, Float64, Float64]:
    """Donchian channel: upper, middle, lower over `length` bars, this one included.

    A breakout compares the close with the channel of the bar before: `shifted(upper, 1)`.
    """
    upper, lower = highest(high, length), lowest(low, length)
    return upper, (upper + lower) / 2, lower


# --- volume ---------------------------------------------------------------------------------


def obv(close: Float64, volume: Float64) -> Float64:
    """On-balance volume; a running sum, so only its changes mean anything."""
    return _call("OBV", close, volume)


def mfi(high: Float64, low: Float64, close: Float64, volume: Float64, length: int = 14) -> Float64:
    """Money flow index, 0 to 100."""
    return _call("MFI", high, low, close, volume, timeperiod=length)


# --- comparing ------------------------------------------------------------------------------


def shifted(values: Float64, bars: int) -> Float64:
    """Return the values of `bars` bars ago, NaN at the start.

    Raises:
        StrategyError: `bars` is negative: that would be the future.
    """
    if bars < 0:
        raise StrategyError(f"shifted by {bars} bars would look into the future; use 0 or more")
    result = np.full(len(values), np.nan)
    result[bars:] = values[: len(values) - bars] if bars < len(values) else np.nan
    return result


def crossed_above(values: Float64, level: Float64 | float) -> "Bool":
    """True at a bar where `values` is above `level` and was at or below it one bar before."""
    above = values > level
    at_or_below = values <= level
    result = np.zeros(len(values), dtype=np.bool_)
    result[1:] = above[1:] & at_or_below[:-1]
    return result


def crossed_below(values: Float64, level: Float64 | float) -> "Bool":
    """True at a bar where `values` is below `level` and was at or above it one bar before."""
    below = values < level
    at_or_above = values >= level
    result = np.zeros(len(values), dtype=np.bool_)
    result[1:] = below[1:] & at_or_above[:-1]
    return result


# --- the rest of pandas-ta-classic ----------------------------------------------------------


def classic(name: str, bars: Bars, **settings: object) -> dict[str, Float64]:
    """Return the columns of any pandas-ta-classic indicator, by its own column names.

    TA-Lib is switched off inside it, so that numbers do not depend on what is installed, and
    `ichimoku`'s chikou line, which holds later closes, is left out. Columns keep the library's
    order; their names change between its versions, so prefer `list(...)[0]` to a literal name.

    Raises:
        StrategyError: No such indicator.
    """
    import pandas_ta_classic as library

    accessor = library.AnalysisIndicators(bars.frame)
    if name.startswith("_") or name not in accessor.indicators(as_list=True):
        raise StrategyError(f"pandas-ta-classic has no indicator {name!r}")
    result = getattr(accessor, name)(talib=False, append=False, lookahead=False, **settings)
    parts = result if isinstance(result, tuple) else (result,)
    columns: dict[str, Float64] = {}
    for part in parts:
        if part is None or len(part) != len(bars):
            continue  # fewer bars than it needs, or ichimoku's projection past the last bar
        for column, values in part.items() if part.ndim == 2 else ((part.name, part),):
            if not str(column).startswith("ICS_"):
                columns[str(column)] = values.to_numpy(dtype=np.float64)
    return columns


# --- TA-Lib ---------------------------------------------------------------------------------


def _talib() -> ModuleType:
    """Return TA-Lib's compiled module, loading it without pandas.

    `import talib` imports pandas when it finds it, only to accept Series: 80 MB and 0.25 s in
    every worker, for nothing where columns are arrays. A strategy that imports talib itself
    still gets it whole, Series included.
    """
    loaded = sys.modules.get("talib._ta_lib")
    return loaded if loaded is not None else load_talib()


def load_talib() -> ModuleType:
    """Load it now, where the 30 ms that it takes hurt nobody."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None blocks
    hides_pandas = "pandas" not in modules
    if hides_pandas:
        modules["pandas"] = None
    try:
        import talib._ta_lib as compiled
    finally:
        if hides_pandas:
            del modules["pandas"]
            modules.pop("talib", None)  # its next import wraps the functions for Series
    module: ModuleType = compiled
    return module


def _columns(*arrays: Float64) -> list[Float64]:
    return [np.ascontiguousarray(array, dtype=np.float64) for array in arrays]


def _call(name: str, *arrays: Float64, **settings: float) -> Float64:
    result: Float64 = getattr(_talib(), name)(*_columns(*arrays), **settings)
    return result


def _calls3(name: str, *arrays: Float64, **settings: float) -> tuple[Float64, Float64, Float64]:
    first, second, third = getattr(_talib(), name)(*_columns(*arrays), **settings)
    return first, second, third
