"""Orders on their way: intents committed, sent, answered, cancelled, looked up."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.accounts import TradingState
from engine.domain.ids import ClientOrderId
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.execution.reports import applied
from engine.execution.requests import (
    Accepted,
    Answer,
    Barred,
    Deferred,
    Gone,
    Lost,
    Passed,
    after_cancel,
    after_submit,
    cancel,
    in_sending_order,
    submit,
)
from engine.handlers.barring import Barring
from engine.handlers.order_news import OrderNews
from engine.handlers.pretrade import PreTrade
from engine.ports import ExitStyle, OrderReport

_log = structlog.get_logger(__name__)

FollowUp = Callable[[Order, Changes], Sequence[Order]]

_CANCELLED = OrderState.CANCELLED
# Told of by itself; answered by an exit at the market; followed by the fill of another exit.
_NO_NEWS = (Barred, Passed, Gone)
_KILLED = "killed before it was sent; nothing is at the venue"


class Orders:
    """The write-ahead path of orders: nothing reaches the venue that is not stored.

    Args:
        on_doubt: Called when an answer was lost, once the doubt is stored.

    Attributes:
        unsent: Exits that the venue would not take yet, by its own word: to be sent again.
        uncancelled: Orders whose cancel it would not take yet.
        passed: Stops that it refused because their price had been reached already.
        gone: Positions of which the venue said that nothing is left to close: what of each was in
            our books then, and the wall time.
        told: What of an exit has filled by the venue's word, where that is more than is booked.
        barring: Whether the venue takes anything from us at all.
        news: What people hear of all this.
    """

    def __init__(self, desk: Desk, on_doubt: Callable[[], None]) -> None:
        self._desk = desk
        self._on_doubt = on_doubt
        self.unsent: set[ClientOrderId] = set()
        self.uncancelled: set[ClientOrderId] = set()
        self.passed: set[ClientOrderId] = set()
        self.gone: dict[PlanKey, tuple[Decimal, datetime]] = {}
        self.told: dict[ClientOrderId, Decimal] = {}
        self.barring = Barring(desk)
        self.news = OrderNews(desk)
        self._pretrade = PreTrade(desk)

    def check(self, orders: Sequence[Order], changes: Changes, *, from_person: bool) -> list[Order]:
        """Inside the section: note intents that pass, and denials; return what may be sent."""
        return self._pretrade.check(orders, changes, from_person=from_person)

    # --- sending -----------------------------------------------------------------------------

    async def send(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """Send committed intents, exits first, and record every answer in one commit.

        Before each batch the latch is looked at once more, and what was cancelled meanwhile stays
        here: a kill may have come since the intents were stored, or while exits were answered.
        Returns the orders as they stand after the venue's answers.
        """
        if not orders:
            return ()
        desk = self._desk
        stopped: list[Order] = []
        answers: list[tuple[Order, Answer]] = []
        for batch in in_sending_order(orders):  # the one before may have taken seconds to answer
            wanted = [order for order in batch if not self._has_ended(order)]
            held = [order for order in wanted if self._is_halted(order)]
            stopped += held
            answers += await self._submit([order for order in wanted if order not in held])
        async with desk.section:
            changes = Changes()
            now = desk.clock.now()
            for order in [order for order in stopped if not self._has_ended(order)]:
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
        self._note_doubts([answer for _, answer in answers])
        return tuple(desk.find_order(order.client_order_id) or order for order in orders)

    def _note_doubts(self, answers: Sequence[Answer | None]) -> None:
        if any(isinstance(answer, Lost) for answer in answers):
            self._on_doubt()

    def _is_halted(self, order: Order) -> bool:
        return order.adds_exposure and self._desk.trading_state is TradingState.HALTED

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
        self._note_doubts(answers)

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
        event = self.news.of(before, after)
        if event is not None:
            changes.events.append(event)


def _keep(kept: set[ClientOrderId], order: Order, answer: Answer | None) -> None:
    """Remember what the venue would not take yet; forget it once it has."""
    if isinstance(answer, Deferred):
        kept.add(order.client_order_id)
    else:
        kept.discard(order.client_order_id)
