"""A fill arrived: book it once, tell it, and bring the position's protection in line."""

from datetime import datetime
from decimal import Decimal

import structlog

from engine.desk.state import Changes, Desk, PlanKey
from engine.desk.trades import trade_view
from engine.domain.booking import dust_transfer, fill_entry, fill_entry_id
from engine.domain.entries import EntryKind
from engine.domain.events import OrderFilled, PositionForced
from engine.domain.ids import DUST_BOOK, UNMANAGED_BOOK, BookId, RunId
from engine.domain.ledger import Booked
from engine.domain.money import exact
from engine.domain.orders import Fill, FillCause, Order, OrderPurpose, OrderState
from engine.domain.policies import ExitPlan
from engine.domain.records import ExitPlanState
from engine.execution.exits import next_target, opened, resized, rung_taken, stop_level
from engine.handlers.netting import Netting
from engine.handlers.orders import Orders
from engine.handlers.protection import Protection, ProtectiveOrders
from engine.handlers.runs import stopped_when_flat
from engine.handlers.standing import Standing
from engine.ports import ExitStyle

_LIQUIDATIONS = frozenset({FillCause.LIQUIDATION, FillCause.DELEVERAGING})

_log = structlog.get_logger(__name__)


class Fills:
    """Books fills: in whatever state the order is, once, whoever reports them."""

    def __init__(
        self,
        desk: Desk,
        orders: Orders,
        protection: Protection,
        netting: Netting,
        standing: Standing,
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._netting = netting
        self._standing = standing

    async def book(self, fill: Fill) -> bool:
        """Book one fill with everything that follows from it in one commit.

        Returns False when nothing was booked: it was before, or `is_due` says not now.
        """
        desk = self._desk
        if desk.ledger.has(fill_entry_id(fill)):
            return False
        order = await self._order_of(fill)
        if not self.is_due(fill, order):
            return False
        async with desk.section:
            if order is not None:
                order = desk.find_order(order.client_order_id) or order
            changes = Changes()
            book_id = self._book_of(fill, order)
            booked = self._book(fill, order, book_id, changes)
            if not booked.applied:
                return False
            adjustments = self._forced(fill, book_id, changes)
            self._sweep_dust(fill, booked, changes)
            key = (book_id, fill.instrument_id, fill.position_side)
            plan = self._plan_after(
                key, changes.orders.get(order.client_order_id) if order else None
            )
            if plan is not desk.plans.get(key):
                changes.plans[key] = plan
            self._tell(fill, order, key, booked, changes)
            adjustments.append(self._protection.intents(key, plan, changes))
            adjustments += self._protection.beside(key, changes)
            run = desk.runs.get(RunId(key[0]))
            if run is not None:
                stopped_when_flat(desk, run, changes)
            await desk.commit(changes)
            desk.activity.happened(fill.instrument_id)
            desk.outside.wanted = desk.outside.wanted or bool(desk.outside.open)
        await self._protection.exits.release(key)
        await self._netting.carry_out(adjustments)
        if order is not None:
            await self._standing.filled(order, fill)
        return True

    def is_due(self, fill: Fill, order: Order | None) -> bool:
        """Tell whether a fill can be booked now.

        One without an order of ours waits while an order of the instrument is in doubt that it
        may belong to. One from before the account's opening is in its opening balances.
        """
        desk = self._desk
        if fill.instrument_id not in desk.instruments:
            _log.warning("fill of an unknown instrument", instrument=fill.instrument_id)
            return False
        if order is not None:
            return True
        mark = desk.outside.mark
        if mark is not None and fill.ts_event < mark.opened_at:
            return False
        if fill.cause is FillCause.ORDER:
            desk.outside.wanted = True
        return fill.client_order_id is not None or not any(
            other.instrument_id == fill.instrument_id
            and other.side is fill.side
            and other.venue_order_id is None
            and other.state.is_in_flight
            for other in desk.orders.values()
        )

    async def is_settled(self, fill: Fill) -> bool:
        """Tell whether a fill needs no other look: it is booked, or never will be."""
        desk = self._desk
        if desk.ledger.has(fill_entry_id(fill)) or fill.instrument_id not in desk.instruments:
            return True
        mark = desk.outside.mark
        before_us = mark is not None and fill.ts_event < mark.opened_at
        return before_us and await self._order_of(fill) is None

    async def _order_of(self, fill: Fill) -> Order | None:
        """Find the fill's order by our id, or by the venue's where the fill does not bear ours."""
        desk = self._desk
        if fill.client_order_id is not None:
            order = desk.find_order(fill.client_order_id)
            if order is not None:
                return order
        order = desk.orders.find_at_venue(fill.instrument_id, fill.venue_order_id)
        if order is not None:
            return order
        async with desk.storage() as uow:
            if fill.client_order_id is not None:
                return await uow.orders.get(fill.client_order_id)
            return await uow.orders.of_venue(
                desk.account.id, fill.instrument_id, fill.venue_order_id
            )

    def _book_of(self, fill: Fill, order: Order | None) -> BookId:
        """Return whose fill it is: what the venue forced is of the one book that it closed."""
        if order is not None:
            return order.book_id
        if fill.cause is not FillCause.ORDER:
            instrument = self._desk.instruments[fill.instrument_id]
            with exact():
                taken = self._netting.opposed(instrument, fill.quantity * fill.side.sign)
            if len(taken) == 1 and abs(taken[0].quantity) >= fill.quantity:
                return taken[0].book_id
        return UNMANAGED_BOOK

    def _book(self, fill: Fill, order: Order | None, book_id: BookId, changes: Changes) -> Booked:
        desk = self._desk
        instrument = desk.instruments[fill.instrument_id]
        forced = "" if fill.cause is FillCause.ORDER else fill.cause.value
        entry = fill_entry(
            fill,
            book_id=book_id,
            instrument=instrument,
            rates=desk.rates_of(instrument.settlement, fill.commission_asset),
            purpose=None if order is None else order.purpose,
            reason=forced or ("" if order is None else order.reason),
            kind=EntryKind.LIQUIDATION if fill.cause in _LIQUIDATIONS else EntryKind.FILL,
        )
        booked = desk.ledger.book(entry)
        if not booked.applied:
            return booked
        changes.entries.append(entry)
        if order is not None:
            value = abs(instrument.value(fill.quantity, fill.price))
            after = order.with_fill(fill, value)
            changes.order(after)
            if order.state is OrderState.UNKNOWN and after.state is not OrderState.UNKNOWN:
                ended = self._orders.news.doubt_ended(after)
                changes.events.extend((ended,) if ended is not None else ())
        return booked

    def _forced(self, fill: Fill, book_id: BookId, changes: Changes) -> list[ProtectiveOrders]:
        """Book what the venue forced to the books that it closed, and tell of it."""
        if fill.cause is FillCause.ORDER:
            return []
        desk = self._desk
        instrument = desk.instruments[fill.instrument_id]
        books: tuple[BookId, ...] = (book_id,)
        adjustments: list[ProtectiveOrders] = []
        if book_id == UNMANAGED_BOOK:
            with exact():
                quantity = fill.quantity * fill.side.sign
            _, books = self._netting.take(
                instrument,
                quantity,
                fill.price,
                at=fill.ts_event,
                reference=fill.key,
                reason=fill.cause.value,
                changes=changes,
            )
            adjustments = self._netting.follow(instrument, books, changes)
        changes.events.append(
            PositionForced(
                **desk.fact("forced", fill.key),
                instrument_id=instrument.id,
                cause=fill.cause,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                book_names=tuple(desk.book_name(book) for book in books),
                left=desk.ledger.net_quantity(instrument.id),
            )
        )
        return adjustments

    def _sweep_dust(self, fill: Fill, booked: Booked, changes: Changes) -> None:
        """Move a remainder too small to be sold to the dust book: the position is closed."""
        desk = self._desk
        held = booked.position
        shrank = held.quantity * fill.side.sign < 0 or booked.realized_pnl is not None
        managed = held.book_id not in {UNMANAGED_BOOK, DUST_BOOK}
        instrument = desk.instruments[fill.instrument_id]
        if not (held.quantity and shrank and managed):
            return
        if not instrument.is_dust(held.quantity, fill.price):
            return
        rates = desk.rates_of(instrument.settlement)
        for entry in dust_transfer(
            held, account_id=desk.account.id, ts_event=fill.ts_event, rates=rates
        ):
            desk.ledger.book(entry)
            changes.entries.append(entry)

    def _plan_after(self, key: PlanKey, order: Order | None) -> ExitPlanState | None:
        """Return the exit plan as this fill leaves it."""
        desk = self._desk
        state = desk.plans.get(key)
        position = desk.position(key[0], key[1])
        if not position.quantity or position.average_price is None:
            return None
        flipped = state is not None and state.entry_quantity * position.quantity < 0
        if state is None or flipped:
            return self._new_plan(key, order)
        if order is not None and order.purpose is OrderPurpose.TAKE_PROFIT:
            return self._rung_taken(state, order, position.quantity)
        if abs(position.quantity) > abs(state.entry_quantity):
            return resized(state, position.quantity, position.average_price)
        return state

    def _new_plan(self, key: PlanKey, order: Order | None) -> ExitPlanState | None:
        desk = self._desk
        position = desk.position(key[0], key[1])
        plan = self._wanted_plan(key)
        if plan is None or position.average_price is None:
            return None
        return opened(
            ExitPlanState(
                account_id=desk.account.id,
                book_id=key[0],
                instrument_id=key[1],
                position_side=key[2],
                plan=plan,
                entry_price=position.average_price,
                entry_quantity=position.quantity,
                best_price=position.average_price,
                stop_price=None,
                last_bar=self._last_bar(key),
                tag="" if order is None else order.reason,
            )
        )

    def _last_bar(self, key: PlanKey) -> datetime | None:
        """Return a start that only bars from before the position have: it did not live in them.

        A replay that stands at an instant tells its bars again after a restart.
        """
        desk = self._desk
        run = desk.runs.get(RunId(key[0]))
        opened_at = desk.position(key[0], key[1]).opened_at
        return None if run is None or opened_at is None else opened_at - run.timeframe.delta

    def _wanted_plan(self, key: PlanKey) -> ExitPlan | None:
        """Return the plan of the run's standing target.

        A run that adjusts gets an empty one where it asked for none: it counts the bars held.
        """
        desk = self._desk
        run = desk.runs.get(RunId(key[0]))
        standing = None if run is None else run.targets.get(key[1])
        if standing is not None and standing.exit_plan is not None:
            return standing.exit_plan
        loaded = None if run is None else desk.loaded.get(run.id)
        return ExitPlan() if loaded is not None and loaded.adjusts else None

    def _rung_taken(self, state: ExitPlanState, order: Order, left: Decimal) -> ExitPlanState:
        """Count a rung of the ladder once all of it has filled."""
        if order.filled_quantity < order.quantity:
            return state
        linked = self._desk.venue.capabilities.exits is ExitStyle.LINKED
        with exact():
            before = left - order.quantity * order.side.sign
        instrument = self._desk.instruments[order.instrument_id]
        return rung_taken(state, before, instrument, join_small=not linked)

    def _tell(
        self, fill: Fill, order: Order | None, key: PlanKey, booked: Booked, changes: Changes
    ) -> None:
        if fill.cause is not FillCause.ORDER:
            return  # told as such
        desk = self._desk
        book_id = key[0]
        plan = changes.plans.get(key, desk.plans.get(key))
        instrument = desk.instruments[fill.instrument_id]
        trade = booked.closed_trade
        changes.events.append(
            OrderFilled(
                **desk.fact("filled", fill.key),
                client_order_id=fill.client_order_id,
                trade_id=fill.trade_id,
                book_id=book_id,
                book_name=desk.book_name(book_id),
                instrument_id=fill.instrument_id,
                side=fill.side,
                purpose=OrderPurpose.ENTRY if order is None else order.purpose,
                quantity=fill.quantity,
                price=fill.price,
                commission=fill.commission,
                commission_asset=fill.commission_asset,
                position_quantity=desk.position(book_id, fill.instrument_id).quantity,
                realized_pnl=booked.realized_pnl,
                reporting=desk.account.reporting,
                reason="" if order is None else order.reason,
                trade=None if trade is None else trade_view(desk, trade),
                stop_price=stop_level(plan, instrument),
                target_price=None if plan is None else next_target(plan, instrument),
            )
        )
