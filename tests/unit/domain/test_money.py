from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.money import (
    exact,
    from_float,
    quantize,
    round_down,
    round_nearest,
    round_up,
    to_text,
)

D = Decimal

amounts = st.decimals(
    min_value=-(10**15), max_value=10**15, places=18, allow_nan=False, allow_infinity=False
)
steps = st.sampled_from(
    [D(text) for text in ("1e-18", "1e-8", "0.001", "0.25", "3", "7e-5", "100")]
)


@pytest.mark.parametrize(
    ("amount", "step", "down", "nearest", "up"),
    [
        ("1.2399", "0.01", "1.23", "1.24", "1.24"),
        ("-1.2399", "0.01", "-1.23", "-1.24", "-1.23"),
        ("1.5", "1", "1", "2", "2"),
        ("2.5", "1", "2", "2", "3"),
        ("0.74", "0.25", "0.5", "0.75", "0.75"),
        ("3", "1", "3", "3", "3"),
        ("0", "0.1", "0", "0", "0"),
        ("0.000000000000000001", "1", "0", "0", "1"),
    ],
)
def test_rounding_to_a_step(amount: str, step: str, down: str, nearest: str, up: str) -> None:
    assert round_down(D(amount), D(step)) == D(down)
    assert round_nearest(D(amount), D(step)) == D(nearest)
    assert round_up(D(amount), D(step)) == D(up)


@given(amounts, steps)
def test_rounding_down_never_gives_more_and_leaves_less_than_a_step(
    amount: Decimal, step: Decimal
) -> None:
    rounded = round_down(amount, step)
    with exact():
        left = abs(amount) - abs(rounded)
        assert 0 <= left < step
        assert rounded % step == 0
        assert rounded * amount >= 0


@given(amounts, steps)
def test_rounding_up_never_gives_less(amount: Decimal, step: Decimal) -> None:
    with exact():
        assert 0 <= round_up(amount, step) - amount < step


def test_rounding_down_cuts_a_quotient_that_division_would_round_up() -> None:
    amount = D("29999999999999999999999999.999999999999999999")  # 44 digits
    assert round_down(amount, D(3)) == D("29999999999999999999999997")


def test_quantizing_keeps_eighteen_places_and_ties_go_to_even() -> None:
    assert quantize(D(1) / D(3)) == D("0.333333333333333333")
    assert quantize(D("5e-19")) == 0
    assert quantize(D("15e-19")) == D("2e-18")


def test_money_is_computed_with_more_digits_than_the_default() -> None:
    with exact():
        assert D("12345678901234567890.123456789012345678") + D("1e-18") == D(
            "12345678901234567890.123456789012345679"
        )


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_a_float_written_with_fifteen_digits_comes_out_as_written(written: Decimal) -> None:
    assert from_float(float(written)) == written


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_is_no_amount(value: float) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        from_float(value)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1.500", "1.5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1e-18", "0.000000000000000001"),
        ("-0.00", "0"),
        ("0E-18", "0"),
        ("-2.50", "-2.5"),
    ],
)
def test_amounts_are_written_in_plain_digits(amount: str, text: str) -> None:
    assert to_text(D(amount)) == text
