"""From a target to the change it asks for: worked out by hand, and held to for any numbers."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.money import exact
from engine.domain.orders import OrderSide
from engine.domain.policies import PositionChange, TargetUnit
from engine.portfolio.sizing import BookState, SizingRules, changes
from tests.fakes.trading import LINEAR
from tests.unit.engine.values import SPOT, D

FRACTION, QUANTITY = TargetUnit.FRACTION, TargetUnit.QUANTITY
RULES = SizingRules(allow_short=True, spend_quote=False)
LONG_ONLY = SizingRules(allow_short=False, spend_quote=False)
FLAT = BookState(quantity=D(0), equity=D(1000), cash=D(1000), price=D(100), rate=D(1))
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def step(side: OrderSide, quantity: str, *, reduces: bool) -> PositionChange:
    return PositionChange(side=side, quantity=D(quantity), reduces=reduces)


def test_a_whole_target_from_flat_buys_what_the_equity_pays_for() -> None:
    assert changes(D(1), FRACTION, FLAT, SPOT, RULES) == (step(BUY, "10", reduces=False),)


def test_a_venue_that_takes_quote_amounts_is_given_one_for_an_opening() -> None:
    rules = replace(RULES, spend_quote=True)
    [only] = changes(D("0.5"), FRACTION, FLAT, SPOT, rules)
    assert (only.quantity, only.quote_quantity) == (D(5), D(500))


def test_a_reversal_closes_first_and_then_opens() -> None:
    held = replace(FLAT, quantity=D(10), cash=D(0))
    steps = changes(D(-1), FRACTION, held, SPOT, RULES)
    assert steps == (step(SELL, "10", reduces=True), step(SELL, "10", reduces=False))


def test_a_short_target_is_flat_where_shorting_is_not_allowed() -> None:
    held = replace(FLAT, quantity=D(10), cash=D(0))
    assert changes(D(-1), FRACTION, held, SPOT, LONG_ONLY) == (step(SELL, "10", reduces=True),)


def test_targets_do_not_rebalance_inside_the_band() -> None:
    held = replace(FLAT, quantity=D("9.9"), cash=D(10))
    assert changes(D(1), FRACTION, held, SPOT, RULES) == ()


def test_a_smaller_target_reduces_by_the_difference() -> None:
    held = replace(FLAT, quantity=D(10), cash=D(0))
    assert changes(D("0.4"), FRACTION, held, SPOT, RULES) == (step(SELL, "6", reduces=True),)


def test_a_larger_target_buys_only_what_the_cash_still_pays_for() -> None:
    held = replace(FLAT, quantity=D(5), cash=D(200))
    assert changes(D(1), FRACTION, held, SPOT, RULES) == (step(BUY, "2", reduces=False),)


def test_a_target_in_units_is_taken_as_it_is() -> None:
    steps = changes(D("2.5004"), QUANTITY, FLAT, SPOT, RULES)
    assert steps == (step(BUY, "2.500", reduces=False),)


def test_contracts_are_sized_by_their_multiplier_and_by_margin_not_by_cash() -> None:
    book = replace(FLAT, cash=D(0))
    assert changes(D(1), FRACTION, book, LINEAR, RULES) == (step(BUY, "100", reduces=False),)


def test_what_the_quote_is_worth_counts() -> None:
    book = replace(FLAT, rate=D("0.5"))  # half a reporting unit buys one of the quote
    assert changes(D(1), FRACTION, book, SPOT, RULES) == (step(BUY, "20", reduces=False),)


@pytest.mark.parametrize("equity", [D(0), D(-50), D("0.01")])
def test_nothing_is_opened_with_nothing(equity: Decimal) -> None:
    book = replace(FLAT, equity=equity, cash=equity)
    assert changes(D(1), FRACTION, book, SPOT, RULES) == ()


AMOUNT = st.decimals(min_value=D("0.01"), max_value=D(1_000_000), places=2)
HELD = st.decimals(min_value=D(-1000), max_value=D(1000), places=3)
TARGET = st.decimals(min_value=D(-2), max_value=D(2), places=2)


@given(TARGET, HELD, AMOUNT, AMOUNT, AMOUNT, st.booleans())
def test_steps_are_on_the_increment_and_never_spend_more_than_there_is(
    target: Decimal, held: Decimal, equity: Decimal, cash: Decimal, price: Decimal, short: bool
) -> None:
    held = held if short else abs(held)
    book = BookState(quantity=held, equity=equity, cash=cash, price=price, rate=D(1))
    rules = SizingRules(allow_short=short, spend_quote=False)
    steps = changes(target, FRACTION, book, SPOT, rules)
    after = held
    for one in steps:
        assert one.quantity > 0
        assert one.quantity == SPOT.round_quantity(one.quantity)
        before, after = after, after + one.quantity * one.side.sign
        if one.reduces:
            assert abs(after) < abs(before)
            assert after * before >= 0  # towards zero, never through it
        elif one.side is BUY:
            with exact():
                assert one.quantity * price <= cash
    if not short:
        assert after >= 0
