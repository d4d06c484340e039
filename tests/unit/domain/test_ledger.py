"""What the ledger makes of entries, with the figures worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from engine.domain.accounts import CostMethod
from engine.domain.booking import (
    book_transfer_entries,
    bust_entry,
    cash_adjustment_entry,
    deposit_entry,
    dividend_entry,
    dust_transfer,
    fee_entry,
    fill_entry,
    found_position_entry,
    funding_entry,
    interest_entry,
    split_entry,
    withdrawal_entry,
)
from engine.domain.entries import EntryKind, LedgerEntry
from engine.domain.ids import DUST_BOOK, MANUAL_BOOK, UNMANAGED_BOOK, AccountId, BookId
from engine.domain.instruments import Instrument
from engine.domain.ledger import Ledger, UnbookableEntry
from engine.domain.orders import OrderPurpose, OrderSide, PositionSide
from engine.domain.positions import Position
from tests.fakes.trading import (
    ACCOUNT,
    BNB,
    BOOK,
    BTC,
    BTC_USDT,
    ETH_BTC,
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    OTHER_BOOK,
    USDT,
    account,
    at,
    fill,
)

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
RATES = {USDT: D(1), BTC: D(50000), BNB: D(500)}


def entry(
    number: int,
    side: OrderSide,
    quantity: str,
    price: str,
    *,
    of: Instrument = BTC_USDT,
    book: BookId = BOOK,
    rates: dict = RATES,
    reason: str = "",
    **how: object,
) -> LedgerEntry:
    made = fill(number, side, quantity, price, of=of, **how)
    return fill_entry(made, book_id=book, instrument=of, rates=rates, reason=reason)


def ledger(*entries: LedgerEntry, method: CostMethod = CostMethod.AVERAGE) -> Ledger:
    booked = Ledger(account(cost_method=method), INSTRUMENTS)
    for each in entries:
        assert booked.apply(each)
    return booked


def held(of: Ledger, book: BookId = BOOK, instrument: Instrument = BTC_USDT) -> Position:
    return of.position(book, instrument.id)


# --- fills -------------------------------------------------------------------------------------


def test_a_spot_buy_turns_cash_into_a_position_and_a_fee() -> None:
    books = ledger(entry(1, BUY, "1", "100", fee="0.1", reason="cross up"))
    position = held(books)
    assert books.cash() == {USDT: D("-100.1")}
    assert (position.quantity, position.cost, position.average_price) == (1, 100, 100)
    assert (position.fees, position.opened_at, position.entry_tag) == (D("0.1"), at(1), "cross up")
    assert position.unrealized(D(110)) == 10
    totals = books.totals()
    assert (totals.realized, totals.fees, totals.net) == (0, D("0.1"), D("-0.1"))


def test_closing_tells_the_realised_pnl_and_the_round_trip() -> None:
    books = ledger()
    opened = books.book(entry(1, BUY, "2", "100", fee="0.2", reason="up"))
    assert (opened.realized_pnl, opened.closed_trade) == (None, None)
    partly = books.book(entry(2, SELL, "0.5", "120", fee="0.1", reason="tp"))
    assert (partly.realized_pnl, partly.closed_trade) == (10, None)
    assert partly.position.quantity == D("1.5")
    closed = books.book(entry(3, SELL, "1.5", "90", fee="0.3", reason="stop"))
    assert closed.realized_pnl == -15
    assert not closed.position.quantity
    trade = closed.closed_trade
    assert trade is not None
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (2, 100, D("97.5"))
    assert (trade.entry_time, trade.exit_time) == (at(1), at(3))
    assert (trade.fees, trade.pnl, trade.is_long) == (D("0.6"), D("-5.6"), True)
    assert (trade.entry_tag, trade.exit_reason) == ("up", "stop")
    assert list(books.trades()) == [trade]
    assert books.positions() == ()


def test_a_short_earns_when_the_price_falls() -> None:
    books = ledger(entry(1, SELL, "1", "100"))
    assert (held(books).quantity, held(books).cost) == (-1, -100)
    assert held(books).unrealized(D(90)) == 10
    closed = books.book(entry(2, BUY, "1", "80"))
    assert closed.realized_pnl == 20
    assert closed.closed_trade is not None
    assert not closed.closed_trade.is_long


def test_adding_averages_the_cost_and_keeps_the_opening() -> None:
    books = ledger(entry(1, BUY, "1", "100", reason="a"), entry(2, BUY, "3", "200", reason="b"))
    position = held(books)
    assert (position.cost, position.average_price) == (700, 175)
    assert (position.opened_at, position.entry_tag) == (at(1), "a")


def test_fifo_sells_the_oldest_lot_and_average_a_share_of_all() -> None:
    fills = (
        entry(1, BUY, "1", "100"),
        entry(2, BUY, "1", "200"),
        entry(3, SELL, "1.5", "250"),
    )
    fifo, average = ledger(*fills, method=CostMethod.FIFO), ledger(*fills)
    assert fifo.totals().realized == 375 - 200  # the first lot and half of the second
    assert held(fifo).cost == 100
    assert average.totals().realized == 375 - 225
    assert held(average).cost == 75


def test_reversing_closes_one_trip_and_opens_the_next_with_its_share_of_the_fee() -> None:
    books = ledger(entry(1, BUY, "1", "100"))
    turned = books.book(entry(2, SELL, "3", "110", fee="0.9", reason="down"))
    assert turned.realized_pnl == 10
    assert turned.closed_trade is not None
    assert (turned.closed_trade.pnl, turned.closed_trade.fees) == (D("9.7"), D("0.3"))
    position = turned.position
    assert (position.quantity, position.cost, position.fees) == (-2, -220, D("0.6"))
    assert (position.opened_at, position.entry_tag, position.realized_pnl) == (at(2), "down", 0)


def test_a_third_is_taken_out_to_eighteen_places_and_the_rest_stays() -> None:
    books = ledger(entry(1, BUY, "3", "33.333333"), entry(2, SELL, "1", "40"))
    assert held(books).cost == D("66.666666")
    odd = ledger(entry(1, BUY, "0.7", "1"), entry(2, BUY, "0.7", "2"), entry(3, SELL, "0.3", "3"))
    assert held(odd).cost == D("1.65")  # 2.1 less 3/14 of it
    sevenths = ledger(entry(1, BUY, "7", "1"), entry(2, BUY, "0.1", "2"), entry(3, SELL, "1", "1"))
    taken = D("1.014084507042253521")  # 7.2 / 7.1
    assert held(sevenths).cost == D("7.2") - taken
    assert sevenths.totals().realized == 1 - taken


def test_an_inverse_contract_is_held_in_its_base() -> None:
    books = ledger(entry(1, BUY, "100", "50000", of=INVERSE, fee="0.0001"))
    position = held(books, instrument=INVERSE)
    assert (position.quantity, position.cost, position.average_price) == (100, D("-0.2"), 50000)
    assert books.cash() == {BTC: D("0.1999")}
    assert books.balances() == {BTC: D("-0.0001")}  # opening moves the wallet by the fee only
    closed = books.book(entry(2, SELL, "100", "62500", of=INVERSE, fee="0.0001"))
    assert closed.realized_pnl == 2000  # 0.04 BTC at 50,000
    assert books.totals_by_asset()[BTC].realized == D("0.04")
    assert books.balances() == {BTC: D("0.0398")}


def test_two_inverse_entries_average_harmonically() -> None:
    books = ledger(
        entry(1, BUY, "100", "40000", of=INVERSE), entry(2, BUY, "100", "60000", of=INVERSE)
    )
    assert held(books, instrument=INVERSE).average_price == pytest.approx(D(48000))


def test_a_linear_contract_leaves_the_wallet_alone_until_it_is_closed() -> None:
    books = ledger(entry(1, SELL, "10", "3000", of=LINEAR))
    assert books.balances() == {USDT: 0}
    books.apply(entry(2, BUY, "10", "2900", of=LINEAR))
    assert books.balances() == {USDT: 100}


def test_balances_told_before_a_booking_stay_as_they_were() -> None:
    books = ledger(entry(1, SELL, "10", "3000", of=LINEAR))
    before = books.balances()
    books.apply(entry(2, BUY, "10", "2900", of=LINEAR))
    assert (before, books.balances()) == ({USDT: 0}, {USDT: 100})


def test_spot_balances_show_base_and_quote() -> None:
    books = ledger(
        deposit_entry(
            account_id=ACCOUNT,
            asset=USDT,
            amount=D(1000),
            ts_event=at(0),
            rates=RATES,
            reference="1",
        ),
        entry(1, BUY, "2", "100", fee="0.2"),
        entry(2, BUY, "1", "100", fee="0.1", book=OTHER_BOOK),
    )
    assert books.balances() == {USDT: D("699.7"), BTC: 3}
    assert books.net_quantity(BTC_USDT.id) == 3
    assert [p.book_id for p in books.positions()] == [BOOK, OTHER_BOOK]


# --- fees --------------------------------------------------------------------------------------


def test_a_fee_in_the_base_is_sold_at_the_fill_price() -> None:
    books = ledger(entry(1, BUY, "1", "100", fee="0.001", fee_asset=BTC))
    position = held(books)
    assert (position.quantity, position.cost) == (D("0.999"), D("99.9"))
    assert books.totals().fees == D("0.1")
    assert books.balances() == {USDT: -100, BTC: D("0.999")}
    closed = books.book(entry(2, SELL, "0.999", "110"))
    assert closed.closed_trade is not None
    assert (closed.closed_trade.quantity, closed.closed_trade.entry_price) == (D("0.999"), 100)
    assert closed.closed_trade.pnl == D("9.89")  # 0.999 x 10 less 0.1


def test_a_base_fee_on_an_added_part_realises_against_the_average() -> None:
    books = ledger(entry(1, BUY, "1", "100"), entry(2, BUY, "1", "200", fee="0.1", fee_asset=BTC))
    assert held(books).cost == 285  # 300 less a twentieth
    assert books.totals().realized == 5  # 0.1 sold at 200, cost 150
    assert books.totals().fees == 20


def test_a_fee_in_a_third_asset_counts_at_its_rate_and_is_owed_in_it() -> None:
    books = ledger(entry(1, BUY, "1", "100", fee="0.0002", fee_asset=BNB))
    assert books.totals().fees == D("0.1")
    assert books.totals_by_asset()[BNB].fees == D("0.0002")
    assert books.cash() == {USDT: -100, BNB: D("-0.0002")}


def test_a_rebate_is_a_negative_fee() -> None:
    books = ledger(entry(1, BUY, "1", "100", fee="-0.05"))
    assert books.totals().fees == D("-0.05")
    assert books.cash() == {USDT: D("-99.95")}


def test_a_fee_without_a_rate_is_booked_and_named_as_unconverted() -> None:
    books = ledger(entry(1, BUY, "1", "100", fee="0.0002", fee_asset=BNB, rates={}))
    assert books.totals().fees == 0
    assert books.totals().unconverted == (BNB,)
    assert books.totals_by_asset()[BNB].fees == D("0.0002")


def test_a_late_fee_reaches_the_trip_that_has_ended() -> None:
    first = entry(1, BUY, "1", "100")
    books = ledger(first, entry(2, SELL, "1", "110"))
    late = fee_entry(
        first, asset=USDT, amount=D("0.4"), ts_event=at(9), rates=RATES, reference="late"
    )
    assert books.book(late).realized_pnl is None
    assert [(t.fees, t.pnl) for t in books.trades()] == [(D("0.4"), D("9.6"))]
    assert books.totals().fees == D("0.4")


def test_a_late_fee_in_the_base_is_valued_at_its_fill() -> None:
    first = entry(1, BUY, "1", "100")
    books = ledger(first)
    books.apply(
        fee_entry(first, asset=BTC, amount=D("0.01"), ts_event=at(9), rates=RATES, reference="late")
    )
    assert held(books).quantity == D("0.99")
    assert books.totals().fees == 1


# --- flows and income --------------------------------------------------------------------------


def test_deposits_and_withdrawals_are_flows_at_their_rate() -> None:
    how = {"account_id": ACCOUNT, "asset": BTC, "rates": RATES}
    books = ledger(
        deposit_entry(amount=D(2), ts_event=at(0), reference="a", **how),
        withdrawal_entry(amount=D("0.5"), ts_event=at(1), reference="b", **how),
    )
    assert books.cash() == {BTC: D("1.5")}
    assert (books.totals().flows, books.totals().net) == (75000, 0)
    assert books.totals(book_id=UNMANAGED_BOOK).flows == 75000


def test_a_deposited_base_asset_lands_in_the_unmanaged_book_at_its_price() -> None:
    books = ledger(
        found_position_entry(
            account_id=ACCOUNT,
            instrument=BTC_USDT,
            quantity=D(2),
            price=D(100),
            ts_event=at(0),
            rates=RATES,
            reference="deposit 1",
        )
    )
    assert held(books, UNMANAGED_BOOK).cost == 200
    assert books.totals().flows == 200
    assert books.cash() == {}
    assert books.balances() == {BTC: 2}


def test_a_contract_found_at_the_venue_is_no_flow() -> None:
    books = ledger(
        found_position_entry(
            account_id=ACCOUNT,
            instrument=LINEAR,
            quantity=D(-10),
            price=D(3000),
            ts_event=at(0),
            rates=RATES,
            reference="start",
            kind=EntryKind.ADJUSTMENT,
        )
    )
    assert held(books, UNMANAGED_BOOK, LINEAR).quantity == -10
    assert books.totals().flows == 0
    assert books.balances() == {USDT: 0}


def test_an_unexplained_difference_counts_as_a_flow() -> None:
    books = ledger(
        cash_adjustment_entry(
            account_id=ACCOUNT,
            asset=USDT,
            amount=D(-3),
            ts_event=at(0),
            rates=RATES,
            reference="1",
            reason="venue shows 3 USDT less",
        )
    )
    assert (books.totals().flows, books.totals().net) == (-3, 0)


def test_funding_and_dividends_count_on_the_open_trip() -> None:
    how = {"account_id": ACCOUNT, "rates": RATES}
    books = ledger(
        entry(1, BUY, "10", "3000", of=LINEAR),
        funding_entry(
            book_id=BOOK, instrument=LINEAR, amount=D("-2.5"), ts_event=at(2), reference="f", **how
        ),
        dividend_entry(
            book_id=BOOK, instrument=LINEAR, amount=D("1"), ts_event=at(3), reference="d", **how
        ),
    )
    assert held(books, instrument=LINEAR).funding == D("-1.5")
    closed = books.book(entry(4, SELL, "10", "3010", of=LINEAR)).closed_trade
    assert closed is not None
    assert (closed.funding, closed.pnl) == (D("-1.5"), D("8.5"))
    totals = books.totals()
    assert (totals.funding, totals.interest, totals.net) == (D("-2.5"), 1, D("8.5"))


def test_interest_on_cash_belongs_to_no_instrument() -> None:
    books = ledger(
        interest_entry(
            account_id=ACCOUNT,
            asset=USDT,
            amount=D("0.7"),
            ts_event=at(1),
            rates=RATES,
            reference="i",
        )
    )
    assert books.totals().interest == D("0.7")
    assert books.totals_by_instrument() == {}


# --- moves between books, dust, splits -----------------------------------------------------------


def moved(books: Ledger, to: BookId = MANUAL_BOOK, **how: object) -> Sequence[LedgerEntry]:
    return book_transfer_entries(
        held(books),
        account_id=ACCOUNT,
        to_book=to,
        ts_event=at(50),
        rates=RATES,
        reference="hand over",
        **how,
    )


def test_handing_over_moves_quantity_and_cost_and_makes_no_pnl() -> None:
    books = ledger(entry(1, BUY, "3", "100", fee="0.3"))
    for each in moved(books):
        books.apply(each)
    assert not held(books).quantity
    taken = held(books, MANUAL_BOOK)
    assert (taken.quantity, taken.cost, taken.opened_at) == (3, 300, at(50))
    assert (books.totals().realized, books.totals().flows) == (0, 0)
    assert books.cash() == {USDT: D("-300.3")}
    assert not books.trades()  # nothing was exited; the entry fee stays with the old book
    assert books.untraded(book_id=BOOK) == D("-0.3")
    assert books.net_quantity(BTC_USDT.id) == 3


def test_a_part_is_handed_over_at_its_share_of_the_cost() -> None:
    books = ledger(entry(1, BUY, "1", "100"), entry(2, BUY, "2", "130"))
    for each in moved(books, quantity=D(1)):
        books.apply(each)
    assert held(books, MANUAL_BOOK).cost == 120
    assert (held(books).quantity, held(books).cost) == (2, 240)


@pytest.mark.parametrize("quantity", ["0", "-1", "1.1"])
def test_more_than_there_is_can_not_be_handed_over(quantity: str) -> None:
    books = ledger(entry(1, BUY, "1", "100"))
    with pytest.raises(ValueError, match="can't be moved"):
        moved(books, quantity=D(quantity))
    with pytest.raises(ValueError, match="already"):
        moved(books, to=BOOK)


def test_a_fill_found_after_a_hand_over_leaves_the_new_book_alone() -> None:
    books = ledger(entry(2, BUY, "1", "100"))
    for each in moved(books):
        books.apply(each)
    books.apply(entry(1, BUY, "1", "120"))  # it had come before
    assert held(books, MANUAL_BOOK).cost == 100
    assert (held(books).quantity, held(books).cost) == (1, 110)
    assert books.totals().realized == -10  # sold at a stated 100 what cost 110 on average


def test_dust_leaves_and_the_round_trip_counts_as_closed() -> None:
    books = ledger(entry(1, BUY, "1.0004", "100"), entry(2, SELL, "1", "110", reason="stop"))
    remainder = held(books)
    assert not books.trades()
    for each in dust_transfer(remainder, account_id=ACCOUNT, ts_event=at(2), rates=RATES):
        books.apply(each)
    assert not held(books).quantity
    assert held(books, DUST_BOOK).cost == D("0.04")
    (trade,) = books.trades()
    assert (trade.quantity, trade.exit_reason, trade.pnl) == (1, "stop", 10)


def test_the_same_dust_is_moved_once_however_often_it_is_asked_for() -> None:
    books = ledger(entry(1, BUY, "0.0004", "100"))
    how = {"account_id": ACCOUNT, "rates": RATES}
    first = dust_transfer(held(books), ts_event=at(2), **how)
    again = dust_transfer(held(books), ts_event=at(2), **how)
    assert [e.entry_id for e in first] == [e.entry_id for e in again]


@pytest.mark.parametrize("method", CostMethod)
def test_a_split_multiplies_units_and_keeps_the_cost(method: CostMethod) -> None:
    books = ledger(entry(1, BUY, "1", "100"), entry(2, BUY, "2", "130"), method=method)
    books.apply(split_entry(held(books), D(4), account_id=ACCOUNT, ts_event=at(2), reference="4:1"))
    assert (held(books).quantity, held(books).cost, held(books).average_price) == (12, 360, 30)
    sold = books.book(entry(3, SELL, "4", "40"))
    assert sold.realized_pnl == (160 - 100 if method is CostMethod.FIFO else 160 - 120)
    closed = books.book(entry(4, SELL, "8", "40")).closed_trade
    assert closed is not None
    assert (closed.quantity, closed.entry_price, closed.exit_price, closed.pnl) == (12, 30, 40, 120)


def test_a_reverse_split_of_a_short() -> None:
    books = ledger(entry(1, SELL, "10", "5"))
    books.apply(
        split_entry(held(books), D("0.1"), account_id=ACCOUNT, ts_event=at(2), reference="1:10")
    )
    assert (held(books).quantity, held(books).average_price) == (-1, 50)


def test_a_bust_undoes_a_fill_as_if_it_had_never_been() -> None:
    kept, bad = entry(1, BUY, "1", "200", fee="0.2"), entry(2, BUY, "1", "100", fee="0.1")
    later = entry(3, SELL, "0.5", "220", fee="0.1")
    books = ledger(kept, bad, later)
    assert books.totals().realized == D(110) - D(75)
    books.apply(bust_entry(bad, ts_event=at(60)))
    clean = ledger(kept, later)
    assert held(books) == held(clean)
    assert books.totals() == clean.totals()
    assert books.cash() == clean.cash()
    assert books.has(bad.entry_id)


def test_what_is_booked_after_a_bust_still_counts() -> None:
    bad = entry(1, BUY, "1", "100")
    books = ledger(bad, bust_entry(bad, ts_event=at(2)))
    assert books.positions() == ()
    booked = books.book(entry(3, BUY, "2", "90"))
    assert booked.position.cost == 180
    assert books.book(entry(4, SELL, "2", "95")).realized_pnl == 10


def test_a_liquidation_is_a_fill_with_its_reason() -> None:
    forced = fill_entry(
        fill(2, SELL, "1", "80"),
        book_id=BOOK,
        instrument=BTC_USDT,
        rates=RATES,
        reason="liquidation",
        kind=EntryKind.LIQUIDATION,
    )
    books = ledger(entry(1, BUY, "1", "100"), forced)
    assert [t.exit_reason for t in books.trades()] == ["liquidation"]


# --- order and repetition ------------------------------------------------------------------------


def test_a_fill_books_once() -> None:
    once = entry(1, BUY, "1", "100")
    books = ledger(once)
    again = books.book(once)
    assert not again.applied
    assert (again.realized_pnl, again.closed_trade, again.position.quantity) == (None, None, 1)
    assert books.cash() == {USDT: -100}


def test_a_late_fill_takes_its_canonical_place() -> None:
    books = ledger(entry(1, BUY, "1", "100"), entry(3, SELL, "1", "130"))
    late = books.book(entry(2, BUY, "1", "110"))
    assert late.realized_pnl is None
    assert (late.position.quantity, late.position.cost) == (1, 105)
    assert books.totals().realized == 25
    assert books.trades() == ()


def test_within_an_instant_the_sequence_decides() -> None:
    first = entry(1, BUY, "1", "100", minute=1, sequence=1)
    second = entry(2, SELL, "1", "130", minute=1, sequence=2)
    for order in ((first, second), (second, first)):
        (trade,) = ledger(*order).trades()
        assert trade.is_long


def test_a_late_fill_is_put_right_behind_a_checkpoint_too() -> None:
    fills = [
        entry(n, BUY if n % 2 else SELL, f"0.{n % 7 + 1}", f"{100 + n % 13}")
        for n in range(1, 2600)
    ]
    straight = ledger(*fills)
    for missing in (0, 1022, 1023, 1024, 2047, 2500):
        rest = fills[:missing] + fills[missing + 1 :]
        books = ledger(*rest, fills[missing])
        assert held(books) == held(straight)
        assert books.trades() == straight.trades()
        assert books.totals() == straight.totals()


def test_replay_takes_entries_in_any_order() -> None:
    fills = [entry(n, BUY if n % 2 else SELL, f"0.{n % 7 + 1}", f"{100 + n}") for n in range(1, 30)]
    replayed = Ledger.replay(account(), INSTRUMENTS, reversed(fills))
    assert held(replayed) == held(ledger(*fills))


# --- what can't be booked ------------------------------------------------------------------------


def test_an_entry_that_does_not_balance_is_refused_and_changes_nothing() -> None:
    good = entry(1, BUY, "1", "100")
    first, *rest = good.postings
    bad = replace(good, postings=(replace(first, amount=first.amount + 1), *rest))
    books = ledger()
    with pytest.raises(UnbookableEntry, match="postings in BTC sum to 1, not 0"):
        books.apply(bad)
    assert books.cash() == {}
    assert not books.has(bad.entry_id)
    assert books.apply(good)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"account_id": AccountId("other")}, "of account other, not test"),
        ({"instrument_id": "XRP/USDT"}, "unknown instrument XRP/USDT"),
        ({"instrument_id": LINEAR.id}, "BTC is neither the unit nor the settlement asset"),
    ],
)
def test_an_entry_of_elsewhere_is_refused(fault: dict, words: str) -> None:
    with pytest.raises(UnbookableEntry, match=words):
        ledger().apply(replace(entry(1, BUY, "1", "100"), **fault))


def test_units_without_a_price_are_refused() -> None:
    found = found_position_entry(
        account_id=ACCOUNT,
        instrument=BTC_USDT,
        quantity=D(1),
        price=D(100),
        ts_event=at(0),
        rates=RATES,
        reference="x",
    )
    with pytest.raises(UnbookableEntry, match="without a price"):
        ledger().apply(replace(found, price=None))


def test_a_cash_entry_has_no_position() -> None:
    booked = ledger().book(
        deposit_entry(
            account_id=ACCOUNT,
            asset=USDT,
            amount=D(1),
            ts_event=at(0),
            rates=RATES,
            reference="x",
        )
    )
    with pytest.raises(ValueError, match="no instrument"):
        _ = booked.position


def test_a_book_that_holds_nothing_has_a_flat_position() -> None:
    flat = ledger().position(BOOK, ETH_BTC.id)
    assert (flat.quantity, flat.cost, flat.average_price) == (0, 0, None)


def test_the_purpose_stands_in_for_a_missing_reason() -> None:
    stopped = fill_entry(
        fill(2, SELL, "1", "90"),
        book_id=BOOK,
        instrument=BTC_USDT,
        rates=RATES,
        purpose=OrderPurpose.STOP,
    )
    assert [t.exit_reason for t in ledger(entry(1, BUY, "1", "9"), stopped).trades()] == ["stop"]


def test_both_sides_of_a_hedged_position_are_kept_apart() -> None:
    long = replace(fill(1, BUY, "10", "3000", of=LINEAR), position_side=PositionSide.LONG)
    short = replace(fill(2, SELL, "4", "3010", of=LINEAR), position_side=PositionSide.SHORT)
    books = ledger(
        *(fill_entry(f, book_id=BOOK, instrument=LINEAR, rates=RATES) for f in (long, short))
    )
    assert books.position(BOOK, LINEAR.id, PositionSide.LONG).quantity == 10
    assert books.position(BOOK, LINEAR.id, PositionSide.SHORT).quantity == -4
    assert books.net_quantity(LINEAR.id) == 6
    assert books.totals().realized == 0


def test_an_entry_keeps_no_more_than_the_places_that_storage_does() -> None:
    long = "0.1234567890123456789"
    booked = entry(1, BUY, "1", "100", fee=long)
    assert booked.postings[-1].amount == D("0.123456789012345679")
    many = fill_entry(
        fill(1, BUY, long, "1"), book_id=BOOK, instrument=BTC_USDT, rates={BTC: D(1) / D(3)}
    )
    assert many.quantity == many.postings[0].amount == D("0.123456789012345679")
    assert many.rates == {BTC: D("0.333333333333333333")}


def test_an_amount_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not an amount"):
        entry(1, BUY, "1", "100", fee="NaN")


def test_totals_are_told_for_any_cut_of_the_account() -> None:
    books = ledger(
        entry(1, BUY, "1", "100", fee="1"),
        entry(2, BUY, "1", "100", fee="2", book=OTHER_BOOK),
        entry(3, BUY, "1", "3000", fee="4", of=LINEAR),
    )
    assert books.totals().fees == 7
    assert books.totals(book_id=BOOK).fees == 5
    assert books.totals(instrument_id=BTC_USDT.id).fees == 3
    assert books.totals(book_id=BOOK, instrument_id=BTC_USDT.id).fees == 1
    assert books.totals(book_id=MANUAL_BOOK).fees == 0
    assert [t.fees for t in books.totals_by_book().values()] == [5, 2]


def test_a_loss_in_another_asset_is_realised_at_the_rate_of_its_exit() -> None:
    books = ledger(
        entry(1, BUY, "10", "0.05", of=ETH_BTC, rates={BTC: D(50000)}),
        entry(2, SELL, "10", "0.04", of=ETH_BTC, rates={BTC: D(60000)}),
    )
    assert books.totals().realized == -6000
    assert books.totals_by_asset()[BTC].realized == D("-0.1")
    assert [t.pnl for t in books.trades()] == [-6000]


def test_a_rebate_in_the_base_may_end_what_its_own_fill_opened() -> None:
    books = ledger(entry(1, BUY, "1", "100"))
    # sells a little more than is held; the rebate buys that little back
    booked = books.book(entry(2, SELL, "1.01", "110", fee="-0.01", fee_asset=BTC))
    assert not booked.position.quantity
    assert booked.realized_pnl == 10
    (trade,) = books.trades()  # the other was not exited by a trade
    assert trade.quantity == 1
    assert trade.pnl + books.untraded() == books.totals().net == D("11.1")


def test_a_late_fee_after_a_hand_over_is_not_put_on_an_older_trip() -> None:
    first, third = entry(1, BUY, "1", "100"), entry(3, BUY, "1", "100")
    books = ledger(first, entry(2, SELL, "1", "110"), third)
    for each in moved(books):
        books.apply(each)
    books.apply(
        fee_entry(third, asset=USDT, amount=D(2), ts_event=at(90), rates=RATES, reference="late")
    )
    assert [t.fees for t in books.trades()] == [0]
    assert books.untraded(book_id=BOOK) == -2


def test_a_late_fee_finds_its_trip_when_all_is_folded_again() -> None:
    first = entry(1, BUY, "1", "100")
    fills = [first, *(entry(n, BUY if n % 2 else SELL, "1", "100") for n in range(2, 1025))]
    late = fee_entry(
        first, asset=USDT, amount=D(2), ts_event=at(3000), rates=RATES, reference="late"
    )
    earlier = fee_entry(
        first, asset=USDT, amount=D(3), ts_event=at(2000), rates=RATES, reference="earlier"
    )
    books = ledger(*fills, late, earlier)  # the second goes back to the checkpoint at 1024
    assert books.trades()[-1].fees == 5
    assert books.untraded() == 0


def test_a_bust_of_long_ago_reaches_behind_every_checkpoint() -> None:
    fills = [
        entry(n, BUY if n % 3 else SELL, f"0.{n % 7 + 1}", f"{100 + n % 13}")
        for n in range(1, 2600)
    ]
    busted = fills[10]
    books = ledger(*fills, bust_entry(busted, ts_event=at(9000)))
    clean = ledger(*fills[:10], *fills[11:])
    assert held(books) == held(clean)
    assert books.trades() == clean.trades()
    assert books.totals() == clean.totals()


def test_a_bust_that_comes_before_its_fill_counts_until_both_are_there() -> None:
    bad = entry(1, BUY, "1", "100")
    books = ledger(bust_entry(bad, ts_event=at(2)))
    assert held(books).quantity == -1  # as told so far, and it adds up
    assert held(books).cost == -100
    books.apply(bad)
    assert not held(books).quantity
    assert books.totals().realized == 0
    assert not books.trades()


def test_a_hand_over_comes_after_the_fill_of_its_instant() -> None:
    bought = entry(1, BUY, "1", "100", minute=50, sequence=7)
    books = ledger(bought)
    moves = moved(books)  # at minute 50 too
    assert [move.sequence for move in moves] == [8, 8]
    late = ledger(*moves, bought)
    assert not held(late).quantity
    assert late.trades() == ()  # the other way round it would have been a short, covered


def test_a_split_counts_what_was_exited_before_it_in_new_units() -> None:
    books = ledger(entry(1, BUY, "2", "100"), entry(2, SELL, "1", "120"))
    books.apply(split_entry(held(books), D(2), account_id=ACCOUNT, ts_event=at(2), reference="2:1"))
    trade = books.book(entry(3, SELL, "2", "70")).closed_trade
    assert trade is not None
    assert (trade.quantity, trade.entry_price, trade.exit_price, trade.pnl) == (4, 50, 65, 60)
