"""What leaves a book for its store, and when: never before it is on disk as it ended."""

import asyncio
import threading
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain.ids import ClientOrderId
from engine.domain.orders import Fill, Liquidity, OrderState
from engine.errors import StorageError
from engine.venues.book import Book, WorkingOrder
from engine.venues.bookstore import BookStore, Page, SqliteBookStore
from engine.venues.keeping import BookKeeper
from tests.fakes.markets import ACCOUNT, OPENS_AT, SPOT, USDT, resting
from tests.unit.venues.replays import KeptPages


class SlowPages(KeptPages):
    """Each write waits until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.written = threading.Event()

    def write(self, page: Page, *, durable: bool) -> None:
        assert self.gate.acquire(timeout=5)
        super().write(page, durable=durable)
        self.written.set()


def a_book() -> Book:
    return Book(ACCOUNT, [SPOT], {USDT: Decimal(10_000)})


def keeper_of(book: Book, store: BookStore | None) -> BookKeeper:
    return BookKeeper(book, store, prints={"bars": "1"}, seed=1)


def place(book: Book, name: str) -> WorkingOrder:
    working = resting(name)
    book.add(working)
    return working


def fill(book: Book, working: WorkingOrder) -> Fill:
    price, fee = Decimal(100), Decimal("0.1")
    made = book.book_fill(working, Decimal(1), price, fee, USDT, Liquidity.TAKER, OPENS_AT)
    book.move(working, OrderState.FILLED, OPENS_AT)
    return made


async def test_ended_orders_and_fills_leave_for_the_store_and_live_orders_stay():
    book = a_book()
    keeper = keeper_of(book, KeptPages())
    ended, rests = place(book, "ended"), place(book, "rests")
    told = fill(book, ended)
    await keeper.commit(1)
    assert book.orders == {"rests": rests}
    assert book.fills == []
    assert keeper.order(ClientOrderId("ended")) == ended
    assert keeper.order(ClientOrderId("rests")) is rests
    assert keeper.order(ClientOrderId("never")) is None
    assert keeper.fills_since(None) == [told]
    assert keeper.fills_since(OPENS_AT + timedelta(microseconds=1)) == []
    await keeper.close()


async def test_file_is_asked_for_what_ended_in_an_earlier_life(tmp_path: Path):
    first = a_book()
    keeper = keeper_of(first, SqliteBookStore(tmp_path / "books.db"))
    ended = place(first, "ended")
    told = fill(first, ended)
    await keeper.commit(7)
    await keeper.close()
    second = a_book()
    keeper = keeper_of(second, SqliteBookStore(tmp_path / "books.db"))
    assert keeper.load() == 7
    assert (second.orders, second.fills) == ({}, [])
    assert keeper.order(ClientOrderId("ended")) == ended
    assert keeper.fills_since(OPENS_AT) == [told]
    assert keeper.orders_since(OPENS_AT) == [ended]
    assert fill(second, place(second, "next")).sequence == told.sequence + 1
    await keeper.close()


async def test_book_without_a_store_keeps_everything():
    book = a_book()
    keeper = keeper_of(book, None)
    ended = place(book, "ended")
    told = fill(book, ended)
    await keeper.commit(1)
    assert keeper.order(ClientOrderId("ended")) is ended
    assert keeper.fills_since(OPENS_AT) == [told]
    assert keeper.fills_since(OPENS_AT + timedelta(microseconds=1)) == []


async def test_order_that_ends_while_it_is_written_stays_until_its_end_is_on_disk():
    book, store = a_book(), SlowPages()
    keeper = keeper_of(book, store)
    working = place(book, "ends")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(keeper.commit(1))
        await asyncio.sleep(0)
        book.move(working, OrderState.CANCELLED, OPENS_AT)
        second = group.create_task(keeper.commit(2))
        await asyncio.sleep(0)
        assert keeper.order(ClientOrderId("ends")) is working
        store.gate.release()
        await asyncio.to_thread(store.written.wait, 5)
        assert keeper.order(ClientOrderId("ends")) is working
        store.gate.release()
    assert (first.done(), second.done()) == (True, True)
    assert book.orders == {}
    assert keeper.order(ClientOrderId("ends")) == working
    await keeper.close()


async def test_write_that_fails_takes_nothing_out_of_the_book():
    book = a_book()
    keeper = keeper_of(book, KeptPages(fails_at=1))
    working = place(book, "ended")
    told = fill(book, working)
    with pytest.raises(StorageError):
        await keeper.commit(1)
    assert book.orders == {"ended": working}
    assert book.fills == [told]
    with pytest.raises(StorageError):
        await keeper.flush()
