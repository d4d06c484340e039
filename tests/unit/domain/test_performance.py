from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.money import exact
from engine.domain.performance import (
    Drawdown,
    DrawdownTracker,
    drawdown,
    return_over,
    trade_statistics,
)
from engine.domain.views import EquityPoint
from tests.fakes.trading import at

D = Decimal


def points(*values: tuple[str, str] | str) -> list[EquityPoint]:
    """Points a minute apart: equity, or (equity, flows since the opening)."""
    pairs = [(value, "0") if isinstance(value, str) else value for value in values]
    return [
        EquityPoint(time=at(n), equity=D(equity), flows=D(flows))
        for n, (equity, flows) in enumerate(pairs)
    ]


def test_drawdown_is_measured_from_the_peak_with_the_start_included() -> None:
    found = drawdown(points("100", "120", "90", "110"))
    assert found.maximum == D("-0.25")
    assert (found.peak_at, found.trough_at) == (at(1), at(2))
    assert found.current == pytest.approx(D(110) / D(120) - 1)
    assert drawdown(points("100", "80")).current == D("-0.2")


def test_a_new_peak_ends_a_drawdown_but_not_the_memory_of_it() -> None:
    found = drawdown(points("100", "80", "101"))
    assert (found.current, found.maximum, found.trough_at) == (0, D("-0.2"), at(1))


def test_deposits_do_not_hide_a_loss_nor_withdrawals_make_one() -> None:
    assert drawdown(points("100", ("180", "100"))).current == D("-0.2")
    assert drawdown(points("100", ("40", "-60"))).current == 0
    found = drawdown(points("100", ("40", "-60"), ("30", "-60")))
    assert found.current == D("-0.25")


def test_money_taken_out_and_put_back_keeps_an_open_drawdown() -> None:
    found = drawdown(points("100", "80", ("0", "-80"), ("80", "0"), ("84", "0")))
    assert found.current == D("-0.16")


def test_an_account_begins_with_its_first_money() -> None:
    assert drawdown(points("0", ("1000", "1000"), ("950", "1000"))).current == D("-0.05")


def test_everything_lost_is_a_drawdown_of_one_until_new_money_comes() -> None:
    lost = points("100", "-5", "-5")
    assert drawdown(lost).current == -1
    again = drawdown(points("100", "-5", ("95", "100"), ("90.25", "100")))
    assert (again.current, again.maximum) == (D("-0.05"), -1)


def test_nothing_has_no_drawdown() -> None:
    assert drawdown([]) == Drawdown()


equities = st.lists(st.decimals(min_value=1, max_value=10**6, places=2), min_size=1, max_size=30)


@given(equities, st.lists(st.decimals(min_value=0, max_value=10**6, places=2), max_size=30))
def test_drawdown_stays_between_nothing_and_everything(equity: list, flows: list) -> None:
    tracker = DrawdownTracker()
    total, deepest = D(0), D(0)
    for n, value in enumerate(equity):
        total += flows[n] if n < len(flows) else 0
        now = tracker.add(EquityPoint(time=at(n), equity=value, flows=total))
        deepest = min(deepest, now.current)
        assert -1 <= now.maximum <= now.current <= 0
    assert tracker.drawdown.maximum == deepest


@given(equities)
def test_without_flows_drawdown_is_equity_below_its_peak(equity: list) -> None:
    expected = min(value / max(equity[: n + 1]) - 1 for n, value in enumerate(equity))
    found = drawdown(points(*map(str, equity)))
    with exact():
        assert abs(found.maximum - expected) < D("1e-17")


def test_statistics_of_the_golden_trades() -> None:
    found = trade_statistics(map(D, ("120", "-50", "80", "-40", "-30", "60")))
    assert (found.trades, found.wins, found.losses, found.zeros) == (6, 3, 3, 0)
    assert found.profit_factor == pytest.approx(D("2.166667"), rel=D("1e-6"))
    assert found.win_rate == D("0.5")
    assert found.expectancy == pytest.approx(D("23.3333"), rel=D("1e-5"))
    assert found.payoff_ratio == pytest.approx(D("2.1667"), rel=D("1e-4"))
    assert (found.gross_profit, found.gross_loss, found.net) == (260, 120, 140)
    assert (found.best, found.worst, found.longest_loss_streak) == (120, -50, 2)
    assert (found.average_win, found.average_loss) == (pytest.approx(D("86.666667")), 40)


def test_zero_trades_are_counted_and_left_out_of_the_win_rate() -> None:
    found = trade_statistics(map(D, ("10", "0", "0", "-5")))
    assert (found.trades, found.zeros, found.win_rate) == (4, 2, D("0.5"))
    assert found.expectancy == D("1.25")


def test_without_a_losing_trade_there_is_no_profit_factor() -> None:
    found = trade_statistics([D(5), D(7)])
    assert (found.profit_factor, found.payoff_ratio, found.average_loss) == (None, None, None)
    assert found.win_rate == 1


def test_without_a_winning_trade_it_is_zero() -> None:
    found = trade_statistics([D(-5), D(0), D(-7)])
    assert (found.profit_factor, found.payoff_ratio, found.average_win) == (0, None, None)
    assert found.longest_loss_streak == 2


def test_no_trades_have_no_figures() -> None:
    found = trade_statistics([])
    assert (found.trades, found.win_rate, found.expectancy, found.best) == (0, None, None, None)


def test_a_return_leaves_flows_out() -> None:
    start, end = points("100", ("160", "50"))
    assert return_over(start, end) == D("0.1")
    assert return_over(points("0")[0], end) is None
