"""Realised P&L against the textbook, in exact fractions, over random fills of one position."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.accounts import CostMethod
from engine.domain.booking import fill_entry
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.ledger import Ledger
from engine.domain.money import exact
from engine.domain.orders import OrderSide
from tests.fakes.trading import BOOK, BTC, BTC_USDT, INSTRUMENTS, INVERSE, LINEAR, account, fill

quantities = st.integers(-20, 20).filter(bool)
trades = st.lists(st.tuples(quantities, st.integers(1000, 90000)), min_size=1, max_size=25)


def pnl_of_one(instrument: Instrument, entry: int, end: int) -> Fraction:
    """P&L of one unit bought at `entry` and sold at `end`, settlement asset."""
    size = Fraction(instrument.multiplier)
    if instrument.kind is InstrumentKind.INVERSE:
        return size * (Fraction(1, entry) - Fraction(1, end))
    return size * (end - entry)


def by_lots(instrument: Instrument, fills: list[tuple[int, int]]) -> tuple[Fraction, int]:
    """First in, first out, one unit at a time: realised P&L and quantity."""
    lots: list[tuple[int, int]] = []  # sign, price
    realized = Fraction(0)
    for quantity, price in fills:
        sign = 1 if quantity > 0 else -1
        for _ in range(abs(quantity)):
            if lots and lots[0][0] != sign:
                held, entry = lots.pop(0)
                realized += held * pnl_of_one(instrument, entry, price)
            else:
                lots.append((sign, price))
    return realized, sum(sign for sign, _ in lots)


def by_average(instrument: Instrument, fills: list[tuple[int, int]]) -> tuple[Fraction, int]:
    """Each unit closed earns what it would on average over the units then open."""
    held, cost, realized = 0, Fraction(0), Fraction(0)

    def worth(price: int) -> Fraction:
        return pnl_of_one(instrument, 1, price)  # but for a constant that cancels

    for quantity, price in fills:
        sign = 1 if quantity > 0 else -1
        for _ in range(abs(quantity)):
            if held * sign < 0:
                average = cost / held
                realized += -sign * (worth(price) - average)
                cost += sign * average
            else:
                cost += sign * worth(price)
            held += sign
    return realized, held


@pytest.mark.parametrize("instrument", [BTC_USDT, LINEAR, INVERSE], ids=lambda item: item.kind)
@pytest.mark.parametrize("method", CostMethod)
@given(fills=trades)
def test_realised_pnl_is_the_textbook_s(
    method: CostMethod, instrument: Instrument, fills: list[tuple[int, int]]
) -> None:
    textbook = by_lots if method is CostMethod.FIFO else by_average
    realized, quantity = textbook(instrument, fills)
    ledger = Ledger(account(cost_method=method), INSTRUMENTS)
    for number, (size, price) in enumerate(fills):
        side = OrderSide.BUY if size > 0 else OrderSide.SELL
        made = fill(number, side, str(abs(size)), str(price), of=instrument)
        ledger.apply(fill_entry(made, book_id=BOOK, instrument=instrument, rates={BTC: Decimal(1)}))
    totals = ledger.totals_by_asset()[instrument.settlement]
    assert ledger.net_quantity(instrument.id) == quantity
    assert abs(Fraction(totals.realized) - realized) < Fraction(1, 10**15)


@given(fills=trades)
def test_a_linear_round_trip_earns_quantity_times_the_move_of_its_averages(
    fills: list[tuple[int, int]],
) -> None:
    ledger = Ledger(account(), INSTRUMENTS)
    for number, (size, price) in enumerate(fills):
        side = OrderSide.BUY if size > 0 else OrderSide.SELL
        made = fill(number, side, str(abs(size)), str(price), fee="0.25")
        ledger.apply(fill_entry(made, book_id=BOOK, instrument=BTC_USDT, rates={}))
    for trade in ledger.trades():
        with exact():
            move = trade.exit_price - trade.entry_price
            gross = trade.quantity * (move if trade.is_long else -move)
            assert abs(trade.pnl + trade.fees - gross) < Decimal("1e-12")


@given(
    quantity=st.decimals(min_value=Decimal("1e-18"), max_value=10**20, places=18),
    price=st.decimals(min_value=Decimal("1e-8"), max_value=10**9, places=8),
    fee=st.decimals(min_value=-(10**10), max_value=10**10, places=18),
)
def test_amounts_of_many_digits_are_booked_in_full(
    quantity: Decimal, price: Decimal, fee: Decimal
) -> None:
    made = replace(fill(1, OrderSide.SELL, quantity, price), commission=fee)
    ledger = Ledger(account(), INSTRUMENTS)
    ledger.apply(fill_entry(made, book_id=BOOK, instrument=BTC_USDT, rates={}))
    value = BTC_USDT.value(quantity, price)
    with exact():
        assert ledger.cash()[BTC_USDT.quote] == value - fee
        assert ledger.position(BOOK, BTC_USDT.id).quantity == -quantity
        assert ledger.position(BOOK, BTC_USDT.id).cost == -value
