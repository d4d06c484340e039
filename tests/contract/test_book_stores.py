"""What a store of a simulated venue's books promises: what has ended is found when it is asked."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.ids import ClientOrderId
from engine.domain.orders import Fill, Liquidity, OrderState
from engine.venues.book import Book, WorkingOrder
from engine.venues.bookstore import BookStore, SqliteBookStore, encode, fill_of, order_of, restore
from tests.fakes.markets import ACCOUNT, OPENS_AT, SPOT, USDT, resting
from tests.unit.venues.replays import KeptPages

INSTANT = timedelta(microseconds=1)
HALF = timedelta(milliseconds=500)


class Kept:
    """A book, and the store that it is written to; `reopened` gives the store as it is found."""

    def __init__(self, reopen: Callable[[], BookStore]) -> None:
        self._reopen = reopen
        self.store = reopen()
        self.book = Book(ACCOUNT, [SPOT], {USDT: Decimal(10_000)})

    def write(self) -> None:
        self.store.write(encode(self.book, self.book.take_dirty(), {"cursor": "1"}), durable=True)

    def place(self, name: str, at: datetime) -> WorkingOrder:
        working = resting(name, at)
        self.book.add(working)
        self.write()
        return working

    def fill(self, name: str, at: datetime) -> Fill:
        """Place an order, fill it and let it end."""
        working = self.place(name, at)
        price, fee = Decimal(100), Decimal("0.1")
        fill = self.book.book_fill(working, Decimal(1), price, fee, USDT, Liquidity.TAKER, at)
        self.book.move(working, OrderState.FILLED, at)
        self.write()
        return fill

    def reopened(self) -> BookStore:
        self.store.close()
        self.store = self._reopen()
        return self.store


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path):
    pages = KeptPages()
    made = Kept(
        (lambda: pages)
        if request.param == "memory"
        else lambda: SqliteBookStore(tmp_path / "books.db")
    )
    yield made
    made.store.close()


def fills_since(store: BookStore, since: datetime | None) -> list[Fill]:
    return [fill_of(body) for body in store.fills_since(since).values()]


def test_nothing_stands_and_nothing_is_found_in_a_new_store(kept):
    store = kept.store
    assert not store.read().markers
    assert not store.read().has_books
    assert store.find_order(ClientOrderId("never")) is None
    assert store.orders_since(None) == {}
    assert store.fills_since(None) == {}


@pytest.mark.parametrize("again", [False, True], ids=["same store", "reopened"])
def test_what_stands_leaves_out_ended_orders_and_all_fills_but_the_last(kept, again):
    kept.fill("first", OPENS_AT)
    rests = kept.place("rests", OPENS_AT)
    last = kept.fill("last", OPENS_AT)
    page = (kept.reopened() if again else kept.store).read()
    assert {name: order_of(body) for name, body in page.orders.items()} == {"rests": rests}
    assert [fill_of(body) for body in page.fills.values()] == [last]


@pytest.mark.parametrize("state", [state for state in OrderState if state.is_terminal])
def test_order_that_has_ended_is_found_and_stands_no_more(kept, state):
    working = kept.place("ends", OPENS_AT)
    kept.book.move(working, state, OPENS_AT + HALF, "over")
    kept.write()
    for store in (kept.store, kept.reopened()):
        assert not store.read().orders
        assert order_of(store.find_order(ClientOrderId("ends"))) == working


def test_order_is_found_as_it_was_last_written(kept):
    working = kept.place("rests", OPENS_AT)
    assert order_of(kept.store.find_order(ClientOrderId("rests"))) == working
    kept.book.move(working, OrderState.TRIGGERED, OPENS_AT + HALF)
    kept.write()
    for store in (kept.store, kept.reopened()):
        assert order_of(store.find_order(ClientOrderId("rests"))).state is OrderState.TRIGGERED
        assert store.find_order(ClientOrderId("rest")) is None


def test_fills_since_an_instant_are_exact_within_a_second_and_in_order(kept):
    instants = [OPENS_AT, OPENS_AT + INSTANT, OPENS_AT + HALF, OPENS_AT + 2 * HALF]
    told = [kept.fill(f"order {number}", at) for number, at in enumerate(instants)]
    for store in (kept.store, kept.reopened()):
        assert fills_since(store, None) == told
        for number, at in enumerate(instants):
            assert fills_since(store, at) == told[number:]
            assert fills_since(store, at + INSTANT) == [f for f in told if f.ts_event > at]


def test_fills_of_a_clock_that_was_set_back_keep_their_order(kept):
    told = [kept.fill("late", OPENS_AT + HALF), kept.fill("early", OPENS_AT)]
    assert fills_since(kept.store, OPENS_AT) == told
    assert fills_since(kept.store, OPENS_AT + INSTANT) == told[:1]


def test_instant_of_another_time_zone_is_the_same_instant(kept):
    told = kept.fill("only", OPENS_AT)
    east = OPENS_AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert fills_since(kept.store, east) == [told]
    assert fills_since(kept.store, east + INSTANT) == []
    assert list(kept.store.orders_since(east)) == ["only"]


def test_orders_since_an_instant_are_those_that_moved_last_then_as_they_came(kept):
    first, second = (kept.place(name, OPENS_AT) for name in ("first", "second"))
    kept.place("third", OPENS_AT + HALF)
    kept.book.move(second, OrderState.TRIGGERED, OPENS_AT + HALF)
    kept.book.move(first, OrderState.CANCELLED, OPENS_AT + 2 * HALF)
    kept.write()
    for store in (kept.store, kept.reopened()):
        assert list(store.orders_since(None)) == ["first", "second", "third"]
        assert list(store.orders_since(OPENS_AT + HALF)) == ["first", "second", "third"]
        assert list(store.orders_since(OPENS_AT + HALF + INSTANT)) == ["first"]


def test_book_restored_from_what_stands_counts_its_fills_on(kept):
    kept.fill("first", OPENS_AT)
    last = kept.fill("second", OPENS_AT)
    book = Book(ACCOUNT, [SPOT], {})
    restore(book, kept.reopened().read())
    kept.book = book
    assert book.last_fill == last
    assert kept.fill("third", OPENS_AT).sequence == 2
    assert [fill.sequence for fill in fills_since(kept.store, None)] == [0, 1, 2]


def test_page_that_is_written_again_changes_nothing_else(kept):
    kept.fill("first", OPENS_AT)
    before = kept.store.read()
    kept.write()
    assert kept.store.read() == before
    assert list(kept.store.orders_since(None)) == ["first"]
