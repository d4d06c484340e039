"""Performance metrics, defined once. float64: figures about money, never money itself.

Returns are simple and per period (daily at the day cut, flows taken out); `periods` is how many
of them make a year: 365 where trading never stops, 252 for exchanges with a five-day week. None
stands for a figure that has no value (too few observations, nothing lost yet), never 0 or inf.

Sources: Sharpe, "The Sharpe Ratio" (1994); Sortino and van der Meer (1991), the downside taken
over all periods; CAGR by elapsed years; historical VaR and expected shortfall as in McNeil, Frey,
Embrechts, "Quantitative Risk Management", ch. 2; SQN as Van Tharp defines it, N capped at 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

CRYPTO_PERIODS = 365
EXCHANGE_PERIODS = 252
ENOUGH_RETURNS = 30  # below it ratios are noise: shown as n/a
ENOUGH_DAYS = 90  # below it an annual growth rate misleads
_SQN_CAP = 100


def simple_returns(equity: Float64) -> Float64:
    """Return equity[i] / equity[i-1] - 1; one fewer than there are points."""
    return np.asarray(equity[1:] / equity[:-1] - 1.0, dtype=np.float64)


def growth(returns: Float64) -> float:
    """Return what 1 became."""
    return float(np.prod(1.0 + returns))


def cagr(factor: float, years: float) -> float | None:
    """Return the yearly growth of `factor` over `years`; None for a total loss or no time."""
    if factor <= 0 or years <= 0:
        return None
    exponent = math.log(factor) / years
    return math.expm1(exponent) if exponent < 700 else None


def volatility(returns: Float64, periods: int) -> float | None:
    """Return the sample deviation, annualised."""
    return None if len(returns) < 2 else float(np.std(returns, ddof=1)) * math.sqrt(periods)


def sharpe(returns: Float64, periods: int, *, risk_free: float = 0.0) -> float | None:
    """Return the annualised Sharpe ratio over a yearly `risk_free` rate; None without spread."""
    if len(returns) < 2:
        return None
    excess = returns - risk_free / periods
    deviation = float(np.std(excess, ddof=1))
    return None if deviation == 0 else float(np.mean(excess)) / deviation * math.sqrt(periods)


def downside_deviation(returns: Float64, *, target: float = 0.0) -> float:
    """Return the root mean square of shortfalls below `target`, over all periods."""
    return float(np.sqrt(np.mean(np.minimum(returns - target, 0.0) ** 2)))


def sortino(returns: Float64, periods: int, *, target: float = 0.0) -> float | None:
    """Return the annualised Sortino ratio against a per-period `target`; None without losses."""
    if not len(returns):
        return None
    downside = downside_deviation(returns, target=target)
    mean = float(np.mean(returns - target))
    return None if downside == 0 else mean / downside * math.sqrt(periods)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall from a peak; indices into the equity points given.

    Attributes:
        depth: Fraction, 0 or negative.
        recovered: First point back at the peak, None when it never came back.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None


def max_drawdown(equity: Float64) -> Drawdown:
    """Return the deepest drawdown of a mark-to-market curve, its first point included."""
    peaks = np.maximum.accumulate(equity)
    falls = equity / peaks - 1.0
    trough = int(np.argmin(falls))
    peak = int(np.argmax(equity[: trough + 1]))
    back = np.flatnonzero(equity[trough:] >= equity[peak])
    recovered = trough + int(back[0]) if len(back) else None
    return Drawdown(float(falls[trough]), peak, trough, recovered)


def equity_of(returns: Float64) -> Float64:
    """Return the curve that starts at 1 and makes `returns`."""
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def calmar(yearly: float | None, depth: float) -> float | None:
    """Return CAGR over the deepest drawdown since inception; None without a fall."""
    return None if yearly is None or depth == 0 else yearly / abs(depth)


def value_at_risk(returns: Float64, confidence: float = 0.95) -> float:
    """Return the historical VaR of one period, positive; quantile by linear interpolation."""
    return -float(np.quantile(returns, 1.0 - confidence, method="linear"))


def expected_shortfall(returns: Float64, confidence: float = 0.95) -> float:
    """Return the mean loss at or beyond the VaR, positive."""
    return -float(np.mean(returns[returns <= -value_at_risk(returns, confidence)]))


def parametric_value_at_risk(returns: Float64, confidence: float = 0.95) -> float:
    """Return the VaR of a normal distribution with the sample's mean and deviation, positive."""
    z = NormalDist().inv_cdf(1.0 - confidence)
    return -(float(np.mean(returns)) + float(np.std(returns, ddof=1)) * z)


def parametric_expected_shortfall(returns: Float64, confidence: float = 0.95) -> float:
    """Return the expected shortfall of that normal distribution, positive."""
    normal = NormalDist()
    density = normal.pdf(normal.inv_cdf(1.0 - confidence)) / (1.0 - confidence)
    return -(float(np.mean(returns)) - float(np.std(returns, ddof=1)) * density)


# --- trades -----------------------------------------------------------------------------------


def profit_factor(pnls: Sequence[float]) -> float | None:
    """Return gross profit over gross loss, net of fees; None while nothing was lost."""
    lost = -sum(pnl for pnl in pnls if pnl < 0)
    return sum(pnl for pnl in pnls if pnl > 0) / lost if lost else None


def win_rate(pnls: Sequence[float]) -> float | None:
    """Return wins over wins and losses; trades that made nothing are in neither."""
    decided = [pnl for pnl in pnls if pnl]
    return sum(pnl > 0 for pnl in decided) / len(decided) if decided else None


def expectancy(pnls: Sequence[float]) -> float | None:
    """Return the mean net P&L of a trade."""
    return sum(pnls) / len(pnls) if pnls else None


def payoff_ratio(pnls: Sequence[float]) -> float | None:
    """Return the average win over the average loss."""
    wins = [pnl for pnl in pnls if pnl > 0]
    losses = [-pnl for pnl in pnls if pnl < 0]
    if not wins or not losses:
        return None
    return (sum(wins) / len(wins)) / (sum(losses) / len(losses))


def r_multiples(pnls: Sequence[float], risks: Sequence[float]) -> list[float]:
    """Return each trade's P&L over what its first stop put at risk."""
    return [pnl / risk for pnl, risk in zip(pnls, risks, strict=True)]


def system_quality(multiples: Sequence[float]) -> float | None:
    """Return SQN over R multiples; N counts to 100 at most. None without spread."""
    if len(multiples) < 2:
        return None
    values = np.asarray(multiples, dtype=np.float64)
    deviation = float(np.std(values, ddof=1))
    scale = math.sqrt(min(len(multiples), _SQN_CAP))
    return None if deviation == 0 else scale * float(np.mean(values)) / deviation
