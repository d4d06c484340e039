"""A backtest's figures: which metrics, at which periods, and how a person reads them."""

from dataclasses import dataclass

import numpy as np

from engine.bars import Bars, Float64
from engine.research import metrics
from outcry.backtesting import Result

_DAY_MS = 86_400_000
_WEEKEND = (5, 6)  # Saturday, Sunday
_YEAR_DAYS = 365.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure; `value` None stands for "not enough data for it"."""

    key: str
    label: str
    value: float | int | None
    shown: str


def metrics_of(bars: Bars, result: Result) -> tuple[Metric, ...]:
    """Return what a backtest was worth; definitions in `engine.research.metrics`."""
    equity = result.equity
    periods = periods_per_year(bars)
    returns = metrics.simple_returns(daily(bars, equity))
    enough = len(returns) >= metrics.ENOUGH_RETURNS
    days = _days(bars)
    yearly = None
    if days >= metrics.ENOUGH_DAYS:
        yearly = metrics.cagr(equity[-1] / equity[0], days / _YEAR_DAYS)
    fall = metrics.max_drawdown(equity)
    pnls = [float(trade.pnl) for trade in result.trades]
    held = bars.close[-1] / bars.open[0] - 1.0
    return (
        _percent("total_return", "total return", equity[-1] / equity[0] - 1.0),
        _percent("buy_and_hold", "buy and hold", held),
        _percent("cagr", "yearly growth", yearly),
        _percent("max_drawdown", "deepest drawdown", fall.depth),
        _percent(
            "volatility",
            f"volatility (P {periods})",
            metrics.volatility(returns, periods) if enough else None,
        ),
        _ratio(
            "sharpe",
            f"Sharpe (P {periods})",
            metrics.sharpe(returns, periods) if enough else None,
        ),
        _ratio(
            "sortino",
            f"Sortino (P {periods})",
            metrics.sortino(returns, periods) if enough else None,
        ),
        _ratio("calmar", "Calmar, since inception", metrics.calmar(yearly, fall.depth)),
        _percent("win_rate", "win rate", metrics.win_rate(pnls)),
        _ratio("profit_factor", "profit factor", metrics.profit_factor(pnls)),
        _money("expectancy", "average trade", metrics.expectancy(pnls)),
        _percent("exposure", "time in the market", result.in_market),
        _money("fees", "fees", float(result.fees)),
        Metric("periods_per_year", "periods per year", periods, str(periods)),
    )


def periods_per_year(bars: Bars) -> int:
    """Return 365 for a market that trades at weekends, else 252."""
    days = bars.timestamp // _DAY_MS
    weekdays = (days + 3) % 7  # 1970-01-01 was a Thursday: Monday is 0
    trades_weekends = bool(np.isin(weekdays, _WEEKEND[:1]).any())
    return metrics.CRYPTO_PERIODS if trades_weekends else metrics.EXCHANGE_PERIODS


def daily(bars: Bars, equity: Float64) -> Float64:
    """Return the opening equity and that of each UTC day's last close."""
    days = bars.timestamp // _DAY_MS
    last = np.append(np.flatnonzero(days[1:] != days[:-1]), len(days) - 1)
    return np.concatenate((equity[:1], equity[1:][last]))


def _days(bars: Bars) -> float:
    span = int(bars.timestamp[-1] - bars.timestamp[0]) + bars.timeframe.seconds * 1000
    return span / _DAY_MS


def _percent(key: str, label: str, value: float | None) -> Metric:
    return Metric(key, label, _clean(value), "n/a" if value is None else f"{value:.2%}")


def _ratio(key: str, label: str, value: float | None) -> Metric:
    return Metric(key, label, _clean(value), "n/a" if value is None else f"{value:.2f}")


def _money(key: str, label: str, value: float | None) -> Metric:
    return Metric(key, label, _clean(value), "n/a" if value is None else f"{value:,.2f}")


def _clean(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
