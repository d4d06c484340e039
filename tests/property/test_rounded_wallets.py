"""A venue that rounds what it books raises no difference, and rounding hides nothing else."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.accounts import Balance
from engine.domain.booking import cash_adjustment_entry, deposit_entry, fill_entry
from engine.domain.entries import LedgerEntry
from engine.domain.ids import MANUAL_BOOK, BookId, TradeId, VenueOrderId
from engine.domain.ledger import Ledger
from engine.domain.orders import Fill, OrderSide
from engine.execution.reconciliation import Ours, Theirs, differences, rounded
from engine.execution.rounding import REASON, bookings
from sandbox.exchange.core.exact import fee
from sandbox.exchange.core.holdings import Holding
from sandbox.exchange.core.kinds import PositionSide, Side
from tests.fakes.trading import ACCOUNT, INSTRUMENTS, LINEAR, USDT, account

D = Decimal
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
UNIT = D("0.00000001")
STEP = D("0.001")
BOOKS = (MANUAL_BOOK, BookId("ema"))
ZERO = D(0)
RATES = {USDT: D(1)}

sides = st.sampled_from(OrderSide)
lots = st.integers(1, 9_999).map(lambda n: n * STEP)
prices = st.integers(1, 10_000_000).map(lambda n: D(n).scaleb(-3))
trades = st.tuples(sides, lots, prices, st.sampled_from(BOOKS))
# after some of them both sides are compared
stories = st.lists(st.tuples(trades, st.booleans()), max_size=30)


class World:
    """Our ledger beside the exchange's own position and wallet, told the same fills."""

    def __init__(self) -> None:
        self.ledger = Ledger(account(), INSTRUMENTS)
        self.wallet = D(1_000_000)
        self.booked = 0  # since both last agreed
        self._holding = Holding("us", "ETHUSDT", PositionSide.NET)
        self._number = 0
        opening = deposit_entry(
            account_id=ACCOUNT,
            asset=USDT,
            amount=self.wallet,
            ts_event=NOON,
            rates=RATES,
            reference="opening",
        )
        self._book(opening)

    def _book(self, entry: LedgerEntry) -> None:
        self.ledger.apply(entry)
        self.booked += sum(asset == USDT for asset in bookings(entry))

    def trade(self, side: OrderSide, quantity: Decimal, price: Decimal, book: BookId) -> None:
        self._number += 1
        value = LINEAR.value(quantity, price)
        commission = fee(value, D("0.0005"))
        theirs = Side.BUY if side is OrderSide.BUY else Side.SELL
        self.wallet += self._holding.apply(theirs, quantity, value) - commission
        fill = Fill(
            account_id=ACCOUNT,
            instrument_id=LINEAR.id,
            trade_id=TradeId(str(self._number)),
            venue_order_id=VenueOrderId("1"),
            client_order_id=None,
            side=side,
            quantity=quantity,
            price=price,
            commission=commission,
            commission_asset=USDT,
            ts_event=NOON + timedelta(seconds=self._number),
        )
        self._book(fill_entry(fill, book_id=book, instrument=LINEAR, rates=RATES))

    def sides(self, more: Decimal = ZERO) -> tuple[Ours, Theirs]:
        wallet = Balance(asset=USDT, total=self.wallet + more, locked=D(0), increment=UNIT)
        ours = Ours(
            account_id=ACCOUNT,
            instruments=INSTRUMENTS,
            net={},
            outside={},
            expected={},
            balances=self.ledger.balances(),
            client_order_ids=frozenset(),
            venue_order_ids=frozenset(),
            accepted={},
            booked={USDT: self.booked},
        )
        return ours, Theirs(orders=(), balances=[wallet], positions=())

    def compare(self) -> None:
        """No difference is raised; after what is rounding is booked both are equal."""
        ours, theirs = self.sides()
        assert not differences(ours, theirs, at=NOON)
        for one in rounded(ours, theirs):
            self._number += 1
            self._book(
                cash_adjustment_entry(
                    account_id=ACCOUNT,
                    asset=one.asset,
                    amount=one.amount,
                    ts_event=NOON + timedelta(seconds=self._number),
                    rates=RATES,
                    reference=str(self._number),
                    reason=REASON,
                )
            )
        assert self.ledger.balances()[USDT] == self.wallet
        self.booked = 0


@given(stories)
def test_no_sequence_of_fills_raises_a_difference(
    story: list[tuple[tuple[OrderSide, Decimal, Decimal, BookId], bool]],
) -> None:
    world = World()
    for trade, compares in story:
        world.trade(*trade)
        if compares:
            world.compare()
    world.compare()


@given(st.lists(trades, max_size=20), st.sampled_from([1, -1]))
def test_two_units_more_than_all_bookings_explain_are_a_difference(
    story: list[tuple[OrderSide, Decimal, Decimal, BookId]], sign: int
) -> None:
    world = World()
    for trade in story:
        world.trade(*trade)
    ours, _ = world.sides()
    drift = world.wallet - ours.balances[USDT]
    allowed = UNIT * world.booked
    ours, theirs = world.sides(sign * (allowed + 2 * UNIT) - drift)
    [found] = differences(ours, theirs, at=NOON)
    assert found.asset == USDT
    assert found.surplus == sign * (allowed + 2 * UNIT)
    assert not rounded(ours, theirs)
    ours, theirs = world.sides(sign * allowed - drift)
    assert not differences(ours, theirs, at=NOON)


@given(st.lists(trades, min_size=1, max_size=20))
def test_what_was_compared_once_explains_nothing_again(
    story: list[tuple[OrderSide, Decimal, Decimal, BookId]],
) -> None:
    world = World()
    for trade in story:
        world.trade(*trade)
    world.compare()
    ours, theirs = world.sides(UNIT)
    assert [one.surplus for one in differences(ours, theirs, at=NOON)] == [UNIT]
