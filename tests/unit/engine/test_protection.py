"""What rests at the venue against what the plan wants: a diff that may be repeated."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import ClientOrderId
from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan, TakeProfit
from engine.domain.records import ExitPlanState
from engine.execution.exits import wanted_exits
from engine.execution.protection import (
    ProtectionChange,
    has_stops_to_spare,
    is_protected,
    protect,
    rung_at_market,
)
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


def test_the_old_stop_is_cancelled_only_once_the_new_one_is_known_to_work() -> None:
    beside = ExitStyle.SIDE_BY_SIDE
    state = plan_state(ExitPlan(stop=D("0.05")))
    old = carried_out(diff(state, D(10), [], style=beside), [])
    moved = replace(state, stop_price=D(99))
    [new] = diff(moved, D(10), old, minute=1, style=beside).place
    doubtful = replace(new, state=OrderState.UNKNOWN)
    assert diff(moved, D(10), [*old, doubtful], minute=2, style=beside) == ProtectionChange()
    known = replace(new, state=OrderState.ACKNOWLEDGED)
    assert has_stops_to_spare([*old, known])
    assert list(diff(moved, D(10), [*old, known], minute=2, style=beside).cancel) == old


ALONE = ExitStyle.ONE_AT_A_TIME


def test_where_a_stop_locks_it_goes_first_and_the_next_one_is_placed_when_it_has_ended() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    working = carried_out(diff(state, D(10), [], style=ALONE), [])
    tighter = replace(state, stop_price=D(99))
    change = diff(tighter, D(10), working, minute=1, style=ALONE)
    assert (change.place, list(change.cancel)) == ((), working)
    going = [replace(o, state=OrderState.CANCEL_PENDING) for o in working]
    assert diff(tighter, D(10), going, minute=1, style=ALONE) == ProtectionChange()
    [new] = diff(tighter, D(10), [], minute=1, style=ALONE).place
    assert new.trigger_price == 99


def test_what_closed_a_position_before_it_turned_round_is_not_waited_for() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    [stop] = diff(state, D(10), [], style=ALONE).place
    works = replace(stop, state=OrderState.ACKNOWLEDGED)
    doubtful = replace(stop, client_order_id=ClientOrderId("x"), state=OrderState.UNKNOWN)
    short = replace(plan_state(ExitPlan(stop=D("0.05")), quantity=D(-10)), stop_price=D(105))
    change = diff(short, D(-10), [works, doubtful], minute=1, style=ALONE)
    assert [(o.side, o.quantity, o.trigger_price) for o in change.place] == [
        (OrderSide.BUY, 10, 105)
    ]
    assert change.cancel == (works,)
    assert not is_protected(short, D(-10), [works], SPOT)
    assert is_protected(state, D(10), [works], SPOT)


def test_where_all_is_leaving_a_stop_in_doubt_is_left_to_who_clears_up_doubts() -> None:
    [stop] = diff(plan_state(ExitPlan(stop=D("0.05"))), D(10), [], style=ALONE).place
    works = replace(stop, state=OrderState.ACKNOWLEDGED)
    doubtful = replace(stop, state=OrderState.UNKNOWN)
    assert diff(plan_state(PLAN), D(0), [works], style=ALONE).cancel == (works,)
    assert diff(plan_state(PLAN), D(0), [doubtful], style=ALONE).cancel == ()
    assert diff(None, D(0), [doubtful], style=ALONE).cancel == (doubtful,)


def test_what_goes_out_at_the_market_is_neither_counted_nor_cancelled() -> None:
    state = plan_state(PLAN)
    stop = carried_out(diff(state, D(5), [], style=ALONE), [])
    [rung] = [w for w in wanted_exits(state, D(5), SPOT) if not w.is_stop]
    selling = rung_at_market(state, D(5), rung, NOON, lambda _: False)
    assert (selling.order_type, selling.purpose) == (OrderType.MARKET, OrderPurpose.TAKE_PROFIT)
    assert diff(state, D(5), [*stop, selling], style=ALONE) == ProtectionChange()


def test_a_stop_that_is_not_as_reduce_only_as_it_could_be_is_replaced() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")))
    now = NOON
    beside = ExitStyle.SIDE_BY_SIDE
    [plain] = protect(state, D(10), [], SPOT, now=now, style=ALONE, reduce_only=False).place
    assert not plain.reduce_only
    works = replace(plain, state=OrderState.ACKNOWLEDGED)
    change = protect(state, D(10), [works], SPOT, now=now + MINUTE, style=beside)
    assert [o.reduce_only for o in change.place] == [True]
    assert change.cancel == (works,)


def test_a_remainder_that_can_not_be_sold_needs_no_stop() -> None:
    state = plan_state(ExitPlan(stop=D("0.05")), quantity=D("9.9905"))
    working = carried_out(diff(state, D("9.9905"), []), [])
    assert working[0].quantity == D("9.990")
    assert is_protected(state, D("9.9905"), working, SPOT)


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
