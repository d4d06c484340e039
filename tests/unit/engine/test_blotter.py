"""The blotter keeps what is open, and the last that has ended, each once."""

from engine.desk.blotter import Blotter
from engine.domain.ids import BookId, ClientOrderId, InstrumentId, VenueOrderId
from engine.domain.orders import OrderState
from tests.fakes.records import after, order

BTC, ETH = InstrumentId("BTC/USDT"), InstrumentId("ETH/USDT")
ONE, OTHER = BookId("run-1"), BookId("run-2")


def test_orders_of_a_position_are_its_own_oldest_first() -> None:
    blotter = Blotter(keep_ended=5)
    first = order(1, book_id=ONE, instrument_id=BTC)
    second = order(2, book_id=ONE, instrument_id=BTC)
    for one in (
        first,
        order(3, book_id=OTHER, instrument_id=BTC),
        order(4, book_id=ONE, instrument_id=ETH),
        second,
    ):
        blotter.put(one)
    assert list(blotter.of(ONE, BTC)) == [first, second]
    assert len(blotter) == 4


def test_an_order_that_moves_on_keeps_its_place_and_is_there_once() -> None:
    blotter = Blotter(keep_ended=5)
    first, second = order(1, state=OrderState.SUBMITTED), order(2)
    blotter.put(first)
    blotter.put(second)
    moved = order(1, state=OrderState.UNKNOWN)
    blotter.put(moved)
    assert list(blotter.values()) == [moved, second]
    assert list(blotter.of(moved.book_id, moved.instrument_id)) == [moved, second]


def test_an_ended_order_is_open_nowhere_and_still_found() -> None:
    blotter = Blotter(keep_ended=5)
    blotter.put(order(1))
    ended = order(1, state=OrderState.CANCELLED)
    blotter.put(ended)
    assert not blotter
    assert not list(blotter.of(ended.book_id, ended.instrument_id))
    assert blotter.find(ended.client_order_id) == ended
    assert blotter.find_at_venue(ended.instrument_id, VenueOrderId("v-1")) == ended
    assert blotter.find_at_venue(ETH, VenueOrderId("v-1")) is None


def test_a_late_word_on_an_ended_order_replaces_it() -> None:
    blotter = Blotter(keep_ended=5)
    for number in (1, 2):
        blotter.put(order(number, state=OrderState.CANCELLED))
    filled = order(1, state=OrderState.FILLED)
    blotter.put(filled)
    assert list(blotter.ended) == [filled, order(2, state=OrderState.CANCELLED)]


def test_only_the_last_ended_orders_are_kept() -> None:
    blotter = Blotter(keep_ended=2)
    for number in (1, 2, 3):
        blotter.put(order(number, state=OrderState.EXPIRED))
    assert [o.client_order_id for o in blotter.ended] == ["order-2", "order-3"]
    assert blotter.find(ClientOrderId("order-1")) is None


def test_orders_decided_since_are_found_open_and_ended() -> None:
    blotter = Blotter(keep_ended=5)
    old, ended, fresh = order(1), order(5, state=OrderState.FILLED), order(6)
    for one in (old, ended, fresh):
        blotter.put(one)
    assert set(blotter.decided_since(after(5))) == {ended, fresh}


def test_what_is_open_is_told_as_one_tuple_until_an_order_changes() -> None:
    blotter = Blotter(keep_ended=5)
    first, second = order(1), order(2)
    blotter.put(first)
    blotter.put(second)
    assert blotter.all_open == (first, second)
    assert blotter.all_open is blotter.all_open
    blotter.put(order(1, state=OrderState.FILLED))
    assert blotter.all_open == (second,)


def test_an_order_is_in_doubt_until_the_venue_has_answered_whatever_it_says() -> None:
    blotter = Blotter(keep_ended=5)
    assert not blotter.any_in_doubt
    for answer in (OrderState.ACKNOWLEDGED, OrderState.CANCELLED):
        blotter.put(order(1, state=OrderState.UNKNOWN))
        blotter.put(order(2))
        assert blotter.any_in_doubt
        blotter.put(order(1, state=answer))
        assert not blotter.any_in_doubt


def test_orders_expire_only_while_they_are_open_and_have_a_time_to() -> None:
    blotter = Blotter(keep_ended=5)
    blotter.put(order(1, expires_at=None))
    assert not blotter.any_expires
    blotter.put(order(2, expires_at=after(60)))
    assert blotter.any_expires
    blotter.put(order(2, expires_at=None))  # sent at the market in place of its limit
    assert not blotter.any_expires
    blotter.put(order(3, expires_at=after(60)))
    blotter.put(order(3, expires_at=after(60), state=OrderState.EXPIRED))
    assert not blotter.any_expires
