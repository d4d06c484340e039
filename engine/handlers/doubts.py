"""What the venue has not answered, or would not take yet: asked again until it ends.

An entry in doubt is looked up and waited for (SEMANTICS 5). An exit is not waited on: it is taken
back by its id and placed anew, for no more than the venue still holds of the position.
"""

import asyncio
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk.closing import closable
from engine.desk.state import Changes, Desk
from engine.domain.accounts import TradingState
from engine.domain.ids import ClientOrderId, InstrumentId, digest_id
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.errors import (
    OrderNotFound,
    OrderStateUnknown,
    RequestRefused,
    VenueUnavailable,
)
from engine.execution.requests import Accepted, Refused, look_up
from engine.handlers.backoff import Backoff
from engine.handlers.exits import key_of
from engine.handlers.orders import FollowUp, Orders
from engine.handlers.protection import Protection

_LOOK_AGAIN_SECONDS = 1.0
_EXIT_WAIT = timedelta(seconds=1)  # what protects or closes a position is not waited on for long
_CANCEL_SECONDS = 0.5  # most are answered by then; a follower that need not wait leaves after it


class Doubts:
    """Asks again while trading goes on; at a start, recovery asks first."""

    def __init__(
        self, desk: Desk, orders: Orders, protection: Protection, follow_up: FollowUp
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._follow_up = follow_up
        self._patience: Backoff[ClientOrderId] = Backoff()

    def has_work(self) -> bool:
        """Tell whether the venue owes an answer, or one is still noted down."""
        taken_back = self._protection.exits.taken_back
        kept = (self._orders.unsent, self._orders.uncancelled, taken_back)
        return any(kept) or self._desk.orders.any_in_doubt

    async def resolve(self, due: datetime) -> None:
        """Ask about what is due by the back-off; nothing is given up without the venue's word.

        Each instrument is asked about by itself: one that does not answer holds up no other, nor
        what falls in doubt meanwhile.
        """
        asking: dict[InstrumentId, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    for name, orders in self._due(asking).items():
                        asking[name] = group.create_task(self._resolve(orders))
                    if not asking:
                        break
                    done, _ = await asyncio.wait(asking.values(), timeout=_LOOK_AGAIN_SECONDS)
                    asking = {name: task for name, task in asking.items() if task not in done}
                    if not asking:
                        break
        except BaseExceptionGroup as group_of_errors:
            raise group_of_errors.exceptions[0] from None  # a group would hide what it is

    def _due(self, asking: Container[InstrumentId]) -> dict[InstrumentId, list[Order]]:
        """Return what is due, by instrument; where a request is under way its answer is first."""
        desk = self._desk
        self._forget(set(desk.orders))
        found: dict[InstrumentId, list[Order]] = {}
        for order in desk.orders.values():
            name = order.instrument_id
            if not self._is_open(order) or name in asking or desk.activity.is_asking(name):
                continue
            if self._is_due(order):
                found.setdefault(name, []).append(order)
        return found

    def _is_open(self, order: Order) -> bool:
        name = order.client_order_id
        return (
            order.state is OrderState.UNKNOWN
            or name in self._orders.uncancelled
            or name in self._orders.unsent
        )

    async def _resolve(self, orders: Sequence[Order]) -> None:
        for known in orders:
            order = self._desk.orders.get(known.client_order_id)
            if order is None:
                continue
            if order.state is OrderState.UNKNOWN:
                await self._clear_up(order)
            elif order.client_order_id in self._orders.uncancelled:
                await self._orders.cancel([order])
            elif order.client_order_id in self._orders.unsent:
                await self._send_again(order)

    def _forget(self, open_ids: set[ClientOrderId]) -> None:
        exits = self._protection.exits
        for kept in (self._orders.unsent, self._orders.uncancelled, exits.taken_back):
            kept &= open_ids
        self._patience.keep(open_ids)

    def _is_due(self, order: Order) -> bool:
        """Tell whether it is time to ask, and if so set when to ask next."""
        now = self._desk.wall.now()
        if order.purpose is OrderPurpose.ENTRY:
            return self._patience.is_due(order.client_order_id, now)
        return self._patience.is_due(order.client_order_id, now, _EXIT_WAIT)

    # --- orders in doubt ---------------------------------------------------------------------

    async def _clear_up(self, order: Order) -> None:
        cancelling = order.venue_order_id is not None  # it was there: the lost answer is a cancel's
        match await look_up(self._desk.venue, order):
            case Accepted(report):
                found = await self._orders.reported(report, self._follow_up)
                if found is not None and found.is_working and (cancelling or self._is_late(found)):
                    await self._orders.cancel([found])
                await self._restore(order)
            case Refused():
                await self._absent(order)
            case _ if order.purpose is OrderPurpose.ENTRY or self._is_replaced(order):
                return
            case _:
                await self._replace(order)

    def _is_replaced(self, order: Order) -> bool:
        """Tell whether another one has taken its place: only the venue's proof is waited for."""
        return self._protection.exits.is_taken_back(order)

    def _is_late(self, order: Order) -> bool:
        """Tell whether an entry that turns up is not wanted any more."""
        if order.purpose is not OrderPurpose.ENTRY:
            return False
        desk = self._desk
        run = next((run for run in desk.runs.values() if run.book_id == order.book_id), None)
        return desk.trading_state is TradingState.HALTED or (run is not None and not run.may_enter)

    async def _replace(self, order: Order) -> None:
        """Take an exit back and place it anew, also where the cancel's answer is late.

        Its follower does not rest on that answer: it is placed only where the venue itself keeps
        both from closing more than the position.
        """
        answer = asyncio.create_task(self._take_back(order))
        try:
            await asyncio.wait({answer}, timeout=_CANCEL_SECONDS)
            if not answer.done() or answer.result():
                await self._place_anew(order)
            await answer
        finally:
            answer.cancel()

    async def _take_back(self, order: Order) -> bool:
        """Ask for an exit's cancel by its id; True when the venue has answered in any way."""
        try:
            with self._desk.activity.asking([order]):
                await self._desk.venue.cancel_order(order)
        except OrderNotFound:
            return True
        except (OrderStateUnknown, RequestRefused, VenueUnavailable):
            return False
        return True

    async def _absent(self, order: Order) -> None:
        """The venue has proved that it has no such order."""
        desk = self._desk
        ended = OrderState.EXPIRED if order.venue_order_id is None else OrderState.CANCELLED
        current = desk.orders.get(order.client_order_id, order)
        if current.state is not OrderState.UNKNOWN:
            return
        await self._orders.settle(
            current.moved(ended, at=desk.clock.now(), message="the venue has no such order")
        )
        if order.purpose is OrderPurpose.EXIT:
            await self._exit_again(order, _left(current))
        await self._restore(order)

    async def _restore(self, order: Order) -> None:
        key = (order.book_id, order.instrument_id, order.position_side)
        if order.purpose is not OrderPurpose.ENTRY:
            await self._protection.restore(key)

    # --- exits are not waited on -------------------------------------------------------------

    async def _place_anew(self, order: Order) -> None:
        """Replace an exit that was taken back, though nobody knows yet what became of it.

        Only where the venue itself keeps both together from closing more than the position.
        """
        proven = await self._proven(order)
        if not proven:
            return
        if order.purpose is OrderPurpose.EXIT:
            await self._exit_again(order, min(_left(order), proven))
            return
        if proven >= closable(self._desk, order.book_id, order.instrument_id):
            self._protection.exits.taken_back.add(order.client_order_id)
            await self._restore(order)

    async def _proven(self, order: Order) -> Decimal:
        """Return what may be closed though the first order may come yet; zero: wait for proof.

        Nothing else of the instrument is held on that side, so whatever both orders do ends at
        flat: by reduce-only, or for want of the asset.
        """
        desk = self._desk
        instrument = desk.instruments[order.instrument_id]
        mine = closable(desk, order.book_id, order.instrument_id)
        if not self._protection.exits.is_bounded(key_of(order)):
            return ZERO
        if instrument.kind is not InstrumentKind.SPOT:
            return mine
        try:
            balances = await desk.venue.balances()
        except (VenueUnavailable, RequestRefused):
            return ZERO
        held = sum((b.total for b in balances if b.asset == instrument.base), ZERO)
        return min(mine, instrument.round_quantity(held))

    async def _exit_again(self, order: Order, quantity: Decimal) -> None:
        """Send what is left of an exit under an id that follows from the first one's."""
        desk = self._desk
        instrument = desk.instruments[order.instrument_id]
        again = ClientOrderId(digest_id("oc", order.client_order_id, "again"))
        async with desk.section:
            if await self._is_stored(again):
                return
            held = closable(desk, order.book_id, order.instrument_id)
            size = instrument.round_quantity(min(quantity, held))
            if not size or not self._closes(order):
                return
            now = desk.clock.now()
            changes = Changes()
            fresh = replace(
                order,
                client_order_id=again,
                quantity=size,
                quote_quantity=None,
                state=OrderState.INTENDED,
                venue_order_id=None,
                filled_quantity=ZERO,
                filled_value=ZERO,
                message="",
                ts_init=now,
                ts_last=now,
            )
            changes.order(fresh)  # risk let the first one pass, and this is the same exit
            await desk.commit(changes)
        await self._protection.exits.send((fresh,))

    def _closes(self, order: Order) -> bool:
        held = self._desk.position(order.book_id, order.instrument_id).quantity
        return held * order.side.sign < 0

    async def _is_stored(self, client_order_id: ClientOrderId) -> bool:
        async with self._desk.storage() as uow:
            return await uow.orders.get(client_order_id) is not None

    async def _send_again(self, order: Order) -> None:
        """Send an exit that the venue would not take, unless nothing is left for it to close."""
        desk = self._desk
        if order.state is not OrderState.INTENDED:
            return
        held = closable(desk, order.book_id, order.instrument_id)
        if held < order.quantity or not self._closes(order):
            await self._orders.cancel([order])
            await self._exit_or_restore(order, held)
            return
        await self._protection.exits.send((order,))

    async def _exit_or_restore(self, order: Order, held: Decimal) -> None:
        if order.purpose is OrderPurpose.EXIT:
            await self._exit_again(order, held)
        await self._restore(order)


def _left(order: Order) -> Decimal:
    with exact():
        return max(order.quantity - order.filled_quantity, ZERO)
