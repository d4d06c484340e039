"""How an exit goes out: how much of it, reduce-only or plain, one part or two."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.orders import Order, OrderPurpose, OrderSide, OrderState, OrderType
from engine.domain.policies import ExitPlan, TakeProfit
from engine.execution.exits import reached, rung_taken, wanted_exits
from engine.execution.leaving import cleared, goes_at_once, is_backed, style_of, under_way
from engine.ports import ExitStyle
from tests.unit.engine.values import SPOT, D, bar, order, plan_state

LINKED, BESIDE, ALONE = ExitStyle
INSTRUMENT = replace(SPOT, min_quantity=D(1))


def leaving(quantity: int = 10, **changes: object) -> Order:
    fields = {"side": OrderSide.SELL, "purpose": OrderPurpose.EXIT, "reduce_only": True}
    return order("exit", quantity=D(quantity), **(fields | changes))


@pytest.mark.parametrize(
    ("quantity", "net", "style"),
    [
        *((10, 10, BESIDE), (10, 25, BESIDE), (10, 6, ALONE), (10, -6, ALONE), (10, 0, ALONE)),
        *((-10, -10, BESIDE), (-10, 6, ALONE), (0, 6, BESIDE)),
    ],
)
def test_exits_rest_side_by_side_only_where_the_net_is_behind_them(
    quantity: int, net: int, style: ExitStyle
) -> None:
    assert style_of(BESIDE, D(quantity), D(net)) is style
    assert style_of(LINKED, D(quantity), D(net)) is LINKED
    assert style_of(ALONE, D(quantity), D(net)) is ALONE


def test_an_exit_is_for_no_more_than_is_free_and_never_rests() -> None:
    asked = leaving(order_type=OrderType.LIMIT, limit_price=D(101))
    [out] = cleared(asked, D("4.0004"), D(10), INSTRUMENT, splits=False)
    assert (out.quantity, out.order_type, out.limit_price) == (4, OrderType.MARKET, None)
    assert out.client_order_id == asked.client_order_id
    assert cleared(asked, D(0), D(10), INSTRUMENT, splits=False) == ()


def test_what_shrinks_the_net_is_reduce_only_and_the_rest_plain_under_an_id_of_its_own() -> None:
    first, rest = cleared(leaving(), D(10), D(6), INSTRUMENT, splits=True)
    assert [(o.quantity, o.reduce_only) for o in (first, rest)] == [(6, True), (4, False)]
    assert first.client_order_id == "exit" != rest.client_order_id
    again = cleared(leaving(), D(10), D(6), INSTRUMENT, splits=True)
    assert again == (first, rest)


def test_a_rest_that_went_out_before_is_followed_under_another_id() -> None:
    _, before = cleared(leaving(), D(10), D(6), INSTRUMENT, splits=True)
    known = {before.client_order_id}
    first, rest = cleared(
        leaving(), D(10), D(6), INSTRUMENT, splits=True, is_known=known.__contains__
    )
    assert first.client_order_id == "exit"
    assert rest.client_order_id not in {*known, "exit"}


@pytest.mark.parametrize("net", [-3, 0, D("0.5"), D("9.5")])
def test_parts_that_the_venue_would_not_take_go_plain_and_whole(net: Decimal) -> None:
    [out] = cleared(leaving(), D(10), D(net), INSTRUMENT, splits=True)
    assert (out.quantity, out.reduce_only) == (10, False)


@given(
    quantity=st.integers(1, 30),
    free=st.integers(0, 30),
    net=st.integers(-30, 30),
)
def test_the_parts_are_never_more_than_is_free_nor_reduce_only_beyond_the_net(
    quantity: int, free: int, net: int
) -> None:
    out = cleared(leaving(quantity), D(free), D(net), INSTRUMENT, splits=True)
    assert sum(o.quantity for o in out) == min(quantity, free)
    assert sum(o.quantity for o in out if o.reduce_only) <= max(net, 0)
    assert is_backed(D(quantity), D(net)) is (net >= quantity)


def test_an_exit_in_doubt_counts_only_where_the_venue_sets_no_bound() -> None:
    doubtful = leaving(4, state=OrderState.UNKNOWN)
    sent = replace(leaving(3, state=OrderState.SUBMITTED), client_order_id="other")
    stop = order("stop", purpose=OrderPurpose.STOP, order_type=OrderType.STOP)
    both = [doubtful, sent, stop]
    assert under_way(both, doubtful=False) == 3
    assert under_way(both, doubtful=True) == 7
    assert under_way(both, {"other"}, doubtful=False) == 0
    assert not goes_at_once(stop)


# --- rungs -------------------------------------------------------------------------------------

LADDER = ExitPlan(
    take_profits=tuple(
        TakeProfit(distance=D(distance), fraction=D(part))
        for distance, part in (("0.1", "0.05"), ("0.2", "0.5"), ("0.3", "0.4"))
    )
)


def test_a_rung_below_the_minimum_joins_the_last_one() -> None:
    exits = wanted_exits(plan_state(LADDER), D(10), INSTRUMENT, join_small=True)
    assert [(e.rung, e.quantity) for e in exits] == [(1, 5), (2, D("4.5"))]
    whole = wanted_exits(plan_state(LADDER), D(10), INSTRUMENT)
    assert [e.quantity for e in whole] == [D("0.5"), 5, 4]


def test_a_ladder_of_small_rungs_is_one_at_its_end() -> None:
    plan = ExitPlan(take_profits=(TakeProfit(distance=D("0.1"), fraction=D("0.05")),) * 3)
    [only] = wanted_exits(plan_state(plan), D(10), INSTRUMENT, join_small=True)
    assert (only.rung, only.quantity) == (2, D("1.5"))


def test_a_rung_that_joined_another_is_done_with_it() -> None:
    state = plan_state(LADDER)
    after = rung_taken(state, D(10), INSTRUMENT, join_small=True)
    assert after.rungs_done == 2
    left = wanted_exits(after, D(5), INSTRUMENT, join_small=True)
    assert [(e.rung, e.quantity) for e in left] == [(2, D("4.5"))]


def test_a_bar_reaches_rungs_by_its_best_price_or_by_its_close_where_it_began_before() -> None:
    exits = wanted_exits(plan_state(LADDER), D(10), SPOT)
    flat = bar(1, D(121))
    assert [e.rung for e in reached(exits, flat, 1, whole=True)] == [0, 1]
    spike = type(flat)(**{f: getattr(flat, f) for f in flat.__struct_fields__} | {"close": D(100)})
    assert [e.rung for e in reached(exits, spike, 1, whole=True)] == [0, 1]
    assert reached(exits, spike, 1, whole=False) == ()


def test_a_short_positions_rungs_are_reached_by_the_low() -> None:
    exits = wanted_exits(plan_state(LADDER, quantity=D(-10)), D(-10), SPOT)
    assert [e.price for e in exits] == [90, 80, 70]
    assert [e.rung for e in reached(exits, bar(1, D(85)), -1, whole=True)] == [0]
