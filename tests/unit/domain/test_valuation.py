from datetime import timedelta
from decimal import Decimal

import pytest

from engine.domain.booking import deposit_entry, fill_entry
from engine.domain.entries import LedgerEntry
from engine.domain.ids import BookId
from engine.domain.instruments import Instrument
from engine.domain.ledger import Ledger
from engine.domain.orders import OrderSide
from engine.domain.valuation import Mark, RateBook, Valuation, account_equity, value_account
from tests.fakes.trading import (
    ACCOUNT,
    BNB,
    BNB_USDT,
    BOOK,
    BTC,
    BTC_USDT,
    ETH,
    ETH_BTC,
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    OTHER_BOOK,
    START,
    USDT,
    account,
    at,
    fill,
)

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
HOUR = timedelta(hours=1)


def marks(**prices: str) -> dict:
    """Marks of spot instruments by their base, made at START."""
    spot = {"BTC": BTC_USDT, "ETH": ETH_BTC, "BNB": BNB_USDT, "PERP": LINEAR, "INVERSE": INVERSE}
    return {spot[name].id: Mark(D(price), START) for name, price in prices.items()}


def deposit(asset: str, amount: str, rate: str = "1") -> LedgerEntry:
    return deposit_entry(
        account_id=ACCOUNT,
        asset=asset,
        amount=D(amount),
        ts_event=at(0),
        rates={asset: D(rate)},
        reference=asset,
    )


def bought(
    number: int,
    quantity: str,
    price: str,
    of: Instrument = BTC_USDT,
    *,
    side: OrderSide = BUY,
    book: BookId = BOOK,
    rate: str = "1",
    **how: object,
) -> LedgerEntry:
    rates = {of.settlement: D(rate), BNB: D(500)}
    return fill_entry(
        fill(number, side, quantity, price, of=of, **how), book_id=book, instrument=of, rates=rates
    )


def valued(entries: list[LedgerEntry], prices: dict, *, minutes: int = 0) -> Valuation:
    ledger = Ledger(account(), INSTRUMENTS)
    for entry in entries:
        ledger.apply(entry)
    rates = RateBook(USDT, INSTRUMENTS, prices)
    value = value_account(ledger, prices, now=at(minutes), max_age=HOUR, rates=rates)
    alone = account_equity(ledger, prices, now=at(minutes), max_age=HOUR, rates=rates)
    assert alone == value.equity
    return value


def test_a_spot_buy_changes_equity_by_its_gain_less_its_fee() -> None:
    value = valued([deposit(USDT, "1000"), bought(1, "1", "100", fee="0.1")], marks(BTC="110"))
    assert value.equity == D("1009.9")
    assert (value.unrealized, value.totals.fees, value.totals.flows) == (10, D("0.1"), 1000)
    assert value.revaluation == 0
    assert value.incomplete == ()


def test_books_and_instruments_have_their_own_pnl() -> None:
    value = valued(
        [
            deposit(USDT, "1000"),
            bought(1, "1", "100", fee="1"),
            bought(2, "2", "105", book=OTHER_BOOK),
            bought(3, "1", "120", side=SELL, book=OTHER_BOOK),
            bought(4, "10", "3000", LINEAR, side=SELL),
        ],
        marks(BTC="110", PERP="2990"),
    )
    assert value.equity == 1000 - 1 + 10 + 15 + 5 + 10
    one, other = value.by_book[BOOK], value.by_book[OTHER_BOOK]
    assert (one.unrealized, one.pnl, one.open_positions) == (20, 19, 2)
    assert (other.unrealized, other.pnl, other.totals.realized) == (5, 20, 15)
    assert value.by_instrument[LINEAR.id].pnl == 10
    assert [p.unrealized for p in value.positions] == [10, 10, 5]


def test_an_asset_held_beside_positions_is_revalued() -> None:
    value = valued([deposit(BTC, "2", rate="50000")], marks(BTC="60000"))
    assert (value.equity, value.totals.flows, value.revaluation) == (120000, 100000, 20000)
    assert value.unrealized == 0


def test_a_position_settled_in_btc_earns_in_btc_and_its_money_is_revalued() -> None:
    value = valued(
        [deposit(BTC, "1", rate="50000"), bought(1, "10", "0.05", ETH_BTC, rate="50000")],
        marks(BTC="60000", ETH="0.06"),
    )
    # half a BTC in cash, 10 ETH at 0.06: 1.1 BTC
    assert value.equity == 66000
    assert value.unrealized == 6000  # 0.1 BTC at today's rate
    assert value.revaluation == 10000  # on the whole BTC, the half that was spent included


def test_an_inverse_position_counts_in_its_base() -> None:
    value = valued(
        [deposit(BTC, "1", rate="50000"), bought(1, "100", "50000", INVERSE, rate="50000")],
        marks(BTC="62500", INVERSE="62500"),
    )
    assert value.unrealized == D("0.04") * 62500
    assert value.equity == D("1.04") * 62500


@pytest.mark.parametrize(
    ("entries", "prices", "minutes", "named"),
    [
        ([bought(1, "1", "100")], {}, 0, "BTC/USDT: no price"),
        ([bought(1, "1", "100")], marks(BTC="110"), 61, "BTC/USDT: price is 1:01:00 old"),
        ([deposit(BNB, "1")], marks(BTC="110"), 0, "BNB: no price in USDT"),
        ([deposit(BTC, "1")], marks(BTC="110"), 90, "BTC: price by BTC/USDT is 1:30:00 old"),
    ],
)
def test_what_has_no_fresh_price_makes_equity_incomplete_never_zero(
    entries: list, prices: dict, minutes: int, named: str
) -> None:
    value = valued([deposit(USDT, "1000"), *entries], prices, minutes=minutes)
    assert value.equity is None
    assert value.incomplete == (named,)


def test_a_missing_price_leaves_the_other_figures() -> None:
    value = valued(
        [bought(1, "1", "100"), bought(2, "1", "300", BNB_USDT, book=OTHER_BOOK)],
        marks(BNB="310"),
    )
    assert (value.equity, value.unrealized) == (None, None)
    assert value.by_book[BOOK].pnl is None
    assert value.by_book[OTHER_BOOK].pnl == 10
    assert value.by_instrument[BTC_USDT.id].unrealized is None
    assert value.revaluation == 0


def test_an_asset_that_is_not_held_needs_no_price() -> None:
    entries = [bought(1, "1", "100"), bought(2, "1", "110", side=SELL)]
    assert valued(entries, {}).equity == 10
    assert valued([deposit(BNB, "0")], {}).equity == 0


def test_an_empty_account_is_worth_nothing_and_that_is_known() -> None:
    value = valued([], {})
    assert (value.equity, value.unrealized, value.revaluation) == (0, 0, 0)


def test_a_fee_that_had_no_rate_shows_as_revaluation_once_it_has_a_price() -> None:
    made = fill(1, BUY, "1", "100", fee="0.1", fee_asset=BNB)
    entry = fill_entry(made, book_id=BOOK, instrument=BTC_USDT, rates={})
    assert valued([entry], marks(BTC="100")).equity is None
    value = valued([entry], marks(BTC="100", BNB="500"))
    assert (value.equity, value.totals.fees, value.revaluation) == (-50, 0, -50)
    assert value.totals.unconverted == (BNB,)


def test_no_limit_of_age_takes_any_price() -> None:
    prices = marks(BTC="110")
    ledger = Ledger(account(), INSTRUMENTS)
    ledger.apply(bought(1, "1", "100"))
    value = value_account(
        ledger,
        prices,
        now=at(10**6),
        max_age=None,
        rates=RateBook(USDT, INSTRUMENTS, prices),
    )
    assert value.equity == 10


# --- paths ---------------------------------------------------------------------------------------


def test_an_asset_is_converted_along_a_named_path() -> None:
    prices = {BTC_USDT.id: Mark(D(60000), at(5)), ETH_BTC.id: Mark(D("0.05"), at(3))}
    found = RateBook(USDT, INSTRUMENTS, prices).conversion(ETH)
    assert found is not None
    assert (found.rate, found.path, found.priced_at) == (3000, (ETH_BTC.id, BTC_USDT.id), at(3))
    assert found.age(at(10)) == timedelta(minutes=7)


def test_a_price_is_turned_round_where_the_path_needs_it() -> None:
    found = RateBook(BTC, INSTRUMENTS, marks(BTC="64000")).conversion(USDT)
    assert found is not None
    assert found.rate == D("0.000015625")


def test_the_price_of_a_contract_serves_only_where_spot_leads_nowhere() -> None:
    perp = marks(PERP="2900")
    assert RateBook(USDT, INSTRUMENTS, perp).rate(ETH) == 2900
    both = perp | marks(BTC="60000", ETH="0.05")
    assert RateBook(USDT, INSTRUMENTS, both).rate(ETH) == 3000


def test_a_stale_path_gives_way_to_a_fresh_one() -> None:
    prices = marks(BTC="60000", ETH="0.05") | {LINEAR.id: Mark(D(2900), at(100))}
    found = RateBook(USDT, INSTRUMENTS, prices).conversion(ETH, not_before=at(50))
    assert found is not None
    assert found.path == (LINEAR.id,)


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_price_that_can_not_convert_is_no_path(price: str) -> None:
    assert RateBook(USDT, INSTRUMENTS, marks(BTC=price)).rate(BTC) is None


def test_the_reporting_asset_is_worth_itself() -> None:
    book = RateBook(USDT, INSTRUMENTS, {})
    assert book.rate(USDT) == 1
    found = book.conversion(USDT)
    assert found is not None
    assert (found.rate, found.path, found.age(at(0))) == (1, (), None)


def test_one_book_sees_new_prices_and_new_instruments() -> None:
    instruments: dict = {}
    prices: dict = {}
    book = RateBook(USDT, instruments, prices)
    assert book.rate(BTC) is None
    instruments[BTC_USDT.id] = BTC_USDT
    prices[BTC_USDT.id] = Mark(D(1), START)
    assert book.rate(BTC) == 1
    prices[BTC_USDT.id] = Mark(D(2), START)
    assert book.rate(BTC) == 2
