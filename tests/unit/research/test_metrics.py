"""The metrics' definitions, pinned by a vector computed independently."""

import numpy as np
import pytest

from engine.research import metrics

RETURNS = np.array([0.01, -0.02, 0.015, 0, -0.005, 0.02, -0.01, 0.005])
TRADES = [120.0, -50.0, 80.0, -40.0, -30.0, 60.0]
RISKS = [50.0, 50.0, 40.0, 40.0, 30.0, 30.0]


def about(value: float) -> object:
    return pytest.approx(value, abs=1e-6)


def test_the_golden_vector() -> None:
    assert float(np.mean(RETURNS)) == about(0.001875)
    assert float(np.std(RETURNS, ddof=1)) == about(0.01334635)
    assert metrics.downside_deviation(RETURNS) == about(0.00810093)
    assert metrics.growth(RETURNS) == about(1.01446718)
    assert metrics.max_drawdown(metrics.equity_of(RETURNS)).depth == about(-0.02)
    assert metrics.value_at_risk(RETURNS) == about(0.0165)
    assert metrics.expected_shortfall(RETURNS) == about(0.02)
    assert metrics.parametric_value_at_risk(RETURNS) == about(0.020078)
    assert metrics.parametric_expected_shortfall(RETURNS) == about(0.025655)


@pytest.mark.parametrize(
    ("periods", "sharpe", "sortino", "cagr", "calmar", "volatility"),
    [
        (252, 2.230176, 3.674235, 0.572161, 28.608050, 0.211867),
        (365, 2.684017, 4.421942, 0.925789, 46.289467, 0.254982),
    ],
)
def test_the_golden_vector_per_year(
    periods: int, sharpe: float, sortino: float, cagr: float, calmar: float, volatility: float
) -> None:
    yearly = metrics.cagr(metrics.growth(RETURNS), len(RETURNS) / periods)
    depth = metrics.max_drawdown(metrics.equity_of(RETURNS)).depth
    assert metrics.sharpe(RETURNS, periods) == about(sharpe)
    assert metrics.sortino(RETURNS, periods) == about(sortino)
    assert yearly == about(cagr)
    assert metrics.calmar(yearly, depth) == about(calmar)
    assert metrics.volatility(RETURNS, periods) == about(volatility)


def test_the_golden_trades() -> None:
    multiples = metrics.r_multiples(TRADES, RISKS)
    assert metrics.profit_factor(TRADES) == about(2.166667)
    assert metrics.win_rate(TRADES) == about(0.5)
    assert metrics.expectancy(TRADES) == pytest.approx(23.3333, abs=1e-4)
    assert metrics.payoff_ratio(TRADES) == pytest.approx(2.1667, abs=1e-4)
    assert metrics.expectancy(multiples) == about(0.566667)
    assert metrics.system_quality(multiples) == about(0.805877)


def test_what_has_no_value_is_none_and_never_zero() -> None:
    flat = np.zeros(40)
    assert metrics.sharpe(flat, 252) is None
    assert metrics.sortino(flat, 252) is None
    assert metrics.calmar(0.1, 0.0) is None
    assert metrics.cagr(0.0, 1.0) is None
    assert metrics.profit_factor([1.0, 2.0]) is None
    assert metrics.win_rate([0.0]) is None
    assert metrics.expectancy([]) is None


def test_a_trade_that_made_nothing_is_neither_won_nor_lost() -> None:
    assert metrics.win_rate([1.0, 0.0, -1.0]) == 0.5
    assert metrics.expectancy([1.0, 0.0, 2.0]) == 1.0


def test_a_drawdown_begins_at_the_opening_equity_and_may_recover() -> None:
    fall = metrics.max_drawdown(np.array([100.0, 90.0, 80.0, 100.0, 99.0]))
    assert fall == metrics.Drawdown(pytest.approx(-0.2), peak=0, trough=2, recovered=3)
    assert metrics.max_drawdown(np.array([100.0, 120.0, 60.0])).recovered is None
