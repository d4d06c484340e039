"""Orders that only go forward, whatever order their reports come in."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import ClientOrderId
from engine.domain.orders import OrderState
from engine.ports import OrderReport
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


def stop(state: str, filled: str, number: str, seconds: int) -> OrderReport:
    """Return a report of one client id under one of its two numbers."""
    entry = order(START + timedelta(seconds=seconds), state, filled, number)
    return replace(Reader().order(entry), client_order_id=ClientOrderId("stop"))


TRIGGERS = [
    stop("acknowledged", "0", "algo", 0),
    stop("triggered", "0", "algo", 1),
    stop("acknowledged", "0", "child", 2),
    stop("partially_filled", "4", "child", 3),
    stop("triggered", "4", "algo", 4),
    stop("filled", "10", "child", 5),
    stop("triggered", "10", "algo", 6),
]


@given(number_of=st.lists(st.integers(0, len(TRIGGERS) - 1), min_size=1, max_size=20))
def test_a_stop_that_becomes_another_order_is_one_and_never_goes_back(
    number_of: list[int],
) -> None:
    orders = Orders()
    orders.advance(TRIGGERS[0])
    told = [got for number in number_of if (got := orders.advance(TRIGGERS[number])) is not None]
    ranks = [
        ["acknowledged", "triggered", "partially_filled", "filled"].index(report.state)
        for report in told
    ]
    assert ranks == sorted(ranks)
    amounts = [Decimal(report.filled_quantity) for report in told]
    assert amounts == sorted(amounts)
    assert len(orders.working()) <= 1


def test_a_triggered_stop_is_watched_under_the_number_it_has_now() -> None:
    orders = Orders()
    for report in TRIGGERS[:3]:
        orders.advance(report)
    assert [report.venue_order_id for report in orders.working()] == ["child"]
    assert orders.advance(TRIGGERS[1]) is None
    assert [report.venue_order_id for report in orders.working()] == ["child"]


def test_an_id_that_others_use_again_is_another_order() -> None:
    orders = Orders()
    orders.advance(stop("cancelled", "0", "one", 0))
    assert orders.advance(stop("acknowledged", "0", "two", 1)) is not None


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
