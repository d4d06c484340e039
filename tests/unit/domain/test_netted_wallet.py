"""A venue nets the contracts of all our books: its wallet follows from the net alone."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.booking import book_transfer_entries, fill_entry, moved_entries
from engine.domain.ids import MANUAL_BOOK, BookId
from engine.domain.ledger import Ledger
from engine.domain.orders import OrderSide
from tests.fakes.trading import (
    ACCOUNT,
    BOOK,
    INSTRUMENTS,
    LINEAR,
    OTHER_BOOK,
    USDT,
    account,
    at,
    fill,
)

D = Decimal
BOOKS = (BOOK, OTHER_BOOK)
Trade = tuple[int, OrderSide, int, int]

trades = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(OrderSide), st.integers(1, 8), st.integers(90, 110)
    ),
    max_size=12,
)


def traded(story: list[Trade], *, in_one_book: bool) -> Ledger:
    ledger = Ledger(account(), INSTRUMENTS)
    for number, (book, side, quantity, price) in enumerate(story):
        entry = fill_entry(
            fill(number, side, D(quantity), D(price), of=LINEAR),
            book_id=BOOK if in_one_book else BOOKS[book],
            instrument=LINEAR,
            rates={},
        )
        ledger.apply(entry)
    return ledger


@given(story=trades)
def test_the_wallet_is_that_of_one_book_however_many_trade(story: list[Trade]) -> None:
    apart, together = traded(story, in_one_book=False), traded(story, in_one_book=True)
    assert apart.balances() == together.balances()


@given(story=trades, price=st.integers(90, 110))
def test_a_move_between_books_does_not_touch_the_wallet(story: list[Trade], price: int) -> None:
    ledger = traded(story, in_one_book=False)
    before = ledger.balances()
    position = ledger.position(BOOK, LINEAR.id)
    given_fields = {"account_id": ACCOUNT, "ts_event": at(100), "rates": {}, "reference": "r"}
    entries = moved_entries(
        LINEAR, D(3), D(price), from_book=OTHER_BOOK, to_book=BOOK, reason="", **given_fields
    )
    if position.quantity:
        entries += book_transfer_entries(position, to_book=MANUAL_BOOK, **given_fields)
    for entry in entries:
        assert ledger.apply(entry)
    assert ledger.balances().get(USDT, D(0)) == before.get(USDT, D(0))
    assert BookId("") not in ledger.totals_by_book()
