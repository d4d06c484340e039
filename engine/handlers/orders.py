"""Orders on their way: intents committed, sent, answered, cancelled, looked up."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import structlog

from engine.desk.day import day_figures
from engine.desk.state import Changes, Desk, PlanKey
from engine.desk.worth import reserved
from engine.domain.accounts import TradingState
from engine.domain.events import (
    OrderDenied,
    OrderDoubtEnded,
    OrderEnded,
)
from engine.domain.ids import ClientOrderId
from engine.domain.instruments import InstrumentKind
from engine.domain.messages import Event
from engine.domain.money import ONE, ZERO
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.execution.reports import applied
from engine.execution.requests import (
    Accepted,
    Answer,
    Barred,
    Deferred,
    Gone,
    Passed,
    after_cancel,
    after_submit,
    cancel,
    in_sending_order,
    submit,
)
from engine.handlers.barring import Barring
from engine.handlers.refusals import Refusals
from engine.ports import ExitStyle, OrderReport
from engine.risk.checks import Denial, RiskContext, check_order

_log = structlog.get_logger(__name__)

FollowUp = Callable[[Order, Changes], Sequence[Order]]

_CANCELLED = OrderState.CANCELLED
_ENDED = frozenset({_CANCELLED, OrderState.EXPIRED})
_NO_WORD_YET = frozenset(
    {OrderState.UNKNOWN, OrderState.CANCEL_PENDING, OrderState.REPLACE_PENDING}
)
_BARRED = "key_refused"
# Told of by itself; answered by an exit at the market; followed by the fill of another exit.
_NO_NEWS = (Barred, Passed, Gone)
_KILLED = "killed before it was sent; nothing is at the venue"


class Orders:
    """The write-ahead path of orders: nothing reaches the venue that is not stored.

    Attributes:
        unsent: Exits that the venue would not take yet, by its own word: to be sent again.
        uncancelled: Orders whose cancel it would not take yet.
        passed: Stops that it refused because their price had been reached already.
        gone: Positions of which the venue said that nothing is left to close: what of each was in
            our books then, and the wall time.
        told: What of an exit has filled by the venue's word, where that is more than is booked.
        barring: Whether the venue takes anything from us at all.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.unsent: set[ClientOrderId] = set()
        self.uncancelled: set[ClientOrderId] = set()
        self.passed: set[ClientOrderId] = set()
        self.gone: dict[PlanKey, tuple[Decimal, datetime]] = {}
        self.told: dict[ClientOrderId, Decimal] = {}
        self.barring = Barring(desk)
        self._refusals = Refusals(desk)

    # --- intents -----------------------------------------------------------------------------

    def check(self, orders: Sequence[Order], changes: Changes, *, from_person: bool) -> list[Order]:
        """Run the risk checks inside the section; note intents and denials in `changes`.

        Returns the intents that may be sent once `changes` is committed.
        """
        cleared: list[Order] = []
        for order in orders:
            denial = self._barred(order) or check_order(
                _judged(order), self._context(order, changes, from_person=from_person)
            )
            if denial is None:
                cleared.append(order)
                changes.order(order)
                continue
            now = self._desk.clock.now()
            changes.order(order.moved(OrderState.DENIED, at=now, message=denial.message))
            if denial.check != _BARRED:  # that one is told of by itself
                changes.events.append(self._denied(order, denial.check, denial.message))
        return cleared

    def _barred(self, order: Order) -> Denial | None:
        """Hold back an entry that the venue would not take from anybody with this key."""
        if not self._desk.barred or not order.adds_exposure:
            return None
        return Denial(check=_BARRED, message=f"nothing was sent: {self._desk.barred}")

    def _context(self, order: Order, changes: Changes, *, from_person: bool) -> RiskContext:
        desk = self._desk
        instrument = desk.instruments[order.instrument_id]
        limits = desk.settings.limits
        now = desk.clock.now()
        pending = [o for o in changes.orders.values() if not o.state.is_terminal]
        day = day_figures(desk) if limits.max_daily_loss is not None else None
        window = limits.duplicate_window
        recent: tuple[Order, ...] = ()
        if window is not None:
            recent = (*desk.orders.decided_since(now - window), *pending)
        return RiskContext(
            trading_state=desk.trading_state,
            limits=limits,
            instrument=instrument,
            now=now,
            price=desk.price(order.instrument_id),
            rate=desk.rate(instrument) or ONE,
            net_quantity=desk.ledger.net_quantity(order.instrument_id),
            free_cash=self._free_cash(order, pending),
            open_orders=tuple(_judged(o) for o in (*desk.orders.values(), *pending)),
            recent_orders=recent,
            day_pnl=None if day is None else day.pnl,
            day_equity=None if day is None else day.equity_at_cut,
            blocked=desk.blocked.get(order.instrument_id)
            or desk.outside.blocked(order.instrument_id),
            from_person=from_person,
        )

    def _free_cash(self, order: Order, pending: Sequence[Order]) -> Decimal | None:
        desk = self._desk
        instrument = desk.instruments[order.instrument_id]
        if instrument.kind is not InstrumentKind.SPOT or order.purpose is not OrderPurpose.ENTRY:
            return None
        free = desk.ledger.balances().get(instrument.quote, ZERO)
        for other in (*desk.orders.values(), *pending):
            if desk.instruments[other.instrument_id].quote == instrument.quote:
                free -= reserved(desk, other)
        return free

    # --- sending -----------------------------------------------------------------------------

    async def send(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """Send committed intents, exits first, and record every answer in one commit.

        The latch is looked at once more: a kill may have come since the intents were stored.
        Returns the orders as they stand after the venue's answers.
        """
        if not orders:
            return ()
        desk = self._desk
        orders = [order for order in orders if not self._has_ended(order)]
        halted = desk.trading_state is TradingState.HALTED
        stopped = [order for order in orders if halted and order.adds_exposure]
        leaving = [order for order in orders if not (halted and order.adds_exposure)]
        answers: list[tuple[Order, Answer]] = []
        for batch in in_sending_order(leaving):
            answers += await self._submit(batch)
        async with desk.section:
            changes = Changes()
            now = desk.clock.now()
            for order in stopped:
                self._note(order, order.moved(_CANCELLED, at=now, message=_KILLED), changes)
            self._note_bars([answer for _, answer in answers], changes)
            for sent, answer in answers:
                current = desk.find_order(sent.client_order_id) or sent
                _keep(self.unsent, sent, answer)
                self._note_answer(sent, answer)
                after = after_submit(current, answer, now)
                if isinstance(answer, _NO_NEWS):
                    _log.warning("order refused", order=after.client_order_id, reason=after.message)
                    changes.order(after)
                else:
                    self._note(current, after, changes)
            await desk.commit(changes)
        return tuple(desk.find_order(order.client_order_id) or order for order in orders)

    def _has_ended(self, order: Order) -> bool:
        """Tell whether it was cancelled before it could be sent."""
        if order.client_order_id in self._desk.orders:
            return False
        known = self._desk.find_order(order.client_order_id)
        return known is not None and known.state.is_terminal

    def _note_bars(self, answers: Sequence[Answer], changes: Changes) -> None:
        """Note that the venue takes nothing from us any more, or that it does again."""
        bars = [answer for answer in answers if isinstance(answer, Barred)]
        if bars:
            self.barring.refused(bars[0].message, changes)
        elif any(isinstance(answer, Accepted) for answer in answers):
            self.barring.accepted(changes)

    def _note_answer(self, order: Order, answer: Answer | None) -> None:
        match answer:
            case Accepted(report):
                self._note_told(order, report)
            case Passed():
                self.passed.add(order.client_order_id)
            case Gone():
                self._note_gone(order)

    def _note_gone(self, order: Order) -> None:
        """Note that another exit was first; its fill is on its way, or is asked for."""
        desk = self._desk
        held = desk.position(order.book_id, order.instrument_id).quantity
        key = (order.book_id, order.instrument_id, order.position_side)
        self.gone[key] = (held, desk.wall.now())
        desk.outside.wanted = True

    def _note_told(self, order: Order, report: OrderReport) -> None:
        """Note what is sold already though its fill is not booked: it can't be sold again."""
        linked = self._desk.venue.capabilities.exits is ExitStyle.LINKED
        if linked or order.purpose is OrderPurpose.ENTRY or not report.filled_quantity:
            return
        for name in [n for n, filled in self.told.items() if filled <= self._booked(n, filled)]:
            del self.told[name]
        filled = Decimal(report.filled_quantity)
        if filled > self._booked(order.client_order_id, filled):
            self.told[order.client_order_id] = filled

    def _booked(self, name: ClientOrderId, otherwise: Decimal) -> Decimal:
        order = self._desk.find_order(name)
        return otherwise if order is None else order.filled_quantity

    async def _submit(self, orders: Sequence[Order]) -> list[tuple[Order, Answer]]:
        sent = [self._submitted(order) for order in orders]
        with self._desk.activity.asking(sent):
            if len(sent) == 1:  # the common case: no task for it
                return [(sent[0], await submit(self._desk.venue, sent[0]))]
            answers = await asyncio.gather(*(submit(self._desk.venue, order) for order in sent))
            return list(zip(sent, answers, strict=True))

    def _submitted(self, order: Order) -> Order:
        """Mark it sent in memory: the stored intent is already enough to look it up by."""
        moved = order.moved(OrderState.SUBMITTED, at=self._desk.clock.now())
        self._desk.orders.put(moved)
        return moved

    # --- cancelling --------------------------------------------------------------------------

    async def cancel(self, orders: Sequence[Order]) -> None:
        """Ask the venue to cancel; the state changes when it says so."""
        open_ones = [order for order in orders if not order.state.is_terminal]
        if not open_ones:
            return
        desk = self._desk
        async with desk.section:
            changes = Changes()
            self.withdraw(open_ones, changes)
            await desk.commit(changes)
        asked = [o for o in open_ones if o.client_order_id in desk.orders]
        with desk.activity.asking(asked):
            answers = await asyncio.gather(*(cancel(desk.venue, order) for order in asked))
        async with desk.section:
            changes = Changes()
            now = desk.clock.now()
            for order, answer in zip(asked, answers, strict=True):
                current = desk.orders.get(order.client_order_id)
                _keep(self.uncancelled, order, answer)
                self._note_answer(order, answer)
                if current is not None:
                    self._note(current, after_cancel(current, answer, now), changes)
            await desk.commit(changes)

    def withdraw(self, orders: Sequence[Order], changes: Changes) -> None:
        """Inside the section: note that these are to be cancelled; `cancel` asks for it after.

        Noted with what makes them unwanted, so that no crash can leave them working.
        """
        for order in orders:
            current = self._desk.orders.get(order.client_order_id)
            if current is not None and current.state is not OrderState.CANCEL_PENDING:
                changes.order(self._cancel_pending(current))

    def _cancel_pending(self, order: Order) -> Order:
        now = self._desk.clock.now()
        if order.state is OrderState.INTENDED:
            return order.moved(OrderState.CANCELLED, at=now, message="cancelled before it was sent")
        return order.moved(OrderState.CANCEL_PENDING, at=now)

    # --- hearing -----------------------------------------------------------------------------

    async def reported(
        self, report: OrderReport, follow_up: FollowUp | None = None
    ) -> Order | None:
        """Take in what the venue says of one of our orders; None when nothing changed.

        Args:
            follow_up: Notes in the same commit what the order's policy places after it, so that
                no crash can come between an order's end and its follower.
        """
        desk = self._desk
        async with desk.section:
            before = self._reported_on(report)
            if before is None:
                return None
            self._note_told(before, report)
            after = applied(before, report)
            if after is before:
                return None
            changes = Changes()
            self._note(before, after, changes)
            ready = follow_up(after, changes) if follow_up is not None else ()
            await desk.commit(changes)
        await self.send(ready)
        return after

    async def all_reported(self, reports: Sequence[OrderReport]) -> None:
        """Take in how several orders stand, in one commit; nothing is placed after them."""
        desk = self._desk
        async with desk.section:
            changes = Changes()
            for report in reports:
                before = self._reported_on(report)
                if before is not None:
                    self._note_told(before, report)
                    self._note(before, applied(before, report), changes)
            await desk.commit(changes)

    def _reported_on(self, report: OrderReport) -> Order | None:
        """Find the open order by our id, or by the venue's: an adopted one may not have ours."""
        desk = self._desk
        if report.client_order_id is not None:
            return desk.orders.get(report.client_order_id)
        found = desk.orders.find_at_venue(report.instrument_id, report.venue_order_id)
        return None if found is None or found.state.is_terminal else found

    async def settle(self, after: Order) -> None:
        """Store how an order was found at a start, and tell what people must hear of it."""
        desk = self._desk
        async with desk.section:
            before = desk.orders.get(after.client_order_id)
            if before is None:
                return
            changes = Changes()
            self._note(before, after, changes)
            await desk.commit(changes)

    def _note(self, before: Order, after: Order, changes: Changes) -> None:
        """Put an order's change, and the fact that people hear of it, into the commit."""
        if after == before:
            return
        changes.order(after)
        event = self._event(before, after)
        if event is not None:
            changes.events.append(event)

    def _event(self, before: Order, after: Order) -> Event | None:
        if after.state is before.state:
            return None
        if after.client_order_id in self._desk.doubts_told:
            return self.doubt_ended(after)
        if after.state is OrderState.REJECTED:
            _log.warning("order rejected", order=after.client_order_id, reason=after.message)
            return self._refusals.rejected(after)
        if after.is_working or after.state is OrderState.FILLED:
            return self._refusals.taken(after)
        if after.state in _ENDED and after.purpose is OrderPurpose.ENTRY:
            return self._ended(after)
        return None

    def _denied(self, order: Order, check: str, message: str) -> OrderDenied:
        return OrderDenied(
            **self._desk.fact("denied", order.client_order_id),
            client_order_id=order.client_order_id,
            book_name=self._desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            quantity=order.quantity,
            check=check,
            message=message,
        )

    def doubt_ended(self, order: Order) -> OrderDoubtEnded | None:
        """Tell what became of an order in doubt; None while that is being undone.

        Also None where nobody was told of the doubt (`handlers.telling`): it ended soon.
        """
        told = self._desk.doubts_told
        if order.state in _NO_WORD_YET or order.client_order_id not in told:
            return None
        told.discard(order.client_order_id)
        return OrderDoubtEnded(
            **self._desk.fact("known", order.client_order_id, order.state),
            client_order_id=order.client_order_id,
            book_name=self._desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            state=order.state,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            message=order.message,
        )

    def _ended(self, order: Order) -> OrderEnded:
        return OrderEnded(
            **self._desk.fact("ended", order.client_order_id),
            client_order_id=order.client_order_id,
            book_name=self._desk.book_name(order.book_id),
            instrument_id=order.instrument_id,
            side=order.side,
            state=order.state.value,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            message=order.message,
        )


def _judged(order: Order) -> Order:
    """Return an order as risk is to see it: an exit shrinks its book, however it is sent."""
    if order.purpose is OrderPurpose.ENTRY or order.reduce_only:
        return order
    return replace(order, reduce_only=True)


def _keep(kept: set[ClientOrderId], order: Order, answer: Answer | None) -> None:
    """Remember what the venue would not take yet; forget it once it has."""
    if isinstance(answer, Deferred):
        kept.add(order.client_order_id)
    else:
        kept.discard(order.client_order_id)
