from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.instruments import InstrumentKind
from engine.domain.money import exact
from tests.fakes.trading import BTC, BTC_USDT, INVERSE, LINEAR, USDT, instrument

D = Decimal

prices = st.decimals(min_value=D("0.01"), max_value=10**6, places=4)
quantities = st.decimals(min_value=-(10**6), max_value=10**6, places=8)


def test_spot_is_worth_quantity_times_price() -> None:
    assert BTC_USDT.value(D("0.5"), D(60000)) == 30000


def test_a_linear_contract_is_worth_its_multiplier_times_price() -> None:
    assert LINEAR.value(D(10), D(3000)) == 3000  # 10 contracts of 0.1 ETH


def test_an_inverse_long_earns_base_when_the_price_rises() -> None:
    # n x multiplier x (1/entry - 1/exit): 100 x 100 x (1/50000 - 1/62500) = 0.04 BTC
    entry, end = INVERSE.value(D(100), D(50000)), INVERSE.value(D(100), D(62500))
    assert entry == D("-0.2")
    assert end - entry == D("0.04")


def test_notional_is_unsigned_in_the_quote() -> None:
    assert BTC_USDT.notional(D("-0.5"), D(60000)) == 30000
    assert LINEAR.notional(D(-10), D(3000)) == 3000
    assert INVERSE.notional(D(-100), D(50000)) == 10000  # whatever the price


@pytest.mark.parametrize("item", [BTC_USDT, LINEAR, INVERSE], ids=lambda item: item.kind)
@given(quantity=quantities, price=prices)
def test_average_price_undoes_value(item, quantity, price) -> None:
    value = item.value(quantity, price)
    average = item.average_price(quantity, value)
    if not quantity or not value:
        assert average is None or not value
    else:
        # value keeps 18 places: of a small inverse value few digits are left
        assert average == pytest.approx(price, rel=D("1e-4"))


@given(quantity=quantities, price=prices)
def test_the_average_price_of_one_spot_fill_is_its_price(quantity, price) -> None:
    if quantity:
        assert BTC_USDT.average_price(quantity, BTC_USDT.value(quantity, price)) == price


@given(
    cash=st.decimals(min_value=D("0.01"), max_value=10**9, places=8),
    price=prices,
    step=st.sampled_from(["1", "0.001", "0.00000001", "0.25"]),
)
def test_a_rounded_quantity_never_spends_more_than_was_asked(cash, price, step) -> None:
    item = instrument("X/USDT", InstrumentKind.SPOT, BTC, USDT, increment=step)
    with exact():
        quantity = item.round_quantity(cash / price)
        assert quantity * price <= cash
        assert quantity % D(step) == 0
        assert cash < (quantity + D(step)) * price


def test_quantity_rounds_towards_zero_on_both_sides() -> None:
    item = instrument("X/USDT", InstrumentKind.SPOT, BTC, USDT, increment="0.1")
    assert item.round_quantity(D("1.29")) == D("1.2")
    assert item.round_quantity(D("-1.29")) == D("-1.2")


def test_a_price_rounds_to_the_nearest_increment_and_not_at_all_without_one() -> None:
    assert BTC_USDT.round_price(D("60000.126")) == D("60000.13")
    assert replace(BTC_USDT, price_increment=D(0)).round_price(D("1.23456789")) == D("1.23456789")


@pytest.mark.parametrize(
    ("quantity", "price", "dust"),
    [
        ("0.0009", "100000", True),  # below the minimum quantity
        ("-0.0009", "100000", True),
        ("0.001", "100000", False),
        ("0.001", "9999", True),  # worth less than the minimum notional
        ("0.001", "10000", False),
        ("0", "100000", True),
    ],
)
def test_dust_is_what_can_not_be_sold(quantity: str, price: str, dust: bool) -> None:
    item = instrument(
        "X/USDT", InstrumentKind.SPOT, BTC, USDT, min_quantity="0.001", min_notional="10"
    )
    assert item.is_dust(D(quantity), D(price)) is dust


def test_less_than_an_increment_is_dust_without_any_minimum() -> None:
    assert instrument("X", InstrumentKind.SPOT, BTC, USDT, increment="1").is_dust(D("0.5"), D(9))


@pytest.mark.parametrize(
    "fault",
    [
        {"quantity_increment": D(0)},
        {"multiplier": D(0)},
        {"multiplier": D(-1)},
        {"price_increment": D("-0.01")},
        {"min_quantity": D(-1)},
        {"min_notional": D(-1)},
    ],
)
def test_an_instrument_that_can_not_be_is_refused(fault: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="BTC/USDT"):
        replace(BTC_USDT, **fault)
