"""What holds for any market and any orders: money is neither made nor lost by matching."""

from collections import defaultdict
from contextlib import suppress
from decimal import Decimal as D

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domain.bars import Bar
from engine.domain.ids import ClientOrderId, InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import exact
from engine.domain.orders import Fill, Order, TimeInForce
from engine.errors import OrderRefused
from engine.venues.models import FeeModel, FillModels, SlippageModel
from tests.fakes.markets import BASE, BTC, LINEAR, MINUTE, PERP, SPOT, USDT, minute, order
from tests.unit.venues.table import Table

OPENING = {USDT: D(10_000), BASE: D(5)}
INSTRUMENTS = {SPOT.id: SPOT, LINEAR.id: LINEAR}

cents = st.integers(8_000, 12_000).map(lambda n: D(n) / 100)


@st.composite
def markets(draw) -> list[list[Bar]]:
    """Return a few instants of bars, both instruments at each."""
    rows = []
    for number in range(draw(st.integers(2, 6))):
        instant = []
        for name in INSTRUMENTS:
            opening, close, one, other = (draw(cents) for _ in range(4))
            spread = (opening, close, one, other)
            volume = draw(st.integers(0, 30).map(D))
            prices = (opening, max(spread), min(spread), close)
            instant.append(Bar(name, MINUTE, minute(number), *prices, volume))
        rows.append(instant)
    return rows


@st.composite
def orders(draw, number: int, names: tuple[InstrumentId, ...]) -> Order:
    side = draw(st.sampled_from(["buy", "sell"]))
    kind = draw(st.sampled_from(["market", "market", "limit", "stop", "stop_limit"]))
    more = {
        "client_order_id": ClientOrderId(f"c{number}"),
        "instrument_id": draw(st.sampled_from(names)),
        "reduce_only": draw(st.booleans()),
        "group_id": draw(st.sampled_from([None, None, "g"])),
        "time_in_force": draw(
            st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
        ),
    }
    if kind in {"limit", "stop_limit"}:
        more["limit_price"] = draw(cents)
    if kind in {"stop", "stop_limit"}:
        more["trigger_price"] = draw(cents)
    if kind == "market" and side == "buy" and draw(st.booleans()):
        more["quote_quantity"] = draw(st.integers(10, 12_000).map(D))
    most = 5 if side == "sell" and more["instrument_id"] == BTC else 100
    quantity = draw(
        st.sampled_from([D(most), D(most), D(draw(st.integers(1, most * 1000))) / 1000])
    )
    return order(side, str(quantity), kind, **more)


@st.composite
def plans(draw, names: tuple[InstrumentId, ...] = tuple(INSTRUMENTS)) -> list[list[Order]]:
    numbers = iter(range(100))
    return [
        [draw(orders(next(numbers), names)) for _ in range(draw(st.integers(0, 4)))]
        for _ in range(6)
    ]


fee_models = st.builds(
    FeeModel,
    maker=st.sampled_from([D("-0.0001"), D(0), D("0.0007")]),
    taker=st.sampled_from([D(0), D("0.0013")]),
    asset=st.sampled_from([None, BASE]),
)
models = st.builds(
    FillModels,
    fees=fee_models,
    volume_share=st.sampled_from([None, D("0.1"), D("0.37")]),
    leverage=st.sampled_from([D(1), D(3)]),
    slippage=st.builds(SlippageModel, random_fraction=st.sampled_from([D(0), D("0.01")])),
    touch=st.booleans(),
)


class Watched:
    """Plays a market, and checks at every fill what only shows then."""

    def __init__(self, market: list[list[Bar]], plan: list[list[Order]], used: FillModels) -> None:
        self.table = Table(models=used, balances=OPENING)
        self.market, self.plan = market, plan
        self.fills: list[Fill] = []
        self.taken: dict[Bar, D] = defaultdict(D)
        self.net: dict[InstrumentId, D] = defaultdict(D, {BTC: OPENING[BASE]})

    def play(self) -> "Watched":
        for bars, wanted in zip(self.market, self.plan, strict=False):
            for one in wanted:
                with suppress(OrderRefused):
                    self.table.place(one)
            for bar in bars:
                self.note(self.table.opens(bar), bar)
            for bar in bars:
                self.note(self.table.closes(bar), bar)
        return self

    def note(self, fills: list[Fill], bar: Bar) -> None:
        for fill in fills:
            self.fills.append(fill)
            self.taken[bar] += fill.quantity
            placed = self.table.book.orders[fill.client_order_id]
            before = self.net[fill.instrument_id]
            after = before + fill.quantity * fill.side.sign
            if fill.commission_asset == BASE:
                after -= fill.commission
            self.net[fill.instrument_id] = after
            if placed.order.reduce_only:
                assert before * fill.side.sign < 0, "it did not reduce"
                assert after * before >= 0, "it flipped"
            limit = placed.order.limit_price
            if limit is not None:
                assert (limit - fill.price) * fill.side.sign >= 0, "worse than its limit"
            if self.table.models.slippage.random_fraction == 0:
                assert bar.low <= fill.price <= bar.high


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(market=markets(), plan=plans(), used=models)
def test_money_and_positions_follow_from_the_fills_to_the_last_digit(market, plan, used):
    played = Watched(market, plan, used).play()
    with exact():
        expected = defaultdict(D, OPENING)
        for fill in played.fills:
            instrument = INSTRUMENTS[fill.instrument_id]
            value = instrument.value(fill.quantity * fill.side.sign, fill.price)
            expected[USDT] -= value  # a derivative's comes back with its entry value below
            if instrument.kind is InstrumentKind.SPOT:
                expected[BASE] += fill.quantity * fill.side.sign
            expected[fill.commission_asset] -= fill.commission
        held = played.table.book.holdings.get(PERP)
        expected[USDT] += held.value if held else 0
        assert {k: v for k, v in expected.items() if v} == {
            k: v for k, v in played.table.book.cash.items() if v
        }
    reported = {one.instrument_id: D(one.quantity) for one in played.table.book.positions()}
    assert reported == {name: net for name, net in played.net.items() if net}


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(market=markets(), plan=plans(), used=models)
def test_nothing_is_overfilled_or_beyond_its_share_of_volume(market, plan, used):
    played = Watched(market, plan, used).play()
    book = played.table.book
    for placed in book.orders.values():
        assert placed.fills == 0 or placed.filled > 0
        if placed.order.quote_quantity is None:
            assert placed.filled <= placed.order.quantity
        else:
            assert placed.spent <= placed.order.quote_quantity
        if not placed.is_live:
            assert placed.order.client_order_id not in book.live.get(placed.order.instrument_id, {})
    if used.volume_share is not None:
        for bar, quantity in played.taken.items():
            assert not bar.volume or quantity <= bar.volume * used.volume_share


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(market=markets(), plan=plans((BTC,)), used=models)
def test_spot_account_never_owes_anything(market, plan, used):
    cash = Watched(market, plan, used).play().table.book.cash
    assert cash[USDT] >= 0
    assert cash[BASE] >= 0


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(market=markets(), plan=plans(), used=models)
def test_same_orders_on_the_same_market_fill_alike(market, plan, used):
    assert Watched(market, plan, used).play().fills == Watched(market, plan, used).play().fills
