"""What rests at the venue against what the plan wants: a diff that may be repeated."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.orders import Order, OrderState
from engine.domain.policies import ExitPlan, TakeProfit
from engine.domain.records import ExitPlanState
from engine.execution.protection import ProtectionChange, is_protected, protect
from engine.ports import ExitStyle
from tests.unit.engine.values import MINUTE, NOON, SPOT, D, plan_state

PLAN = ExitPlan(stop=D("0.05"), take_profits=(TakeProfit(distance=D("0.1"), fraction=D("0.5")),))


def diff(
    state: ExitPlanState | None,
    quantity: Decimal,
    working: list[Order],
    *,
    minute: int = 0,
    style: ExitStyle = ExitStyle.LINKED,
) -> ProtectionChange:
    now = NOON + minute * MINUTE
    return protect(state, quantity, working, SPOT, now=now, style=style)


def carried_out(change: ProtectionChange, working: list[Order]) -> list[Order]:
    """Return what works once the venue has done as asked."""
    gone = {order.client_order_id for order in change.cancel}
    kept = [order for order in working if order.client_order_id not in gone]
    return [*kept, *(replace(o, state=OrderState.ACKNOWLEDGED) for o in change.place)]


def test_a_fresh_position_gets_its_stop_and_its_target() -> None:
    stop, target = diff(plan_state(PLAN), D(10), []).place
    assert (stop.trigger_price, stop.quantity, stop.reduce_only) == (95, 10, True)
    assert (target.limit_price, target.quantity, target.group_id) == (110, 5, stop.group_id)


def test_targets_rest_only_where_they_can_beside_the_stop() -> None:
    [only] = diff(plan_state(PLAN), D(10), [], style=ExitStyle.ONE_AT_A_TIME).place
    assert only.trigger_price == 95


def test_a_moved_stop_is_placed_before_the_old_one_is_cancelled() -> None:
    working = carried_out(diff(plan_state(ExitPlan(stop=D("0.05"))), D(10), []), [])
    tighter = replace(plan_state(ExitPlan(stop=D("0.05"))), stop_price=D(99))
    change = diff(tighter, D(10), working, minute=1)
    assert [o.trigger_price for o in change.place] == [99]
    assert list(change.cancel) == working


def test_a_stop_that_is_being_cancelled_protects_nothing() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    working = carried_out(diff(state, D(10), []), [])
    going = [replace(o, state=OrderState.CANCEL_PENDING) for o in working]
    assert len(diff(state, D(10), going, minute=1).place) == 1
    assert not is_protected(state, D(10), going, SPOT)
    assert is_protected(state, D(10), working, SPOT)


def test_a_partly_covered_position_is_unprotected() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    working = carried_out(diff(state, D(6), []), [])
    assert not is_protected(state, D(10), working, SPOT)


def test_a_closed_position_needs_no_exits() -> None:
    working = carried_out(diff(plan_state(PLAN), D(10), []), [])
    assert list(diff(plan_state(PLAN), D(0), working).cancel) == working
    assert list(diff(None, D(10), working).cancel) == working


def test_a_place_taken_again_later_has_an_id_of_its_own() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    [first], [later] = diff(state, D(10), []).place, diff(state, D(10), [], minute=1).place
    assert first.client_order_id != later.client_order_id
    [again] = diff(state, D(10), []).place
    assert again.client_order_id == first.client_order_id


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=-20, max_value=20).map(D),
            st.integers(min_value=80, max_value=99).map(D),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_the_diff_applied_twice_places_and_cancels_nothing(
    steps: list[tuple[Decimal, Decimal]],
) -> None:
    working: list[Order] = []
    for minute, (quantity, stop) in enumerate(steps):
        entry = quantity or D(1)
        state = replace(plan_state(PLAN, quantity=entry), stop_price=stop)
        working = carried_out(diff(state, quantity, working, minute=minute), working)
        again = diff(state, quantity, working, minute=minute)
        assert again == ProtectionChange()
        if quantity:
            assert is_protected(state, quantity, working, SPOT)
        else:
            assert working == []
