"""What a strategy may answer, and what becomes of it."""

from decimal import Decimal

import numpy as np
import pytest

from engine.bars import Panel, from_ms
from engine.domain.adjustments import Adjustment
from engine.domain.ids import RunId
from engine.domain.policies import ExitPlan, OrderPolicy, Signal, TakeProfit, TargetUnit
from engine.strategies.answers import (
    InvalidResult,
    check_exit_plan,
    check_policy,
    checked,
    checked_adjustment,
)
from engine.strategies.api import Strategy, Targets
from tests.fakes.walks import HOUR, walk

BARS = walk("X", 5)
PANEL = Panel(HOUR, {BARS.instrument_id: BARS}, {})
ONES = np.ones(5)
RUN = RunId("run")


class Planned(Strategy):
    policy = OrderPolicy(offset=Decimal("0.001"))
    exit_plan = ExitPlan(stop=Decimal("0.02"))


def signals(targets: Targets, strategy: Strategy | None = None) -> list[Signal]:
    decided = checked(strategy or Strategy(), PANEL, {"X": targets})["X"]
    return [decided.signal(RUN, index) for index in range(5)]


def test_floats_become_exact_decimals_and_nan_no_opinion() -> None:
    found = signals(Targets(np.array([0.1, -0.25, np.nan, 0.0, -0.0])))
    assert [signal.target for signal in found] == [
        *(Decimal("0.1"), Decimal("-0.25"), None, Decimal("0.0"), Decimal("0.0")),
    ]
    assert str(found[4].target) == "0.0"
    assert found[1].bar_time == from_ms(int(BARS.timestamp[1]))
    assert found[0].run_id == RUN


def test_the_runs_policy_and_plan_hold_where_targets_name_none() -> None:
    (first, *_) = signals(Targets(ONES), Planned())
    assert first.policy == Planned.policy
    assert first.exit_plan == Planned.exit_plan
    own = ExitPlan(max_bars=3)
    (first, *_) = signals(Targets(ONES, exit_plan=own, policy=OrderPolicy()), Planned())
    assert (first.policy, first.exit_plan) == (OrderPolicy(), own)


def test_a_stop_price_joins_the_plan_where_there_is_one() -> None:
    stops = np.array([np.nan, 99.5, 98.0, np.nan, np.nan])
    found = signals(Targets(ONES, stop_price=stops), Planned())
    assert found[0].exit_plan == Planned.exit_plan
    assert found[1].exit_plan == ExitPlan(stop=Decimal("0.02"), stop_price=Decimal("99.5"))
    (_, alone, *_) = signals(Targets(ONES, stop_price=stops))
    assert alone.exit_plan == ExitPlan(stop_price=Decimal("99.5"))


@pytest.mark.parametrize(
    "tag", [list("abcde"), tuple("abcde"), np.array(list("abcde")), np.array(list("abcde"), object)]
)
def test_tags_may_differ_by_bar(tag: object) -> None:
    assert [signal.tag for signal in signals(Targets(ONES, tag=tag))] == list("abcde")


def test_one_tag_serves_all_bars() -> None:
    assert {signal.tag for signal in signals(Targets(ONES, tag="up"))} == {"up"}


def test_quantities_and_plain_lists_are_taken() -> None:
    found = signals(Targets([1, 2, 3, 4, True], unit=TargetUnit.QUANTITY))
    assert [signal.target for signal in found] == [1, 2, 3, 4, 1]
    assert found[0].unit is TargetUnit.QUANTITY


def test_columns_are_told_bar_by_bar_without_nan() -> None:
    decided = checked(
        Strategy(), PANEL, {"X": Targets(ONES, columns={"a": [1, 2, 3, 4, 5], "b": ONES * np.nan})}
    )["X"]
    assert decided.columns_at(1) == {"a": 2.0}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "decide returned None"),
        ([Targets(ONES)], "decide returned a list"),
        ({"Y": Targets(ONES)}, "'Y', not in its panel"),
        ({"X": ONES}, "decide returned a ndarray for X; return Targets"),
        ({"X": Targets(ONES[:4])}, "X: target has length 4; it must be 5, one per bar"),
        ({"X": Targets(np.ones(6))}, "length 6; it must be 5"),
        ({"X": Targets(np.ones((5, 1)))}, "shape (5, 1)"),
        ({"X": Targets(1.0)}, "shape ()"),
        ({"X": Targets(None)}, "shape ()"),
        ({"X": Targets(["a"] * 5)}, "use an array of numbers"),
        ({"X": Targets(np.array([1, 1, np.inf, 1, 1]))}, "infinite at bar 2 of 5"),
        ({"X": Targets(ONES, unit="lots")}, "unit is 'lots'"),
        ({"X": Targets(ONES, tag=["a"])}, "tag has length 1"),
        ({"X": Targets(ONES, tag=[1] * 5)}, "tag is a list"),
        ({"X": Targets(ONES, tag=5)}, "tag is a int"),
        ({"X": Targets(ONES, stop_price=ONES[:2])}, "stop_price has length 2"),
        ({"X": Targets(ONES, stop_price=ONES * -1)}, "stop_price has a value of zero or less"),
        ({"X": Targets(ONES, stop_price=ONES * np.inf)}, "stop_price is infinite"),
        ({"X": Targets(ONES, limit_price=ONES)}, "limit_price is not run yet"),
        ({"X": Targets(ONES, note="hello")}, "note is not run yet"),
        ({"X": Targets(ONES, columns={"a": ONES[:1]})}, "columns['a'] has length 1"),
        ({"X": Targets(ONES, columns=5)}, "columns is a int"),
        ({"X": Targets(ONES, policy="limit")}, "policy is a str"),
        ({"X": Targets(ONES, exit_plan=0.02)}, "exit_plan is a float"),
    ],
)
def test_what_can_not_be_traded_is_refused_and_says_where(answer: object, message: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        checked(Strategy(), PANEL, answer)
    assert message in str(caught.value)


D = Decimal


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (ExitPlan(stop=0.02), 'stop is a float; money is exact: use Decimal("0.02")'),
        (ExitPlan(stop=D(0)), "stop is 0; it must be above zero"),
        (ExitPlan(trail=D(-1)), "trail is -1"),
        (ExitPlan(stop_price=D("NaN")), "stop_price is NaN"),
        (ExitPlan(max_bars=0), "max_bars is 0"),
        (ExitPlan(stop_limit_offset=D("0.01")), "stop_limit_offset is not run yet"),
        (ExitPlan(max_bars=1.5), "max_bars is 1.5"),
        (ExitPlan(take_profits=(D(1),)), "a tuple of TakeProfit"),
        (ExitPlan(take_profits=(TakeProfit(distance=D(0)),)), "distance above 0"),
        (
            ExitPlan(take_profits=(TakeProfit(distance=D("0.1"), fraction=D("0.6")),) * 2),
            "close 1.2 of the position; at most 1",
        ),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: ExitPlan, message: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        check_exit_plan(plan, "exit_plan")
    assert message in str(caught.value)


def test_a_whole_plan_passes() -> None:
    rung = TakeProfit(distance=D("0.02"), fraction=D("0.5"))
    plan = ExitPlan(
        stop=D("0.02"), take_profits=(rung, rung), trail=D("0.01"), trail_after=D(0), max_bars=9
    )
    check_exit_plan(plan, "exit_plan")
    check_exit_plan(None, "exit_plan")


def test_offsets_of_a_policy_are_fractions() -> None:
    check_policy(OrderPolicy(offset=D("-0.001")), "policy")
    for policy in (OrderPolicy(offset=D(1)), OrderPolicy(worst_price_fraction=D(-1))):
        with pytest.raises(InvalidResult, match="fractions of the price"):
            check_policy(policy, "policy")


def test_adjust_may_answer_nothing_or_an_adjustment() -> None:
    assert checked_adjustment(None, "X") is None
    good = Adjustment(target=D("0.5"), exit_plan=ExitPlan(stop=D("0.01")))
    assert checked_adjustment(good, "X") is good


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (0.5, "adjust returned a float; return Adjustment or None"),
        (Adjustment(target=0.5), "adjust target is a float"),
        (Adjustment(target=D("Infinity")), "adjust target is Infinity"),
        (Adjustment(tag=1), "unit or tag of the wrong type"),
        (Adjustment(exit_plan=ExitPlan(stop=D(0))), "stop is 0"),
        (Adjustment(memo={"step": 1}), "a memo, which is not kept yet"),
        (Adjustment(policy=1), "adjust policy is a int"),
    ],
)
def test_a_bad_adjustment_is_refused(answer: object, message: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        checked_adjustment(answer, "X")
    assert message in str(caught.value)
