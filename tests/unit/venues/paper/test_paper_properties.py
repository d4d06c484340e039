"""What holds of paper trading for any market and any orders."""

from collections import defaultdict
from decimal import Decimal as D

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.ids import InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import exact
from engine.domain.orders import Fill, Liquidity, OrderSide
from engine.venues.models import FillModels
from tests.fakes.markets import BASE, PERP, USDT
from tests.unit.venues.paper.scripts import (
    OPENING,
    Breaks,
    Closes,
    Happening,
    Prints,
    Shows,
    Told,
    fill_models,
    stories,
)

thorough = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def told(story: list[Happening], models: FillModels) -> Told:
    teller = Told(models)
    for one in story:
        teller.tell(one)
    return teller


@thorough
@given(story=stories(), models=fill_models)
def test_balances_are_the_deposit_and_the_fills_less_the_fees_to_the_last_digit(story, models):
    teller = told(story, models)
    book = teller.floor.book
    with exact():
        expected = defaultdict(D, OPENING)
        for fill in teller.fills:
            instrument = book.instruments[fill.instrument_id]
            expected[USDT] -= instrument.value(fill.quantity * fill.side.sign, fill.price)
            if instrument.kind is InstrumentKind.SPOT:
                expected[BASE] += fill.quantity * fill.side.sign
            expected[fill.commission_asset] -= fill.commission
        held = book.holdings.get(PERP)
        expected[USDT] += held.value if held else 0
        assert {k: v for k, v in expected.items() if v} == {k: v for k, v in book.cash.items() if v}
    assert book.fills == teller.fills
    assert [fill.sequence for fill in teller.fills] == list(range(len(teller.fills)))


@thorough
@given(story=stories(), models=fill_models)
def test_spot_is_never_owed_and_no_order_is_overfilled(story, models):
    book = told(story, models).floor.book
    assert book.cash[BASE] >= 0
    for placed in book.orders.values():
        if placed.order.quote_quantity is None:
            assert placed.filled + placed.reduced <= placed.order.quantity
        else:
            assert placed.spent <= placed.order.quote_quantity
        if placed.order.time_in_force == "fok" and placed.order.quote_quantity is None:
            assert placed.filled in {0, placed.order.quantity - placed.reduced} or placed.rested


class Supply:
    """What the shown books still had to give, counted independently of the venue."""

    def __init__(self) -> None:
        self._shown: dict[tuple[InstrumentId, OrderSide], dict[D, D]] = defaultdict(dict)
        self._left: dict[tuple[InstrumentId, OrderSide], dict[D, D]] = defaultdict(dict)

    def show(self, one: Shows) -> None:
        for side, levels in ((OrderSide.BUY, one.asks), (OrderSide.SELL, one.bids)):
            key, now = (one.of, side), {D(price): D(size) for price, size in levels}
            before, left = self._shown[key], self._left[key]
            self._left[key] = {
                price: left[price] if before.get(price) == size else size
                for price, size in now.items()
            }
            self._shown[key] = now

    def give(self, fill: Fill) -> None:
        """Give a fill its quantity from levels no better than its price, best first."""
        left, missing = self._left[fill.instrument_id, fill.side], fill.quantity
        for price in sorted(left, reverse=fill.side is OrderSide.SELL):
            if (price - fill.price) * fill.side.sign <= 0:
                part = min(missing, left[price])
                left[price] -= part
                missing -= part
        assert not missing, f"{fill.side} {fill.quantity} at {fill.price}: the book had not so much"


@thorough
@given(story=stories(), models=fill_models)
def test_nothing_fills_better_than_the_book_showed_nor_more_than_it_had(story, models):
    teller, supply, connected = Told(models), Supply(), True
    for one in story:
        for fill in teller.wait():
            supply.give(fill)
        if isinstance(one, Shows) and connected:
            supply.show(one)
        fills = teller.happen(one)
        assert connected or not fills
        room = D(one.quantity) if isinstance(one, Prints) else D(0)
        for fill in fills:
            made = fill.liquidity is Liquidity.MAKER
            if made:
                placed = teller.floor.book.orders[fill.client_order_id].order
                assert fill.price == placed.limit_price
            if isinstance(one, Prints) and made:
                room -= fill.quantity
                assert room >= 0
                assert (D(one.price) - fill.price) * fill.side.sign <= 0
            elif isinstance(one, Closes) and made:
                _, high, low, _ = map(D, one.prices.split())
                best = low if fill.side is OrderSide.BUY else high
                assert (best - fill.price) * fill.side.sign <= 0
            else:
                supply.give(fill)
        if isinstance(one, Breaks):
            connected = one.connected


@thorough
@given(story=stories(), models=fill_models, kills=st.sets(st.integers(0, 40)))
def test_killed_at_any_points_it_ends_as_if_never_interrupted(story, models, kills):
    whole, interrupted = told(story, models), Told(models)
    for number, one in enumerate(story):
        interrupted.tell(one)
        if number in kills:
            interrupted.kill()
    ours, theirs = interrupted.floor.book, whole.floor.book
    assert interrupted.kept_fills() == whole.kept_fills() == theirs.fills
    assert ours.cash == theirs.cash
    assert ours.holdings == theirs.holdings
    assert {key: one.report() for key, one in interrupted.kept_orders().items()} == {
        key: one.report() for key, one in theirs.orders.items()
    }
