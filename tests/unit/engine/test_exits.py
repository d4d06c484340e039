"""Exit plans by hand and by any walk of prices: a stop never loosens, rungs never exceed."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.policies import ExitPlan, TakeProfit
from engine.domain.records import ExitPlanState
from engine.execution.exits import (
    after_bar,
    is_due,
    next_target,
    replanned,
    resized,
    wanted_exits,
)
from tests.unit.engine.values import SPOT, D, bar, plan_state

LADDER = (
    TakeProfit(distance=D("0.05"), fraction=D("0.5")),
    TakeProfit(distance=D("0.10"), fraction=D("0.25")),
)


def played(state: ExitPlanState, *closes: int) -> ExitPlanState:
    for number, close in enumerate(closes):
        state = after_bar(state, bar(number, D(close)))
    return state


def test_a_long_is_stopped_below_and_a_short_above() -> None:
    plan = ExitPlan(stop=D("0.02"))
    assert plan_state(plan).stop_price == 98
    assert plan_state(plan, quantity=D(-10)).stop_price == 102


def test_of_two_stops_the_tighter_one_counts() -> None:
    assert plan_state(ExitPlan(stop=D("0.05"), stop_price=D(97))).stop_price == 97
    assert plan_state(ExitPlan(stop=D("0.02"), stop_price=D(97))).stop_price == 98


def test_a_trailing_stop_follows_the_best_close() -> None:
    state = played(plan_state(ExitPlan(trail=D("0.1"))), 110, 120, 105)
    assert (state.best_price, state.stop_price) == (120, 108)


def test_trailing_begins_once_the_profit_is_there() -> None:
    plan = ExitPlan(stop=D("0.05"), trail=D("0.01"), trail_after=D("0.10"))
    assert played(plan_state(plan), 109).stop_price == 95
    assert played(plan_state(plan), 110).stop_price == D("108.9")


def test_break_even_moves_the_stop_to_the_entry() -> None:
    plan = ExitPlan(stop=D("0.05"), break_even_after=D("0.04"))
    assert played(plan_state(plan), 103).stop_price == 95
    assert played(plan_state(plan), 104, 96).stop_price == 100


def test_a_bar_told_twice_counts_once() -> None:
    state = played(plan_state(ExitPlan(max_bars=2)), 101)
    assert after_bar(state, bar(0, D(101))) is state
    assert not is_due(state)
    assert is_due(after_bar(state, bar(1, D(101))))


def test_a_ladder_covers_its_parts_and_the_stop_all_of_it() -> None:
    stop, first, second = wanted_exits(
        plan_state(ExitPlan(stop=D("0.05"), take_profits=LADDER)), D(10), SPOT
    )
    assert (stop.is_stop, stop.price, stop.quantity) == (True, 95, 10)
    assert (first.price, first.quantity) == (105, 5)
    assert (second.price, second.quantity) == (110, D("2.5"))


def test_a_stop_is_for_what_can_be_sold_of_a_position_that_paid_its_fee_in_kind() -> None:
    state = plan_state(ExitPlan(stop=D("0.02")), quantity=D("0.9991"))
    assert [w.quantity for w in wanted_exits(state, D("0.9991"), SPOT)] == [D("0.999")]
    assert wanted_exits(state, D("0.0009"), SPOT) == ()


def test_rungs_never_cover_more_than_is_held() -> None:
    state = plan_state(ExitPlan(take_profits=LADDER))
    assert [w.quantity for w in wanted_exits(state, D(6), SPOT)] == [5, 1]
    assert next_target(state, SPOT) == 105


def test_a_position_that_grew_keeps_the_tighter_stop() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    assert resized(state, D(20), D(110)).stop_price == D("104.5")
    assert resized(state, D(20), D(90)).stop_price == 95


PRICES = st.lists(st.integers(min_value=50, max_value=200), min_size=1, max_size=40)
FRACTION = st.integers(min_value=1, max_value=30).map(lambda percent: D(percent) / 100)
PLANS = st.builds(
    ExitPlan,
    stop=st.none() | FRACTION,
    trail=st.none() | FRACTION,
    trail_after=st.just(D(0)) | FRACTION,
    break_even_after=st.none() | FRACTION,
)
SIZES = st.sampled_from([D(10), D(-10)])


def looser(state: ExitPlanState, before: Decimal | None, after: Decimal | None) -> bool:
    """Tell whether a stop went away, or away from the market."""
    if before is None:
        return False
    if after is None:
        return True
    return after < before if state.entry_quantity > 0 else after > before


@given(PLANS, SIZES, PRICES)
def test_a_stop_never_loosens_on_any_walk(plan: ExitPlan, size: Decimal, closes: list[int]) -> None:
    state = plan_state(plan, quantity=size)
    for number, close in enumerate(closes):
        moved = after_bar(state, bar(number, D(close)))
        assert not looser(state, state.stop_price, moved.stop_price)
        state = moved


@given(PLANS, PLANS, SIZES, PRICES, st.integers(min_value=60, max_value=180))
def test_another_plan_or_size_never_loosens_a_stop(
    first: ExitPlan, second: ExitPlan, size: Decimal, closes: list[int], average: int
) -> None:
    state = played(plan_state(first, quantity=size), *closes)
    changed = replanned(state, second)
    assert not looser(state, state.stop_price, changed.stop_price)
    grown = resized(state, size * 2, D(average))
    assert not looser(state, state.stop_price, grown.stop_price)


@given(
    st.lists(st.tuples(FRACTION, FRACTION), max_size=6),
    st.decimals(min_value=D("0.001"), max_value=D(50), places=3),
    st.integers(min_value=0, max_value=6),
)
def test_rungs_together_never_exceed_the_position(
    rungs: list[tuple[Decimal, Decimal]], held: Decimal, done: int
) -> None:
    ladder = tuple(TakeProfit(distance=d, fraction=f) for d, f in rungs)
    state = played(plan_state(ExitPlan(stop=D("0.05"), take_profits=ladder), quantity=D(50)))
    wanted = [w for w in wanted_exits(state, held, SPOT) if w.rung >= done]
    takes = [w for w in wanted if not w.is_stop]
    assert sum((w.quantity for w in takes), D(0)) <= held
    assert all(w.quantity > 0 for w in takes)
