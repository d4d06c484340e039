"""What an answer to a difference books and sends: adopt, close, ignore (SEMANTICS 8).

An adopted quantity is first netted against our positions that it made smaller, and what is left
becomes a position of `manual`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from engine.desk.state import Changes, Desk
from engine.domain.booking import cash_adjustment_entry, found_position_entry
from engine.domain.differences import (
    Difference,
    DifferenceAnswer,
    DifferenceKind,
    DifferenceState,
    made_up_id,
)
from engine.domain.entries import EntryKind
from engine.domain.ids import (
    DUST_BOOK,
    MANUAL_BOOK,
    UNMANAGED_BOOK,
    BookId,
)
from engine.domain.instruments import Instrument
from engine.domain.money import exact, to_text
from engine.domain.orders import (
    Order,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
)
from engine.domain.policies import DEFAULT_POLICY, PositionChange
from engine.execution.intents import IntentContext, build_orders, closing_side
from engine.execution.reports import ADOPTED, CLOSED
from engine.handlers.netting import Netting
from engine.handlers.orders import Orders
from engine.handlers.protection import ProtectiveOrders


class Unanswerable(Exception):
    """The answer can't be carried out now; says why. Nothing was changed."""


@dataclass(slots=True)
class Work:
    """What an answer does: stored with it, and sent after.

    Attributes:
        message: What was done about the difference, for people.
    """

    changes: Changes = field(default_factory=Changes)
    send: list[Order] = field(default_factory=list)
    cancel: list[Order] = field(default_factory=list)
    adjustments: list[ProtectiveOrders] = field(default_factory=list)
    message: str = ""


class Resolving:
    """Works out what an answer does; nothing is stored or sent before that is complete."""

    def __init__(self, desk: Desk, orders: Orders, netting: Netting) -> None:
        self._desk = desk
        self._orders = orders
        self._netting = netting
        self._do: Mapping[DifferenceAnswer, Callable[[Difference, Work], None]] = {
            DifferenceAnswer.ADOPT: self._adopt,
            DifferenceAnswer.CLOSE: self._close,
            DifferenceAnswer.IGNORE: self._ignore,
        }

    def work(self, row: Difference, answer: DifferenceAnswer) -> Work:
        """Return what `answer` does; inside the section, the ledger is booked.

        Raises:
            Unanswerable: It can't be carried out now.
        """
        work = Work()
        self._do[answer](row, work)
        return work

    # --- adopt -------------------------------------------------------------------------------

    def _adopt(self, row: Difference, work: Work) -> None:
        if row.kind is DifferenceKind.FOREIGN_ORDER:
            order = self._tracked(row, MANUAL_BOOK)
            work.changes.order(order)
            work.message = f"The order is one of manual now: {_what(order)}."
            return
        if row.instrument_id is None:
            self._adjust_cash(row, work)
            return
        instrument = self._desk.instruments[row.instrument_id]
        price = self._price(row, instrument)
        self._adjust(row, instrument, price, work)
        left, books = self._net(row, instrument, row.surplus, price, work)
        if left:
            self._move(row, instrument, left, price, MANUAL_BOOK, work)
        self._follow(instrument, (*books, MANUAL_BOOK), work)
        names = ", ".join(self._desk.book_name(book) for book in books)
        parts = [f"It was taken off the position of {names}."] if names else []
        if left:
            parts.append(f"{to_text(left)} {instrument.id} went to manual.")
        work.message = " ".join(parts)

    def _adjust_cash(self, row: Difference, work: Work) -> None:
        """Book a balance that nobody explained, as such."""
        desk = self._desk
        if row.asset is None:
            raise Unanswerable("it names neither an instrument nor an asset")
        entry = cash_adjustment_entry(
            account_id=desk.account.id,
            asset=row.asset,
            amount=row.surplus,
            ts_event=desk.clock.now(),
            rates=desk.rates_of(row.asset),
            reference=self._reference(row),
            reason="unexplained at the venue",
        )
        self._netting.book(entry, work.changes)
        self._drop_baseline(row, work)
        work.message = f"{to_text(row.surplus)} {row.asset} were booked as an adjustment."

    def _adjust(self, row: Difference, instrument: Instrument, price: Decimal, work: Work) -> None:
        """Book what no fill explains to `unmanaged` first: books sum to the venue's."""
        if row.kind is DifferenceKind.MANUAL_TRADE:
            return  # its fills are booked there
        desk = self._desk
        entry = found_position_entry(
            account_id=desk.account.id,
            instrument=instrument,
            quantity=row.surplus,
            price=price,
            ts_event=desk.clock.now(),
            rates=desk.rates_of(instrument.settlement, instrument.base),
            reference=self._reference(row),
            kind=EntryKind.ADJUSTMENT,
            reason="unexplained at the venue",
        )
        self._netting.book(entry, work.changes)
        self._drop_baseline(row, work)

    def _net(
        self, row: Difference, instrument: Instrument, quantity: Decimal, price: Decimal, work: Work
    ) -> tuple[Decimal, tuple[BookId, ...]]:
        return self._netting.take(
            instrument,
            quantity,
            price,
            at=self._desk.clock.now(),
            reference=self._reference(row),
            reason="adopted",
            changes=work.changes,
        )

    def _move(
        self,
        row: Difference,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        to_book: BookId,
        work: Work,
    ) -> None:
        self._netting.move(
            instrument,
            quantity,
            price,
            UNMANAGED_BOOK,
            to_book,
            at=self._desk.clock.now(),
            reference=self._reference(row),
            reason="adopted",
            changes=work.changes,
        )

    def _follow(self, instrument: Instrument, books: Sequence[BookId], work: Work) -> None:
        work.adjustments += self._netting.follow(instrument, books, work.changes)

    def _reference(self, row: Difference) -> str:
        """Name what is booked for this row: the same facts may come again another day."""
        return f"{row.difference_id} {row.found_at.isoformat()}"

    def _price(self, row: Difference, instrument: Instrument) -> Decimal:
        """Return what the trade by hand was made at, else the market's price.

        Raises:
            Unanswerable: There is none yet.
        """
        held = self._desk.position(UNMANAGED_BOOK, instrument.id)
        if row.kind is DifferenceKind.MANUAL_TRADE and held.quantity == row.surplus:
            made_at = held.average_price
            if made_at is not None:
                return made_at
        price = self._desk.price(instrument.id)
        if price is None:
            raise Unanswerable(f"there is no price of {instrument.id} yet")
        return price

    # --- close -------------------------------------------------------------------------------

    def _close(self, row: Difference, work: Work) -> None:
        if row.kind is DifferenceKind.FOREIGN_ORDER:
            # Stored as one that is being cancelled: a start after a crash asks for it again.
            order = replace(self._tracked(row, UNMANAGED_BOOK), state=OrderState.CANCEL_PENDING)
            work.changes.order(order)
            work.cancel.append(order)
            work.message = f"Its cancel is asked for: {_what(order)}."
            return
        if row.instrument_id is None:
            raise Unanswerable(f"{row.subject} is money: there is nothing to trade away")
        instrument = self._desk.instruments[row.instrument_id]
        price = self._price(row, instrument)
        order = self._closing(row, instrument)
        cleared = self._orders.check((order,), work.changes, from_person=True)
        if not cleared:
            denied = work.changes.orders[order.client_order_id]
            raise Unanswerable(f"our own limits denied the order: {denied.message}")
        work.send += cleared
        self._adjust(row, instrument, price, work)
        with exact():
            rest = row.surplus - order.quantity.copy_sign(row.surplus)
        if rest:
            self._move(row, instrument, rest, price, DUST_BOOK, work)
        work.message = f"Sent: {_what(order)}."

    def _closing(self, row: Difference, instrument: Instrument) -> Order:
        """Return the order that trades the surplus away; what can't be traded is left out.

        Raises:
            Unanswerable: It is too small to be traded, or has no price.
        """
        desk = self._desk
        market = desk.price(instrument.id)
        if market is None:
            raise Unanswerable(f"there is no price of {instrument.id} yet")
        quantity = instrument.round_quantity(abs(row.surplus))
        if instrument.is_dust(quantity, market):
            raise Unanswerable(f"{to_text(row.surplus)} is too small to be traded there")
        change = PositionChange(side=closing_side(row.surplus), quantity=quantity, reduces=True)
        context = IntentContext(
            account_id=desk.account.id,
            book_id=UNMANAGED_BOOK,
            instrument=instrument,
            cause=f"difference {self._reference(row)}",
            now=desk.clock.now(),
            price=market,
            policy=DEFAULT_POLICY,
            reason=CLOSED,
        )
        return build_orders((change,), context)[0]

    # --- ignore ------------------------------------------------------------------------------

    def _ignore(self, row: Difference, work: Work) -> None:
        self._drop_baseline(row, work)
        work.message = "It stays as it is; only what changes beyond it is told again."

    def _drop_baseline(self, row: Difference, work: Work) -> None:
        """End the baseline before this one: there is one per subject."""
        before = self._desk.outside.baseline(row.kind, row.subject)
        if before is not None:
            work.changes.differences.append(replace(before, state=DifferenceState.RESOLVED))

    # --- foreign orders ----------------------------------------------------------------------

    def _tracked(self, row: Difference, book_id: BookId) -> Order:
        """Return a foreign order as one of ours: what is open of it, its fills to `book_id`.

        Raises:
            Unanswerable: The venue does not tell what it is.
        """
        desk = self._desk
        if row.instrument_id is None or row.venue_order_id is None or row.side is None:
            raise Unanswerable("the venue does not say which way the order goes")
        now = desk.clock.now()
        made_up = made_up_id(row.instrument_id, row.venue_order_id)
        return Order(
            client_order_id=row.client_order_id or made_up,
            account_id=desk.account.id,
            book_id=book_id,
            instrument_id=row.instrument_id,
            side=row.side,
            order_type=OrderType.MARKET if row.price is None else OrderType.LIMIT,
            quantity=abs(row.venue),
            purpose=OrderPurpose.ENTRY,
            limit_price=row.price,
            reason=ADOPTED if book_id == MANUAL_BOOK else CLOSED,
            state=OrderState.ACKNOWLEDGED,
            venue_order_id=row.venue_order_id,
            ts_init=now,
            ts_last=now,
        )


def _what(order: Order) -> str:
    verb = "buy" if order.side is OrderSide.BUY else "sell"
    at = "" if order.limit_price is None else f" at {to_text(order.limit_price)}"
    return f"{verb} {to_text(order.quantity)} {order.instrument_id}{at}"
