"""Laws of the ledger that hold for every story of an account, to the last digit."""

import random
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.entries import LedgerAccount
from engine.domain.ids import AssetId, BookId, InstrumentId
from engine.domain.instruments import InstrumentKind
from engine.domain.ledger import Ledger
from engine.domain.money import ZERO, exact, quantize
from engine.domain.valuation import Mark, RateBook, Valuation, value_account
from tests.fakes.trading import (
    BNB,
    BNB_USDT,
    BTC,
    BTC_USDT,
    ETH,
    ETH_BTC,
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    START,
    USDT,
)
from tests.property.stories import Story, stories

marks_of = st.fixed_dictionaries(
    {
        BTC_USDT.id: st.decimals(min_value=1, max_value=10**6, places=2),
        ETH_BTC.id: st.decimals(min_value=Decimal("1e-6"), max_value=10, places=6),
        BNB_USDT.id: st.decimals(min_value=1, max_value=10**4, places=2),
        LINEAR.id: st.decimals(min_value=1, max_value=10**5, places=2),
        INVERSE.id: st.decimals(min_value=1, max_value=10**6, places=2),
    }
).map(lambda prices: {name: Mark(price, START) for name, price in prices.items()})


def valued(ledger: Ledger, marks: Mapping[InstrumentId, Mark]) -> Valuation:
    return value_account(
        ledger, marks, now=START, max_age=None, rates=RateBook(USDT, INSTRUMENTS, marks)
    )


def state(ledger: Ledger) -> tuple:
    """Everything that a ledger tells."""
    books = sorted(ledger.totals_by_book())
    return (
        {asset: amount for asset, amount in ledger.cash().items() if amount},
        {asset: amount for asset, amount in ledger.balances().items() if amount},
        ledger.positions(),
        ledger.trades(),
        ledger.totals(),
        ledger.totals_by_book(),
        ledger.totals_by_instrument(),
        ledger.totals_by_asset(),
        [(book, ledger.trades(book_id=book), ledger.untraded(book_id=book)) for book in books],
    )


@given(stories())
def test_the_postings_of_every_entry_sum_to_zero_per_asset(story: Story) -> None:
    for entry in story.entries:
        sums: dict[AssetId, Decimal] = defaultdict(Decimal)
        with exact():
            for posting in entry.postings:
                sums[posting.asset] += posting.amount
        assert not any(sums.values()), entry


@given(stories())
def test_holdings_are_fills_less_base_fees_plus_flows(story: Story) -> None:
    """Against what the story wrote down, and against the HOLDING and POSITION postings."""
    cash = {asset: amount for asset, amount in story.ledger.cash().items() if amount}
    assert cash == {asset: amount for asset, amount in story.cash.items() if amount}
    for instrument_id in INSTRUMENTS:
        expected = story.units.get(instrument_id, ZERO)
        assert story.ledger.net_quantity(instrument_id) == expected


@given(stories())
def test_books_sum_to_what_the_venue_holds(story: Story) -> None:
    held: dict[InstrumentId, Decimal] = defaultdict(Decimal)
    with exact():
        for position in story.ledger.positions():
            held[position.instrument_id] += position.quantity
    assert {k: v for k, v in held.items() if v} == {k: v for k, v in story.units.items() if v}


@given(stories())
def test_balances_are_the_holding_postings_where_only_spot_is_traded(story: Story) -> None:
    spot = [
        entry
        for entry in story.entries
        if entry.instrument_id is None
        or INSTRUMENTS[entry.instrument_id].kind is InstrumentKind.SPOT
    ]
    posted: dict[AssetId, Decimal] = defaultdict(Decimal)
    with exact():
        for entry in spot:
            for posting in entry.postings:
                if posting.ledger_account is LedgerAccount.HOLDING:
                    posted[posting.asset] += posting.amount
    balances = story.told_to_a_new_ledger(spot).balances()
    assert {k: v for k, v in balances.items() if v} == {k: v for k, v in posted.items() if v}


@given(stories())
def test_per_asset_what_was_made_and_flowed_is_cash_plus_open_cost(story: Story) -> None:
    assert_adds_up(story.ledger)


def assert_adds_up(ledger: Ledger) -> None:
    settled: dict[AssetId, Decimal] = defaultdict(Decimal)
    with exact():
        for asset, amount in ledger.cash().items():
            settled[asset] += amount
        for position in ledger.positions():
            settled[position.instrument.settlement] += position.cost
        for asset, totals in ledger.totals_by_asset().items():
            assert totals.net + totals.flows == settled.pop(asset, ZERO)
    assert not any(settled.values())


@given(stories(), marks_of, marks_of, st.integers(0, 14))
def test_change_in_equity_is_pnl_less_costs_plus_flows(
    story: Story, before: dict, after: dict, cut: int
) -> None:
    """Equity from cash and positions alone; its change from the totals: equal to the digit."""
    early = story.told_to_a_new_ledger(story.entries[:cut])
    start, end = valued(early, before), valued(story.ledger, after)
    assert equity_by_hand(early, before) == start.equity
    assert equity_by_hand(story.ledger, after) == end.equity
    one, two = start.totals, end.totals
    with exact():
        explained = (
            (two.realized - one.realized)
            + (end.unrealized - start.unrealized)
            - (two.fees - one.fees)
            + (two.funding - one.funding)
            + (two.interest - one.interest)
            + (two.flows - one.flows)
            + (end.revaluation - start.revaluation)
        )
        assert end.equity - start.equity == explained


@given(stories(), marks_of)
def test_revaluation_is_each_amount_times_the_move_of_its_rate(story: Story, marks: dict) -> None:
    """What the sum over bookings of amount x (rate now - rate then) gives, but for rounding."""
    book = RateBook(USDT, INSTRUMENTS, marks)
    moved, gross = ZERO, Decimal(1)
    for entry in story.entries:
        ledger = story.told_to_a_new_ledger([entry])
        with exact():
            for asset, totals in ledger.totals_by_asset().items():
                amount = totals.flows + totals.funding + totals.interest - totals.fees
                rates = {USDT: Decimal(1), **{a: r for a, r in entry.rates.items() if a != USDT}}
                moved += amount * (book.rate(asset) - rates.get(asset, ZERO))
                gross += abs(amount) * (book.rate(asset) + rates.get(asset, ZERO))
    # realised P&L in another asset than the reporting one is revalued from its own booking on
    with exact():
        totals = story.ledger.totals_by_asset()
        converted = story.ledger.totals().realized
        now = sum((t.realized * book.rate(a) for a, t in totals.items()), ZERO)
        moved += now - converted
        gross += abs(now) + abs(converted)
        revaluation = valued(story.ledger, marks).revaluation
        assert abs(revaluation - moved) <= Decimal("1e-15") * max(gross, Decimal(1))


@given(stories(), marks_of)
def test_an_account_whose_rates_never_moved_has_no_revaluation(story: Story, marks: dict) -> None:
    from dataclasses import replace

    book = RateBook(USDT, INSTRUMENTS, marks)
    rates = {asset: book.rate(asset) for asset in (USDT, BTC, ETH, BNB)}
    still = [replace(entry, rates=rates) for entry in story.entries]
    value = valued(story.told_to_a_new_ledger(still), marks)
    places = Decimal(1 + 12 * len(still)) * Decimal("1e-18")  # each conversion rounds once
    assert abs(value.revaluation) <= places


@given(stories(), marks_of)
def test_books_and_instruments_sum_to_the_account(story: Story, marks: dict) -> None:
    value = valued(story.ledger, marks)
    with exact():
        for parts in (value.by_book, value.by_instrument):
            assert sum((part.unrealized for part in parts.values()), ZERO) == value.unrealized
        books = [part.totals for part in value.by_book.values()]
        for name in ("realized", "fees", "funding", "interest", "flows"):
            whole = getattr(value.totals, name)
            assert sum((getattr(part, name) for part in books), ZERO) == whole


@given(stories())
def test_replaying_the_entries_rebuilds_the_state(story: Story) -> None:
    assert state(story.told_to_a_new_ledger()) == state(story.ledger)
    replayed = Ledger.replay(story.ledger.account, INSTRUMENTS, story.entries)
    assert state(replayed) == state(story.ledger)


@given(stories(), st.randoms(use_true_random=False), st.data())
def test_any_order_and_any_repetition_gives_the_same_ledger(
    story: Story, chance: random.Random, data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(story.entries))) if story.entries else []
    told = [*story.entries, *repeated]
    chance.shuffle(told)
    assert state(story.told_to_a_new_ledger(told)) == state(story.ledger)


@given(stories(), st.randoms(use_true_random=False))
def test_the_account_adds_up_at_every_moment_however_it_is_told(
    story: Story, chance: random.Random
) -> None:
    told = list(story.entries)
    chance.shuffle(told)
    for count in range(1, len(told) + 1):
        assert_adds_up(story.told_to_a_new_ledger(told[:count]))


@given(stories())
def test_a_bust_leaves_what_there_would_be_without_its_fill(story: Story) -> None:
    busted = {entry.corrects for entry in story.entries if entry.corrects is not None}
    left = [e for e in story.entries if e.entry_id not in busted and e.corrects is None]
    clean = story.told_to_a_new_ledger(left)
    assert clean.positions() == story.ledger.positions()
    assert clean.trades() == story.ledger.trades()
    assert clean.totals() == story.ledger.totals()
    for asset, amount in story.ledger.cash().items():
        assert amount == clean.cash().get(asset, ZERO)


@given(stories())
def test_round_trips_and_what_is_open_sum_to_the_totals(story: Story) -> None:
    ledger = story.ledger
    with exact():
        for book in ledger.totals_by_book():
            trades = sum((trade.pnl for trade in ledger.trades(book_id=book)), ZERO)
            parts = [p for p in ledger.positions() if p.book_id == book]
            still_open = sum((p.realized_pnl - p.fees + p.funding for p in parts), ZERO)
            made = sum(
                (
                    ledger.totals(book_id=book, instrument_id=instrument_id).net
                    for instrument_id in INSTRUMENTS
                ),
                ZERO,
            )
            assert trades + still_open + ledger.untraded(book_id=book) == made


@given(stories())
def test_round_trips_have_unique_keys_in_the_order_of_their_exits(story: Story) -> None:
    trades = story.ledger.trades()
    assert len({trade.key for trade in trades}) == len(trades)
    assert [t.exit_time for t in trades] == sorted(t.exit_time for t in trades)
    assert all(t.entry_time <= t.exit_time and t.quantity > 0 for t in trades)


@given(stories())
def test_fifo_and_average_agree_wherever_a_position_is_flat(story: Story) -> None:
    other = Story(next(m for m in type(story.method) if m is not story.method))
    twin = other.told_to_a_new_ledger(story.entries)
    for key, one in _realised(story.ledger).items():
        if not story.ledger.position(*key).quantity:
            assert _realised(twin)[key] == one


def _realised(ledger: Ledger) -> dict[tuple[BookId, InstrumentId], Decimal]:
    return {
        (book, name): ledger.totals_by_asset(book_id=book, instrument_id=name)[
            INSTRUMENTS[name].settlement
        ].realized
        for book in ledger.totals_by_book()
        for name in INSTRUMENTS
        if ledger.totals_by_asset(book_id=book, instrument_id=name)
    }


def equity_by_hand(ledger: Ledger, marks: Mapping[InstrumentId, Mark]) -> Decimal:
    """Cash and positions at their rates, each rounded once; by no code of the valuation."""
    with exact():
        btc = marks[BTC_USDT.id].price
        rates = {USDT: Decimal(1), BTC: btc, BNB: marks[BNB_USDT.id].price}
        rates[ETH] = quantize(marks[ETH_BTC.id].price * btc)
        parts = [quantize(amount * rates[asset]) for asset, amount in ledger.cash().items()]
        for position in ledger.positions():
            instrument, price = position.instrument, marks[position.instrument_id].price
            value = position.quantity * instrument.multiplier * price
            if instrument.kind is InstrumentKind.INVERSE:
                value = -position.quantity * instrument.multiplier / price
            parts.append(quantize(quantize(value) * rates[instrument.settlement]))
        return sum(parts, ZERO)
