"""Random stories of an account: what happened to it, as entries in the order they were told.

Some entries need the position as it stood (a transfer, a split), so a story is told to a ledger
while it is made up. What a test expects is computed from the facts kept beside the entries, or
from the postings, never from the ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from engine.domain.accounts import CostMethod
from engine.domain.booking import (
    book_transfer_entries,
    bust_entry,
    deposit_entry,
    dust_transfer,
    fee_entry,
    fill_entry,
    found_position_entry,
    funding_entry,
    interest_entry,
    split_entry,
)
from engine.domain.entries import EntryKind, LedgerEntry
from engine.domain.ids import MANUAL_BOOK, AssetId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.ledger import Ledger
from engine.domain.money import ZERO, exact, quantize
from engine.domain.orders import OrderSide
from engine.domain.positions import Position
from tests.fakes.trading import (
    ACCOUNT,
    BNB,
    BOOK,
    BTC,
    ETH,
    INSTRUMENTS,
    OTHER_BOOK,
    START,
    USDT,
    account,
    fill,
)

BOOKS = (BOOK, OTHER_BOOK, MANUAL_BOOK)
ASSETS = (USDT, BTC, ETH, BNB)

sizes = st.decimals(min_value=Decimal("0.00000001"), max_value=10**7, places=8)
prices = st.decimals(min_value=Decimal("0.0001"), max_value=10**6, places=4)
amounts = st.decimals(min_value=-(10**6), max_value=10**6, places=18)
fees = st.decimals(min_value=Decimal("-0.01"), max_value=Decimal("0.1"), places=18)
rate_tables = st.fixed_dictionaries(
    {asset: st.decimals(min_value=Decimal("1e-9"), max_value=10**5, places=18) for asset in ASSETS}
)


@dataclass
class Story:
    """Attributes:
    entries: In the order told.
    cash, units: What each asset's cash and each instrument's quantity must come to.
    """

    method: CostMethod
    instruments: tuple[Instrument, ...] = tuple(INSTRUMENTS.values())
    entries: list[LedgerEntry] = field(default_factory=list)
    cash: dict[AssetId, Decimal] = field(default_factory=dict)
    units: dict[str, Decimal] = field(default_factory=dict)
    at: datetime = START

    def __post_init__(self) -> None:
        self.ledger = Ledger(account(cost_method=self.method), INSTRUMENTS)

    def told_to_a_new_ledger(self, entries: list[LedgerEntry] | None = None) -> Ledger:
        ledger = Ledger(account(cost_method=self.method), INSTRUMENTS)
        for entry in self.entries if entries is None else entries:
            ledger.apply(entry)
        return ledger

    def tell(
        self, *entries: LedgerEntry, cash: dict[AssetId, Decimal], units: dict[str, Decimal]
    ) -> None:
        """Book entries that are new, and remember what they must come to."""
        new = [entry for entry in entries if not self.ledger.has(entry.entry_id)]
        if not new:
            return
        assert len(new) == len(entries)
        for entry in new:
            self.ledger.apply(entry)
        self.entries += new
        with exact():
            for asset, amount in cash.items():
                self.cash[asset] = self.cash.get(asset, ZERO) + amount
            for name, amount in units.items():
                self.units[name] = self.units.get(name, ZERO) + amount


Step = Callable[[Story, st.DataObject], None]


def _instrument(story: Story, data: st.DataObject) -> Instrument:
    return data.draw(st.sampled_from(story.instruments), label="instrument")


def _price(instrument: Instrument, data: st.DataObject) -> Decimal:
    # BTC at 0.0001 USD would make 100 USD a million of them
    low = 100 if instrument.kind is InstrumentKind.INVERSE else Decimal("0.0001")
    return data.draw(st.decimals(min_value=low, max_value=10**6, places=4), label="price")


def _fill(story: Story, data: st.DataObject) -> None:
    instrument = _instrument(story, data)
    side = data.draw(st.sampled_from(OrderSide), label="side")
    held = abs(story.ledger.position(BOOK, instrument.id).quantity)
    # often exactly what is held, so that positions close
    usual = st.sampled_from([held or Decimal(2), Decimal(1), Decimal(3)])
    size = data.draw(usual | sizes, label="size")
    price = _price(instrument, data)
    asset = data.draw(
        st.sampled_from((instrument.settlement, instrument.base, BNB)), label="fee in"
    )
    with exact():
        fee = quantize(size * data.draw(fees, label="fee per unit"))
    made = fill(
        len(story.entries),
        side,
        size,
        price,
        of=instrument,
        fee=fee,
        fee_asset=asset,
        sequence=data.draw(st.integers(0, 2), label="sequence"),
    )
    made = replace(made, ts_event=story.at)
    entry = fill_entry(
        made,
        book_id=data.draw(st.sampled_from((BOOK, BOOK, OTHER_BOOK)), label="book"),
        instrument=instrument,
        rates=data.draw(rate_tables, label="rates"),
        reason=data.draw(st.sampled_from(("up", "down", "stop"))),
        kind=data.draw(st.sampled_from((EntryKind.FILL, EntryKind.FILL, EntryKind.LIQUIDATION))),
    )
    with exact():
        signed = size if side is OrderSide.BUY else -size
        cash = {instrument.settlement: -instrument.value(signed, price)}
        if instrument.kind is InstrumentKind.SPOT and asset == instrument.base:
            signed -= fee
        else:
            cash[asset] = cash.get(asset, ZERO) - fee
    story.tell(entry, cash=cash, units={instrument.id: signed})


def _deposit(story: Story, data: st.DataObject) -> None:
    asset, amount = data.draw(st.sampled_from(ASSETS)), data.draw(amounts)
    entry = deposit_entry(
        account_id=ACCOUNT,
        asset=asset,
        amount=amount,
        ts_event=story.at,
        rates=data.draw(rate_tables),
        reference=str(len(story.entries)),
    )
    story.tell(entry, cash={asset: amount}, units={})


def _found(story: Story, data: st.DataObject) -> None:
    instrument, quantity = _instrument(story, data), data.draw(amounts.filter(bool))
    price = _price(instrument, data)
    entry = found_position_entry(
        account_id=ACCOUNT,
        instrument=instrument,
        quantity=quantity,
        price=price,
        ts_event=story.at,
        rates=data.draw(rate_tables),
        reference=str(len(story.entries)),
        kind=data.draw(st.sampled_from((EntryKind.TRANSFER, EntryKind.ADJUSTMENT))),
    )
    cash = {}
    if instrument.kind is not InstrumentKind.SPOT:
        cash = {instrument.settlement: instrument.value(quantity, price).copy_negate()}
    story.tell(entry, cash=cash, units={instrument.id: quantity})


def _income(story: Story, data: st.DataObject) -> None:
    instrument, amount = _instrument(story, data), data.draw(amounts)
    how = {
        "account_id": ACCOUNT,
        "amount": amount,
        "ts_event": story.at,
        "rates": data.draw(rate_tables),
        "reference": str(len(story.entries)),
    }
    if data.draw(st.booleans()):
        entry = funding_entry(book_id=BOOK, instrument=instrument, **how)
    else:
        entry = interest_entry(
            asset=instrument.settlement,
            book_id=BOOK,
            instrument=data.draw(st.sampled_from((None, instrument))),
            **how,
        )
    story.tell(entry, cash={instrument.settlement: amount}, units={})


def _position(story: Story, data: st.DataObject) -> Position | None:
    held = story.ledger.positions()
    return data.draw(st.sampled_from(held), label="position") if held else None


def _transfer(story: Story, data: st.DataObject) -> None:
    position = _position(story, data)
    if position is None:
        return
    with exact():
        whole = abs(position.quantity)
        part = data.draw(st.sampled_from((whole, quantize(whole / 2) or whole)), label="part")
    others = [book for book in BOOKS if book != position.book_id]
    entries = book_transfer_entries(
        position,
        account_id=ACCOUNT,
        to_book=data.draw(st.sampled_from(others)),
        quantity=part,
        ts_event=story.at,
        rates=data.draw(rate_tables),
        reference=str(len(story.entries)),
    )
    story.tell(*entries, cash={}, units={})


def _dust(story: Story, data: st.DataObject) -> None:
    position = _position(story, data)
    if position is not None and position.book_id in (BOOK, OTHER_BOOK):
        entries = dust_transfer(
            position, account_id=ACCOUNT, ts_event=story.at, rates=data.draw(rate_tables)
        )
        story.tell(*entries, cash={}, units={})


def _split(story: Story, data: st.DataObject) -> None:
    position = _position(story, data)
    if position is None:
        return
    ratio = data.draw(st.sampled_from((Decimal(2), Decimal("0.3"), Decimal(7))))
    entry = split_entry(
        position, ratio, account_id=ACCOUNT, ts_event=story.at, reference=str(len(story.entries))
    )
    assert entry.quantity is not None
    story.tell(entry, cash={}, units={position.instrument_id: entry.quantity})


def _bust(story: Story, data: st.DataObject) -> None:
    fills = [entry for entry in story.entries if entry.kind is EntryKind.FILL]
    if not fills:
        return
    original = data.draw(st.sampled_from(fills), label="busted")
    entry = bust_entry(original, ts_event=story.at)
    instrument = INSTRUMENTS[original.instrument_id]
    cash: dict[AssetId, Decimal] = {}
    units = ZERO
    with exact():
        for posting in original.postings:
            spot_base = instrument.kind is InstrumentKind.SPOT and posting.asset == instrument.base
            if posting.ledger_account == "position" or (
                posting.ledger_account == "holding" and spot_base
            ):
                units -= posting.amount
            elif posting.ledger_account == "holding":
                cash[posting.asset] = cash.get(posting.asset, ZERO) - posting.amount
    story.tell(entry, cash=cash, units={instrument.id: units})


def _late_fee(story: Story, data: st.DataObject) -> None:
    fills = [entry for entry in story.entries if entry.kind is EntryKind.FILL]
    if not fills:
        return
    original = data.draw(st.sampled_from(fills), label="charged")
    instrument = INSTRUMENTS[original.instrument_id]
    asset, amount = data.draw(st.sampled_from((instrument.base, BNB))), data.draw(fees)
    entry = fee_entry(
        original,
        asset=asset,
        amount=amount,
        ts_event=story.at,
        rates=data.draw(rate_tables),
        reference=str(len(story.entries)),
    )
    in_units = instrument.kind is InstrumentKind.SPOT and asset == instrument.base
    story.tell(
        entry,
        cash={} if in_units else {asset: amount.copy_negate()},
        units={instrument.id: amount.copy_negate()} if in_units else {},
    )


_STEPS: tuple[Step, ...] = (
    _fill, _fill, _fill, _fill, _fill,
    _deposit, _found, _income, _transfer, _dust, _split, _bust, _late_fee,
)  # fmt: skip


@st.composite
def stories(draw: st.DrawFn, fewest: int = 5, most: int = 16) -> Story:
    """Draw a story in one or two instruments; time stands still or goes on between its steps."""
    data = draw(st.data())
    one, two = draw(st.tuples(*[st.sampled_from(tuple(INSTRUMENTS.values()))] * 2))
    story = Story(draw(st.sampled_from(CostMethod)), (one, two))
    for step in draw(st.lists(st.sampled_from(_STEPS), min_size=fewest, max_size=most)):
        step(story, data)
        story.at += timedelta(minutes=draw(st.integers(0, 1)))
    return story
