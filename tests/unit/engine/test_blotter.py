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
