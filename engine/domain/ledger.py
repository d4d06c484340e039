"""The ledger: one account's state as a fold over its entries.

Cash is the signed flow of every asset: buying spot or opening a contract takes the position's
value out of the settlement asset's cash and puts it into the position's cost, so that for every
kind of instrument equity = sum of cash + sum of value(position, mark), and what the venue shows
as a wallet is cash plus the cost of open contracts.

Realised P&L is derived, not posted: each position folds its own movements in canonical order
(ts_event, sequence, entry_id). A movement that arrives late is put in its place and the position
folded again from there, so that any order of arrival, with any repeats, gives the same state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from engine.domain.accounts import Account, CostMethod
from engine.domain.entries import LedgerEntry, in_canonical_order
from engine.domain.ids import AssetId, BookId, EntryId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.movements import Movement, UnbookableEntry, read_entry
from engine.domain.orders import PositionSide
from engine.domain.positions import Folded, Position, PositionFold
from engine.domain.slots import Group, Slot, Sums, Totals, added_totals, converted_totals
from engine.domain.trades import RoundTrip

__all__ = ["Booked", "Ledger", "Position", "Totals", "UnbookableEntry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What booking one entry did.

    Attributes:
        applied: False when the entry had been booked before; then nothing below is told.
        realized_pnl: Of this entry, reporting asset, before fees; None where it opened, added
            or was no trade.
        closed_trade: The round trip that this entry ended.
        after: The position as it is now; None where the entry names no instrument.
    """

    applied: bool
    realized_pnl: Decimal | None = None
    closed_trade: RoundTrip | None = None
    after: Position | None = None

    @property
    def position(self) -> Position:
        """The entry's position as it is now, later movements included.

        Raises:
            ValueError: The entry names no instrument.
        """
        if self.after is None:
            raise ValueError("the entry names no instrument, so there is no position")
        return self.after


_SlotKey = tuple[BookId, InstrumentId | None, PositionSide]


class Ledger:
    """One account's books. `instruments` may grow while the ledger is used."""

    def __init__(self, account: Account, instruments: Mapping[InstrumentId, Instrument]) -> None:
        self.account = account
        self._instruments = instruments
        self._fifo = account.cost_method is CostMethod.FIFO
        self._booked: set[EntryId] = set()
        self._slots: dict[_SlotKey, Slot] = {}
        self._open: dict[_SlotKey, Slot] = {}
        self._netted: dict[tuple[InstrumentId, PositionSide], Slot] = {}
        self._cash: dict[AssetId, Decimal] = {}
        self._shown_cash: Mapping[AssetId, Decimal] | None = None
        self._positions: tuple[Position, ...] | None = None
        self._nets: dict[InstrumentId, Decimal] | None = None
        self._balances: dict[AssetId, Decimal] | None = None
        self._everything = Group()
        self._groups: dict[_SlotKey, tuple[Group, ...]] = {}
        self._by_book: dict[BookId, Group] = {}
        self._by_instrument: dict[InstrumentId, Group] = {}
        self._trades: dict[BookId | None, tuple[RoundTrip, ...]] = {}

    @classmethod
    def replay(
        cls,
        account: Account,
        instruments: Mapping[InstrumentId, Instrument],
        entries: Iterable[LedgerEntry],
    ) -> "Ledger":
        """Return the ledger that the entries make, in whatever order they come."""
        ledger = cls(account, instruments)
        for entry in in_canonical_order(entries):
            ledger.apply(entry)
        return ledger

    # --- booking -----------------------------------------------------------------------------

    def has(self, entry_id: EntryId) -> bool:
        return entry_id in self._booked

    def apply(self, entry: LedgerEntry) -> bool:
        """Book the entry; return False and change nothing when it was booked before.

        Raises:
            UnbookableEntry: It is unbalanced, of another account or of an unknown instrument;
                nothing was changed.
        """
        return self._book(entry) is not None

    def book(self, entry: LedgerEntry) -> Booked:
        """Book the entry and tell what it did.

        Raises:
            UnbookableEntry: As `apply`.
        """
        folded = self._book(entry)
        after = self._position_of(entry)
        if folded is None:
            return Booked(applied=False, after=after)
        return Booked(
            applied=True, realized_pnl=folded.realized, closed_trade=folded.closed, after=after
        )

    def _book(self, entry: LedgerEntry) -> Folded | None:
        """Book the entry; None when it was booked before."""
        if entry.entry_id in self._booked:
            return None
        instrument = self._instrument_of(entry)
        with exact():
            reading = read_entry(entry, instrument, self.account.reporting)
            key = (entry.book_id, entry.instrument_id, entry.position_side)
            slot = self._slots.get(key)
            if slot is None:
                slot = self._new_slot(key, instrument)
            for asset, amount in reading.cash:
                self._cash[asset] = self._cash.get(asset, ZERO) + amount
            slot.add_lines(reading)
            folded = self._fold(key, slot, reading.movement)
            self._net(entry, instrument, reading.movement)
        self._booked.add(entry.entry_id)
        self._positions = self._nets = self._balances = self._shown_cash = None
        for group in self._groups[key]:
            group.cached = None
        self._trades.clear()
        return folded

    def _instrument_of(self, entry: LedgerEntry) -> Instrument | None:
        if entry.account_id != self.account.id:
            raise UnbookableEntry(
                f"{entry.entry_id} is of account {entry.account_id}, not {self.account.id}"
            )
        if entry.instrument_id is None:
            return None
        instrument = self._instruments.get(entry.instrument_id)
        if instrument is None:
            raise UnbookableEntry(f"{entry.entry_id}: unknown instrument {entry.instrument_id}")
        return instrument

    def _new_slot(self, key: _SlotKey, instrument: Instrument | None) -> Slot:
        book_id, _, side = key
        start = None
        if instrument is not None:
            start = PositionFold(book_id, instrument, side, fifo=self._fifo)
        slot = self._slots[key] = Slot(start)
        groups = self._groups[key] = tuple(self._part_of(key))
        for group in groups:
            group.slots.append(slot)
        return slot

    def _part_of(self, key: _SlotKey) -> Iterator[Group]:
        """Yield what the slot's figures are part of."""
        book_id, instrument_id, _ = key
        yield self._everything
        yield self._by_book.setdefault(book_id, Group())
        if instrument_id is not None:
            yield self._by_instrument.setdefault(instrument_id, Group())

    def _fold(self, key: _SlotKey, slot: Slot, movement: Movement | None) -> Folded:
        if movement is None or slot.fold is None:
            return Folded(None, None)
        folded = slot.add_movement(slot.fold, movement)
        if slot.fold.quantity:
            self._open[key] = slot
        else:
            self._open.pop(key, None)
        return folded

    def _net(
        self, entry: LedgerEntry, instrument: Instrument | None, movement: Movement | None
    ) -> None:
        """Fold a contract's movement as the venue does: over all books, at average cost."""
        if movement is None or instrument is None or entry.counter_book is not None:
            return
        if instrument.kind is InstrumentKind.SPOT:
            return
        key = (instrument.id, entry.position_side)
        slot = self._netted.get(key)
        if slot is None:
            book_id = BookId("")  # none of ours
            fold = PositionFold(
                book_id, instrument, entry.position_side, fifo=False, keeps_trades=False
            )
            slot = self._netted[key] = Slot(fold)
        if slot.fold is not None:
            slot.add_movement(slot.fold, movement)

    def _position_of(self, entry: LedgerEntry) -> Position | None:
        slot = self._slots.get((entry.book_id, entry.instrument_id, entry.position_side))
        return None if slot is None else slot.position()

    # --- positions ---------------------------------------------------------------------------

    def position(
        self,
        book_id: BookId,
        instrument_id: InstrumentId,
        side: PositionSide = PositionSide.NET,
    ) -> Position:
        """Return the book's position; a flat one when it holds none.

        Raises:
            KeyError: The instrument is unknown.
        """
        slot = self._slots.get((book_id, instrument_id, side))
        found = None if slot is None else slot.position()
        if found is not None:
            return found
        return Position(book_id=book_id, instrument=self._instruments[instrument_id], side=side)

    def quantity(self, book_id: BookId, instrument_id: InstrumentId) -> Decimal:
        """Return the signed quantity of the book's net position; 0 when it holds none."""
        slot = self._slots.get((book_id, instrument_id, PositionSide.NET))
        found = None if slot is None else slot.position()
        return ZERO if found is None else found.quantity

    def positions(self) -> tuple[Position, ...]:
        """Return open positions by book, instrument and side."""
        if self._positions is None:
            found = (slot.position() for slot in self._open.values())
            self._positions = tuple(
                sorted(
                    (position for position in found if position is not None),
                    key=lambda p: (p.book_id, p.instrument_id, p.side),
                )
            )
        return self._positions

    def net_quantity(self, instrument_id: InstrumentId) -> Decimal:
        """Return the signed quantity over all books and sides: what the venue should hold."""
        if self._nets is None:
            nets: dict[InstrumentId, Decimal] = {}
            with exact():
                for position in self.positions():
                    name = position.instrument_id
                    nets[name] = nets.get(name, ZERO) + position.quantity
            self._nets = nets
        return self._nets.get(instrument_id, ZERO)

    # --- money -------------------------------------------------------------------------------

    def cash(self) -> Mapping[AssetId, Decimal]:
        """Return the signed flow of each asset; a spot position's base is not cash."""
        if self._shown_cash is None:
            self._shown_cash = MappingProxyType(self._cash.copy())
        return self._shown_cash

    def balances(self) -> Mapping[AssetId, Decimal]:
        """Return holdings as the venue shows them.

        Per asset: cash, plus the base of spot positions, plus the cost of open contracts (a
        venue's wallet does not pay a contract's value when it is opened). A venue nets contracts
        over all books, so the cost is that of the net.
        """
        if self._balances is None:
            self._balances = self._held()
        return MappingProxyType(self._balances)

    def _held(self) -> dict[AssetId, Decimal]:
        with exact():
            held = self._cash.copy()
            for position in self.positions():
                base = position.instrument.base
                if position.instrument.kind is InstrumentKind.SPOT:
                    held[base] = held.get(base, ZERO) + position.quantity
            for slot in self._netted.values():
                if slot.fold is not None:
                    asset = slot.fold.instrument.settlement
                    held[asset] = held.get(asset, ZERO) + slot.fold.cost
        return held

    def totals(
        self, *, book_id: BookId | None = None, instrument_id: InstrumentId | None = None
    ) -> Totals:
        """Return running totals in the reporting asset, of all or of one book or instrument."""
        group: Group | None = self._everything
        if book_id is not None and instrument_id is not None:
            return converted_totals(list(self._slots_of(book_id, instrument_id)))
        if book_id is not None:
            group = self._by_book.get(book_id)
        elif instrument_id is not None:
            group = self._by_instrument.get(instrument_id)
        return Totals() if group is None else group.totals()

    def totals_by_book(self) -> Mapping[BookId, Totals]:
        """Return the totals of every book that was ever booked on, reporting asset."""
        return {book_id: group.totals() for book_id, group in sorted(self._by_book.items())}

    def totals_by_instrument(self) -> Mapping[InstrumentId, Totals]:
        """Return the totals of every instrument that was ever booked, reporting asset."""
        return {name: group.totals() for name, group in sorted(self._by_instrument.items())}

    def totals_by_asset(
        self, *, book_id: BookId | None = None, instrument_id: InstrumentId | None = None
    ) -> Mapping[AssetId, Totals]:
        """Return the same in the assets they were booked in, unconverted.

        For each asset: realized - fees + funding + interest + flows = cash + the cost of open
        positions settled in it.
        """
        realized: dict[AssetId, Decimal] = {}
        found: dict[AssetId, list[Sums]] = {}
        for slot in self._slots_of(book_id, instrument_id):
            for asset, sums in slot.native.items():
                found.setdefault(asset, []).append(sums)
            if slot.fold is not None:
                asset = slot.fold.instrument.settlement
                found.setdefault(asset, [])
                with exact():
                    realized[asset] = realized.get(asset, ZERO) + slot.fold.realized
        return {
            asset: added_totals(found[asset], realized.get(asset, ZERO), ())
            for asset in sorted(found)
        }

    def _slots_of(
        self, book_id: BookId | None, instrument_id: InstrumentId | None
    ) -> Iterable[Slot]:
        return (
            slot
            for key, slot in self._slots.items()
            if (book_id is None or key[0] == book_id)
            and (instrument_id is None or key[1] == instrument_id)
        )

    # --- round trips -------------------------------------------------------------------------

    def trades(self, *, book_id: BookId | None = None) -> Sequence[RoundTrip]:
        """Return closed round trips by exit time."""
        found = self._trades.get(book_id)
        if found is None:
            folds = (slot.fold for slot in self._slots_of(book_id, None))
            trades = (trade for fold in folds if fold is not None for trade in fold.trades)
            found = self._trades[book_id] = tuple(sorted(trades, key=lambda trade: trade.key))
        return found

    def untraded(self, *, book_id: BookId | None = None) -> Decimal:
        """Return the net P&L that belongs to no round trip, open or closed, reporting asset.

        E.g. the entry fee of a position that was handed to another book before it was exited.
        """
        folds = (slot.fold for slot in self._slots_of(book_id, None))
        with exact():
            return sum((fold.untraded for fold in folds if fold is not None), ZERO)
