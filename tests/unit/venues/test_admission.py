"""What a simulated venue refuses, and that it says why in a line."""

from decimal import Decimal as D

import pytest

from engine.domain.ids import AccountId, InstrumentId
from engine.domain.orders import Order, TimeInForce
from engine.errors import (
    BelowMinimum,
    InsufficientFunds,
    NothingToReduce,
    OrderRefused,
    UnknownInstrument,
)
from engine.venues.funds import available, locks
from engine.venues.models import FeeModel, FillModels
from tests.fakes.markets import BASE, PERP, USDT, bar, minute, order
from tests.unit.venues.table import Table


@pytest.mark.parametrize(
    ("refused", "error", "says"),
    [
        (order("buy", "1", instrument_id=InstrumentId("DOGE")), UnknownInstrument, "DOGE"),
        (order("buy", "0.0005"), BelowMinimum, "multiple of 0.001"),
        (order("buy", "0"), BelowMinimum, "positive multiple"),
        (order("buy", "0.04"), BelowMinimum, "below the minimum 5"),
        (order("buy", "1", "limit", limit_price="99.999"), BelowMinimum, "multiple of 0.01"),
        (order("buy", "1", "limit", limit_price="0"), OrderRefused, "not above zero"),
        (order("buy", "1", "limit"), OrderRefused, "needs a limit price"),
        (order("buy", "1", limit_price="99"), OrderRefused, "has no limit price"),
        (order("buy", "1", "stop"), OrderRefused, "needs a trigger price"),
        (order("buy", "1", post_only=True), OrderRefused, "only limit orders"),
        (
            order("buy", "1", "limit", limit_price="100", post_only=True),
            OrderRefused,
            "would trade at once",
        ),
        (order("buy", "1", time_in_force=TimeInForce.GTD), OrderRefused, "without a date"),
        (order("buy", "1", expires_at=minute(0)), OrderRefused, "expired before"),
        (order("sell", "1", quote_quantity="100"), OrderRefused, "only market buys"),
        (order("buy", "1", quote_quantity="0"), BelowMinimum, "nothing to spend"),
        (order("sell", "1", reduce_only=True), NothingToReduce, "no position to reduce"),
        (order("sell", "1"), InsufficientFunds, "needs 1 BTC, 0 BTC available"),
        (order("buy", "100.001"), InsufficientFunds, "10000 USDT available"),
        (order("buy", "100.001", instrument_id=PERP), InsufficientFunds, "USDT available"),
        (order("buy", "1", quote_quantity="10000.01"), InsufficientFunds, "needs 10000.01"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refusal_is_typed_and_places_nothing(refused: Order, error: type, says: str):
    table = Table()
    with pytest.raises(error, match=says) as caught:
        table.place(refused)
    assert type(caught.value) is error
    assert "Nothing was placed." in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not table.book.orders


def test_another_account_is_refused():
    table = Table()
    stranger = order("buy", "1")
    object.__setattr__(stranger, "account_id", AccountId("someone"))
    with pytest.raises(OrderRefused, match="someone is not held here"):
        table.place(stranger)


def test_resting_buy_locks_its_cost_with_the_worst_fee():
    models = FillModels(fees=FeeModel(maker=D("0.001"), taker=D("0.002")))
    table = Table(models=models)
    table.place(order("buy", "10", "limit", limit_price="90"))
    assert locks(table.book, models) == {USDT: D("901.8")}
    assert available(table.book, models, USDT) == D("9098.2")
    with pytest.raises(InsufficientFunds, match=r"9098\.2 USDT available"):
        table.place(order("buy", "91"))


def test_exits_of_one_group_lock_once_and_others_can_not_sell_the_same():
    table = Table(balances={USDT: D(100), BASE: D(2)})
    table.place(order("sell", "2", "limit", limit_price="105", group_id="exit"))
    table.place(order("sell", "2", "stop", trigger_price="95", group_id="exit"))
    assert locks(table.book, table.models) == {BASE: D(2)}
    with pytest.raises(InsufficientFunds, match="needs 1 BTC, 0 BTC available"):
        table.place(order("sell", "1"))


def test_reduce_only_sell_is_taken_beside_its_stop():
    """`/flatten` closes first and removes the stop afterwards: the stop must not be in the way."""
    table = Table(balances={USDT: D(100), BASE: D(2)})
    stop = table.place(order("sell", "2", "stop", trigger_price="95", reduce_only=True))
    table.place(order("sell", "2", reduce_only=True))
    (fill,) = table.opens(bar(0, "100 101 99 100"))
    assert fill.quantity == 2
    assert stop.is_live


def test_leverage_divides_the_margin_and_losses_use_it_up():
    models = FillModels(leverage=D(5))
    table = Table(models=models)
    table.place(order("buy", "400", instrument_id=PERP))
    table.opens(bar(0, "100 101 99 100", of=PERP))
    assert available(table.book, models, USDT) == 2_000  # 40,000 / 5 is margin
    table.closes(bar(0, "100 101 95 96", of=PERP))
    assert available(table.book, models, USDT) == 10_000 - 38_400 / 5 - 1_600
    with pytest.raises(InsufficientFunds):
        table.place(order("buy", "40", instrument_id=PERP))
    table.place(order("sell", "400", instrument_id=PERP))  # closing needs none
