from dataclasses import replace
from decimal import Decimal

import pytest

from engine.domain.ids import BookId, ClientOrderId
from engine.domain.orders import (
    TRANSITIONS,
    IllegalTransition,
    Order,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
)
from tests.fakes.trading import ACCOUNT, BTC_USDT, START, at, fill

D = Decimal
S = OrderState

# Rows: present state; columns: where it may go. Every pair that is not listed must be refused.
EXPECTED = {
    S.INTENDED: "denied submitted acknowledged triggered partially_filled filled cancelled "
    "expired rejected unknown",
    S.SUBMITTED: "acknowledged triggered partially_filled filled cancelled expired rejected "
    "unknown cancel_pending",
    S.UNKNOWN: "acknowledged triggered partially_filled filled cancelled expired rejected "
    "cancel_pending",
    S.ACKNOWLEDGED: "triggered partially_filled filled cancelled expired rejected unknown "
    "cancel_pending replace_pending",
    S.TRIGGERED: "partially_filled filled cancelled expired rejected unknown cancel_pending "
    "replace_pending",
    S.PARTIALLY_FILLED: "filled cancelled expired unknown cancel_pending replace_pending",
    S.CANCEL_PENDING: "acknowledged triggered partially_filled filled cancelled expired rejected "
    "unknown",
    S.REPLACE_PENDING: "acknowledged triggered partially_filled filled cancelled expired unknown "
    "cancel_pending",
    S.CANCELLED: "filled",
    S.EXPIRED: "filled",
    S.REJECTED: "filled",
    S.DENIED: "",
    S.FILLED: "",
}


def order(state: OrderState = S.INTENDED, **changes: object) -> Order:
    made = Order(
        client_order_id=ClientOrderId("c1"),
        account_id=ACCOUNT,
        book_id=BookId("run-1"),
        instrument_id=BTC_USDT.id,
        side=OrderSide.BUY,
        order_type=OrderType.LIMIT,
        quantity=D(2),
        purpose=OrderPurpose.ENTRY,
        ts_init=START,
        ts_last=START,
        state=state,
    )
    return replace(made, **changes)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(EXPECTED) == set(OrderState)


@pytest.mark.parametrize("after", OrderState)
@pytest.mark.parametrize("before", OrderState)
def test_an_order_moves_as_the_table_says(before: OrderState, after: OrderState) -> None:
    allowed = EXPECTED[before].split()
    if before is after:
        assert order(before).moved(after, at=at(1)) == order(before)
    elif after in allowed:
        moved = order(before).moved(after, at=at(1))
        assert (moved.state, moved.ts_last) == (after, at(1))
    else:
        with pytest.raises(IllegalTransition, match=f"c1: {before} -> {after}"):
            order(before).moved(after, at=at(1))


def test_a_move_keeps_the_message_unless_told_another() -> None:
    named = order(S.SUBMITTED, message="old")
    assert named.moved(S.ACKNOWLEDGED, at=at(1)).message == "old"
    assert named.moved(S.REJECTED, at=at(1), message="no funds").message == "no funds"
    assert named.moved(S.SUBMITTED, at=at(1), message="still").message == "still"


@pytest.mark.parametrize("state", OrderState)
def test_ended_in_flight_and_working_are_told_apart(state: OrderState) -> None:
    assert state.is_terminal is (state in ["denied", "filled", "cancelled", "expired", "rejected"])
    assert state.is_in_flight is (
        state in ["intended", "submitted", "cancel_pending", "replace_pending", "unknown"]
    )
    assert order(state).is_working is (state in ["acknowledged", "triggered", "partially_filled"])


@pytest.mark.parametrize(
    ("before", "after_part", "after_all"),
    [
        (S.INTENDED, S.PARTIALLY_FILLED, S.FILLED),
        (S.SUBMITTED, S.PARTIALLY_FILLED, S.FILLED),
        (S.ACKNOWLEDGED, S.PARTIALLY_FILLED, S.FILLED),
        (S.TRIGGERED, S.PARTIALLY_FILLED, S.FILLED),
        (S.CANCEL_PENDING, S.CANCEL_PENDING, S.FILLED),
        (S.REPLACE_PENDING, S.REPLACE_PENDING, S.FILLED),
        (S.UNKNOWN, S.UNKNOWN, S.FILLED),  # the lost answer may have been a cancel's
        (S.CANCELLED, S.CANCELLED, S.FILLED),
        (S.EXPIRED, S.EXPIRED, S.FILLED),
        (S.REJECTED, S.REJECTED, S.FILLED),
    ],
)
def test_a_fill_books_in_whatever_state_the_order_is(
    before: OrderState, after_part: OrderState, after_all: OrderState
) -> None:
    half = order(before).with_fill(fill(1, OrderSide.BUY, "0.5", "100"), D(50))
    assert (half.state, half.filled_quantity, half.filled_value) == (after_part, D("0.5"), D(50))
    full = half.with_fill(fill(2, OrderSide.BUY, "1.5", "100"), D(150))
    assert (full.state, full.filled_quantity, full.filled_value) == (after_all, D(2), D(200))
    assert full.leaves_quantity == 0


def test_a_fill_tells_the_venue_order_id_and_never_turns_time_back() -> None:
    late = order(S.ACKNOWLEDGED, ts_last=at(10)).with_fill(fill(3, OrderSide.BUY, "1", "100"), D(1))
    assert (late.venue_order_id, late.ts_last) == ("v3", at(10))


def test_an_order_in_quote_is_not_filled_by_reaching_its_estimate() -> None:
    spent = order(S.ACKNOWLEDGED, quote_quantity=D(200)).with_fill(
        fill(1, OrderSide.BUY, "2", "99"), D(198)
    )
    assert spent.state is S.PARTIALLY_FILLED


def test_quantities_of_many_digits_are_summed_exactly() -> None:
    huge = D("12345678901234567890.123456789012345678")
    filled = order(S.ACKNOWLEDGED, quantity=huge).with_fill(
        fill(1, OrderSide.BUY, D("1e-18"), "1"), D("1e-18")
    )
    assert filled.leaves_quantity == D("12345678901234567890.123456789012345677")


def test_only_unreduced_entries_add_exposure() -> None:
    assert order().adds_exposure
    assert not order(reduce_only=True).adds_exposure
    for purpose in (OrderPurpose.EXIT, OrderPurpose.STOP, OrderPurpose.TAKE_PROFIT):
        assert not order(purpose=purpose).adds_exposure
        assert purpose.protects is (purpose is not OrderPurpose.EXIT)


def test_fills_differ_by_order_trade_and_side() -> None:
    first = fill(1, OrderSide.BUY, "1", "100")
    assert first.key == replace(first, price=D(101)).key
    others = (
        fill(2, OrderSide.BUY, "1", "100"),
        fill(1, OrderSide.SELL, "1", "100"),
        replace(first, venue_order_id="v9"),
    )
    assert len({first.key, *(other.key for other in others)}) == 4
