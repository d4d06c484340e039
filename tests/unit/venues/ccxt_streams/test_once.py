"""Orders that only go forward, whatever order their reports come in."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.orders import OrderState
from engine.venues.ccxt.streams.entries import Unread
from engine.venues.ccxt.streams.once import Orders, Seen
from tests.fakes.clocks import START
from tests.unit.venues.ccxt_streams.pro import Reader, order

LIFE = [
    ("acknowledged", "0"),
    ("partially_filled", "1"),
    ("partially_filled", "4"),
    ("partially_filled", "9"),
]
ENDS = [("filled", "10"), ("cancelled", "9"), ("cancelled", "4"), ("expired", "9")]


@given(end=st.sampled_from(ENDS), order_of=st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_in_any_order_and_number_reports_never_take_an_order_back(
    end: tuple[str, str], order_of: list[int]
) -> None:
    steps = [*LIFE, end]
    reports = [
        Reader().order(order(START + timedelta(seconds=number), state, filled))
        for number, (state, filled) in enumerate(steps)
    ]
    orders = Orders()
    told = [
        advanced for number in order_of if (advanced := orders.advance(reports[number])) is not None
    ]
    amounts = [Decimal(report.filled_quantity) for report in told]
    assert amounts == sorted(amounts)
    assert amounts[-1] == max(Decimal(reports[number].filled_quantity) for number in order_of)
    ended = [report.state.is_terminal for report in told]
    assert ended == sorted(ended)
    assert ended[-1] == (4 in order_of)
    seen = [(report.state, report.filled_quantity) for report in told]
    assert len(seen) == len(set(seen))


def test_a_fill_after_the_end_is_news_and_the_end_stands() -> None:
    orders = Orders()
    orders.advance(Reader().order(order(START, "cancelled", "1")))
    late = orders.advance(Reader().order(order(START, "partially_filled", "2")))
    assert late is not None
    assert (late.state, late.filled_quantity) == (OrderState.CANCELLED, "2")


def test_orders_of_two_instruments_may_have_the_same_number() -> None:
    orders = Orders()
    assert orders.advance(Reader().order(order(START)))
    assert orders.advance(Reader().order({**order(START), "symbol": "ETH/USDT"}))


def test_only_orders_that_have_not_ended_are_working() -> None:
    orders = Orders()
    orders.advance(Reader().order(order(START, order_id="1")))
    orders.advance(Reader().order(order(START, order_id="2")))
    orders.advance(Reader().order(order(START, "filled", "10", order_id="1")))
    assert [report.venue_order_id for report in orders.working()] == ["2"]


def test_the_oldest_keys_are_forgotten_first() -> None:
    seen = Seen(most=2)
    assert [seen.is_new(key) for key in "aabca"] == [True, False, True, True, True]


def test_an_entry_is_unread_until_it_was_taken_and_again_when_it_changes_in_place() -> None:
    unread, entry = Unread(), order(START)
    assert unread.take(None) == []
    assert unread.take([entry]) == [entry]
    assert unread.take([entry]) == []
    entry["filled"] = "1"
    assert unread.take([entry]) == [entry]
