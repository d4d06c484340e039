"""Exits on their way: where a resting stop locks what it sells, it makes room first.

The intent is committed, then the stop is cancelled; on the venue's word that it has ended the
exit goes out for what is still held, and the stop for the rest is placed. Whatever ends in
between - a refusal, a crash, the stop's own fill - leads back to the stop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime
from decimal import Decimal

from engine.desk.closing import closable
from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.ids import ClientOrderId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order, OrderState
from engine.execution.leaving import (
    cleared,
    closes,
    goes_at_once,
    is_backed,
    rests,
    style_of,
    under_way,
)
from engine.execution.requests import Accepted, Refused, look_up
from engine.handlers.orders import Orders
from engine.ports import ExitStyle

_NOTHING_LEFT = "nothing is left to close; nothing was sent"
_NOT_FIRST = "the exit before it waits for the venue's word; nothing was sent"


def key_of(order: Order) -> PlanKey:
    """Return the position that an order is of."""
    return (order.book_id, order.instrument_id, order.position_side)


class Exits:
    """Sends exits the way that their venue takes them.

    Args:
        restore: Brings the protective orders of a position in line with its plan.

    Attributes:
        taken_back: Exits in doubt whose cancel was asked for, where the venue keeps both such a one
            and its follower from being filled: they protect nothing and are in nobody's way.
    """

    def __init__(
        self, desk: Desk, orders: Orders, restore: Callable[[PlanKey], Awaitable[None]]
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._restore = restore
        self.taken_back: set[ClientOrderId] = set()
        self._waiting: dict[ClientOrderId, PlanKey] = {}  # intents, oldest first

    # --- how things stand --------------------------------------------------------------------

    def style(self, key: PlanKey) -> ExitStyle:
        """Return how the exits of one position get along now."""
        offered = self._desk.venue.capabilities.exits
        if offered is not ExitStyle.SIDE_BY_SIDE:  # whatever is held; asked ten times an exit
            return offered
        return style_of(offered, *self._weighed(key))

    def is_backed(self, key: PlanKey) -> bool:
        """Tell whether the venue's net is behind the position, where reduce-only needs it."""
        if self._desk.venue.capabilities.exits is not ExitStyle.SIDE_BY_SIDE:
            return True
        return is_backed(*self._weighed(key))

    def _weighed(self, key: PlanKey) -> tuple[Decimal, Decimal]:
        """Return what may be closed of a position, and the net of its instrument; both signed.

        What others sold of it opposes none. All of it, where the net is behind all of it and so
        behind any part: asked often, and mostly so.
        """
        desk = self._desk
        quantity, net = desk.ledger.quantity(key[0], key[1]), desk.ledger.net_quantity(key[1])
        if not is_backed(quantity, net):
            quantity = closable(desk, key[0], key[1]).copy_sign(quantity)
        return quantity, net

    def held(self, key: PlanKey) -> Decimal:
        """Return what of a position is still there to be sold, unsigned.

        The smaller of ours and the venue's, less what exits have sold by the venue's word and
        whose fills are not booked yet.
        """
        held = closable(self._desk, key[0], key[1])
        with exact():
            return max(held - self._owed(key), ZERO)

    def _owed(self, key: PlanKey) -> Decimal:
        owed = ZERO
        for name, filled in self._orders.told.items():
            order = self._desk.find_order(name)
            if order is None or key_of(order) != key:
                continue
            if order.state.is_terminal or not goes_at_once(order):
                owed += max(filled - order.filled_quantity, ZERO)
        return owed

    def leaving(self, key: PlanKey, changes: Changes) -> Decimal:
        """Return what exits under way will sell of it; one that the venue defers is not."""
        at_limits = {order.client_order_id for order in self.at_limits(key)}
        return self._under_way(
            key,
            changes,
            without={*self._orders.unsent, *at_limits},
            resting=self.style(key) is ExitStyle.ONE_AT_A_TIME,
        )

    def _under_way(
        self, key: PlanKey, changes: Changes, *, without: Container[ClientOrderId], resting: bool
    ) -> Decimal:
        """As `leaving.under_way`: whether the venue bounds them matters where one is in doubt."""
        orders = self._orders_of(key, changes)
        in_doubt = any(order.state is OrderState.UNKNOWN for order in orders)
        doubtful = in_doubt and not self.is_bounded(key)
        return under_way(orders, without, doubtful=doubtful, resting=resting)

    def at_limits(self, key: PlanKey) -> list[Order]:
        """Return exits that wait at their limits from when they might rest beside the stop.

        The net is not behind the position any more, and nothing keeps them and its stop from
        both selling: they go before anything else of the position is touched.
        """
        if self.style(key) is not ExitStyle.ONE_AT_A_TIME:
            return []
        return [
            order
            for order in self._desk.orders_of(key[0], key[1])
            if rests(order) and order.client_order_id not in self._waiting
        ]

    def rests(self, order: Order) -> bool:
        """Tell whether an exit waits at its limit; where they go one at a time, none does."""
        return rests(order) and self.style(key_of(order)) is not ExitStyle.ONE_AT_A_TIME

    def is_bounded(self, key: PlanKey) -> bool:
        """Tell whether the venue itself keeps exits from selling more than the position.

        By reduce-only with its net behind it, or for want of the asset.
        """
        desk = self._desk
        instrument = desk.instruments[key[1]]
        quantity = desk.position(key[0], key[1]).quantity
        with exact():
            beside = sum(
                (
                    abs(p.quantity)
                    for p in desk.ledger.positions()
                    if p.instrument.base == instrument.base
                    and p.instrument.kind is instrument.kind
                    and (p.book_id, p.instrument_id) != key[:2]
                    and p.quantity * quantity > 0
                ),
                max(desk.ledger.cash().get(instrument.base, ZERO), ZERO),
            )
        if beside >= instrument.quantity_increment:
            return False  # it could be sold in place of what is ours
        if instrument.kind is InstrumentKind.SPOT:
            return True
        return desk.venue.capabilities.reduce_only and self.is_backed(key)

    def _orders_of(self, key: PlanKey, changes: Changes) -> list[Order]:
        orders = {o.client_order_id: o for o in self._desk.orders_of(key[0], key[1])}
        orders |= {n: o for n, o in changes.orders.items() if key_of(o) == key}
        return [order for order in orders.values() if not order.state.is_terminal]

    # --- sending -----------------------------------------------------------------------------

    async def send(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """Send committed intents; those that a stop is in the way of go when it has ended.

        Returns the orders as they stand: one that still waits is INTENDED.
        """
        locked = {o.client_order_id: key_of(o) for o in orders if self._is_locked(o)}
        if not locked:
            return await self._orders.send(orders)
        self._waiting |= locked
        keys = tuple(dict.fromkeys(locked.values()))
        await self.release(*keys)
        await self._make_room([key for key in keys if self.waits(key)])
        others = [order for order in orders if order.client_order_id not in locked]
        late = [order for order in others if self.waits(key_of(order))]
        await self._give_up(late)
        await self._orders.send([order for order in others if order not in late])
        return tuple(self._desk.find_order(o.client_order_id) or o for o in orders)

    def goes_straight(self, order: Order) -> bool:
        """Tell whether `send` has nothing to take away before this one leaves."""
        return not self._is_locked(order) or not self._blockers(key_of(order))

    def _is_locked(self, order: Order) -> bool:
        return goes_at_once(order) and self.style(key_of(order)) is ExitStyle.ONE_AT_A_TIME

    async def _give_up(self, entries: Sequence[Order]) -> None:
        """End entries that would overtake the exit which they were to follow."""
        if not entries:
            return
        async with self._desk.section:
            changes = Changes()
            now = self._desk.clock.now()
            for order in entries:
                changes.order(order.moved(OrderState.CANCELLED, at=now, message=_NOT_FIRST))
            await self._desk.commit(changes)

    async def _make_room(self, keys: Sequence[PlanKey]) -> None:
        """Take away what locks these positions, and send what waits for that."""
        blockers = [order for key in keys for order in self._blockers(key)]
        await self._orders.cancel([order for key in keys for order in self._in_the_way(key)])
        await asyncio.gather(*(self._hear(order) for order in blockers))
        await self.release(*keys)

    def _in_the_way(self, key: PlanKey) -> list[Order]:
        """Return what is to be cancelled to make room for an exit: nothing while one is in doubt.

        The exit has to wait for that one, which `doubts` take back, and what works stays so long.
        Nor is a cancel asked for twice: `doubts` would wait for the second answer.
        """
        blockers = self._blockers(key)
        if any(order.state is OrderState.UNKNOWN for order in blockers):
            return []
        return [order for order in blockers if order.state is not OrderState.CANCEL_PENDING]

    def _blockers(self, key: PlanKey) -> list[Order]:
        """Return what rests for the position and locks what it would sell."""
        told = self._orders.told
        held = self._desk.position(key[0], key[1]).quantity
        stops = [o for o in self._desk.protective_orders(key) if not goes_at_once(o)]
        return [
            order
            for order in (*stops, *self.at_limits(key))
            if not self.is_taken_back(order)
            and (closes(order, held) or not held)
            and told.get(order.client_order_id, ZERO) < order.quantity
        ]

    def is_taken_back(self, order: Order) -> bool:
        """Tell whether an exit in doubt is not counted on: one that turns up after all is again."""
        return order.state is OrderState.UNKNOWN and order.client_order_id in self.taken_back

    async def hear(self, orders: Sequence[Order]) -> None:
        """Ask what became of orders whose cancel was asked for: an answer is not yet an end."""
        for order in orders:
            await self._hear(order)

    async def hear_of_cancels(self, key: PlanKey) -> None:
        """Ask what became of cancels that an earlier life, or the start's own pass, asked for.

        Where a resting exit locks what it sells, nothing takes its place before.
        """
        desk = self._desk
        if self.style(key) is not ExitStyle.ONE_AT_A_TIME or desk.activity.is_asking(key[1]):
            return
        await self.hear((*desk.protective_orders(key), *self.at_limits(key)))

    async def _hear(self, order: Order) -> None:
        desk = self._desk
        current = desk.orders.get(order.client_order_id)
        if current is None or current.state is not OrderState.CANCEL_PENDING:
            return
        if current.client_order_id in self._orders.uncancelled:
            return  # the venue has not taken the cancel yet
        match await look_up(desk.venue, current):
            case Accepted(report):
                await self._orders.reported(report)
            case Refused(message):
                ended = desk.orders.get(order.client_order_id)
                if ended is not None and ended.state is OrderState.CANCEL_PENDING:
                    now = desk.clock.now()
                    moved = ended.moved(OrderState.CANCELLED, at=now, message=message)
                    await self._orders.settle(moved)
            case _:
                return

    def waits(self, key: PlanKey) -> bool:
        """Tell whether an exit of the position waits for its stop to end."""
        return key in self._waiting.values()

    def _is_clear(self, key: PlanKey) -> bool:
        return self.waits(key) and not self._blockers(key)

    async def release(self, *keys: PlanKey) -> None:
        """Send what has waited, once nothing locks it, for what is still held; protect the rest.

        Exits of several positions go out side by side, after one commit for all of them.
        """
        desk = self._desk
        if not any(self._is_clear(key) for key in keys):
            return
        async with desk.section:
            clear = [key for key in keys if self._is_clear(key)]
            changes = Changes()
            ready: list[Order] = []
            for name in [name for name, key in self._waiting.items() if key in clear]:
                order = desk.orders.get(name)
                if order is not None and order.state is OrderState.INTENDED:
                    ready += self._cleared(order, changes)
                del self._waiting[name]
            await desk.commit(changes)
        await self._orders.send(ready)
        for key in clear:
            await self._restore(key)

    def _cleared(self, order: Order, changes: Changes) -> tuple[Order, ...]:
        """Inside the section: note what of an exit goes out, or that nothing of it does."""
        desk = self._desk
        key = key_of(order)
        instrument = desk.instruments[order.instrument_id]
        later = {*self._waiting, order.client_order_id, *self._orders.unsent}
        with exact():
            free = self.held(key) - self._under_way(key, changes, without=later, resting=True)
        position = desk.position(order.book_id, order.instrument_id).quantity
        out: tuple[Order, ...] = ()
        if closes(order, position):
            net = desk.ledger.net_quantity(order.instrument_id)
            splits = desk.venue.capabilities.exits is ExitStyle.SIDE_BY_SIDE
            out = cleared(
                order,
                free,
                net,
                instrument,
                splits=splits,
                is_known=lambda name: desk.find_order(name) is not None,
            )
        for part in out:
            if part is not desk.orders.get(part.client_order_id):  # else the stored intent is it
                changes.order(part)
        if not out:
            now = desk.clock.now()
            changes.order(order.moved(OrderState.CANCELLED, at=now, message=_NOTHING_LEFT))
        return out

    def has_waiting(self) -> bool:
        """Tell whether any exit waits for something to end."""
        return bool(self._waiting)

    async def press(self, due: datetime) -> None:
        """Ask again for what waiting exits wait for; by the second."""
        desk = self._desk
        for name in [n for n in self._waiting if n not in desk.orders]:
            del self._waiting[name]
        for key in dict.fromkeys(self._waiting.values()):
            if desk.activity.is_asking(key[1]):
                continue
            again = [o for o in self._in_the_way(key) if o.is_working]
            await self._orders.cancel(again)
            await self.hear(self._blockers(key))
            await self.release(key)
