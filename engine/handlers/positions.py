"""Closing positions: one, or all that we manage. Sent is not closed: fills tell the rest."""

from collections.abc import Sequence
from decimal import Decimal

from engine.desk.closing import closable
from engine.desk.state import Changes, Desk
from engine.domain.commands import ClosePosition, Flatten, PositionRef
from engine.domain.ids import UNMANAGED_BOOK
from engine.domain.ledger import Position
from engine.domain.messages import Command
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.domain.policies import DEFAULT_POLICY, PositionChange
from engine.domain.views import Outcome, OutcomeStatus
from engine.execution.intents import IntentContext, build_orders, closing_side
from engine.handlers.exits import Exits
from engine.handlers.orders import Orders
from engine.handlers.outcomes import done, partial, refused

_FAILED = frozenset({OrderState.DENIED, OrderState.REJECTED})


class Positions:
    """What a person closes by hand."""

    def __init__(self, desk: Desk, orders: Orders, exits: Exits) -> None:
        self._desk = desk
        self._orders = orders
        self._exits = exits

    async def close(self, command: ClosePosition) -> Outcome:
        """Close one position at market, or part of it; its stop works until it is gone."""
        desk = self._desk
        ref = command.ref
        if ref.book_id == UNMANAGED_BOOK:
            return refused(
                desk,
                command,
                f"{ref.instrument_id} was not closed: what the account held before us is not "
                "ours to sell",
                next_step="adopt it first",
            )
        if ref.instrument_id not in desk.instruments or not self._position(ref).quantity:
            return refused(
                desk,
                command,
                f"nothing was sent: there is no open {ref.instrument_id} position in "
                f"{desk.book_name(ref.book_id)}",
                next_step="/positions shows what is open",
            )
        return await self._send(command, [(self._position(ref), command.quantity)], ())

    async def flatten(self, command: Flatten) -> Outcome:
        """Close every position that the preview listed; what is not on it is left alone.

        What the account held before us is not ours to sell, listed or not.
        """
        managed = {position.book_id for position in self._desk.managed_positions()}
        listed = [self._position(ref) for ref in command.expected if ref.book_id in managed]
        books = {(ref.book_id, ref.instrument_id) for ref in command.expected}
        entries = [
            order
            for order in self._desk.orders.values()
            if order.purpose is OrderPurpose.ENTRY and (order.book_id, order.instrument_id) in books
        ]
        await self._orders.cancel(entries)
        notes = (f"{len(entries)} resting entries cancelled",) if entries else ()
        held = [position for position in listed if position.quantity]
        if not held:
            return done(self._desk, command, OutcomeStatus.DONE, notes=(*notes, "already flat"))
        return await self._send(command, [(position, None) for position in held], notes)

    def _position(self, ref: PositionRef) -> Position:
        return self._desk.ledger.position(ref.book_id, ref.instrument_id, ref.side)

    async def _send(
        self,
        command: Command,
        wanted: Sequence[tuple[Position, Decimal | None]],
        notes: tuple[str, ...],
    ) -> Outcome:
        desk = self._desk
        async with desk.section:
            changes = Changes()
            intents = [
                intent
                for position, quantity in wanted
                for intent in self._intents(command, position, quantity)
            ]
            # A command that a crash cut off is carried out again: what it has placed stands.
            new = [i for i in intents if desk.find_order(i.client_order_id) is None]
            cleared = self._orders.check(new, changes, from_person=True)
            await desk.commit(changes)
        await self._exits.send(cleared)
        after = [desk.find_order(order.client_order_id) or order for order in intents]
        return self._outcome(command, after, len(wanted), notes)

    def _intents(
        self, command: Command, position: Position, quantity: Decimal | None
    ) -> tuple[Order, ...]:
        desk = self._desk
        instrument = desk.instruments[position.instrument_id]
        price = desk.price(instrument.id) or position.average_price
        held = closable(desk, position.book_id, instrument.id)
        size = min(held, quantity or held)
        size = instrument.round_quantity(size)
        if price is None or not size:
            return ()
        change = PositionChange(side=closing_side(position.quantity), quantity=size, reduces=True)
        context = IntentContext(
            account_id=desk.account.id,
            book_id=position.book_id,
            instrument=instrument,
            cause=f"command {command.command_id}",
            now=desk.clock.now(),
            price=price,
            policy=DEFAULT_POLICY,
            reason="manual close",
            group_id=desk.group(position.book_id, instrument.id),
        )
        return build_orders((change,), context)

    def _outcome(
        self, command: Command, orders: Sequence[Order], wanted: int, notes: tuple[str, ...]
    ) -> Outcome:
        desk = self._desk
        failed = [order for order in orders if order.state in _FAILED]
        problems = [f"{o.instrument_id} not closed: {o.message}" for o in failed]
        if len(orders) < wanted:
            problems.append("a remainder is below the venue's smallest quantity")
        if problems and len(failed) == len(orders):
            return refused(
                desk, command, "; ".join(problems), next_step="the positions are still open"
            )
        if problems:
            return partial(
                desk,
                command,
                "; ".join(problems),
                orders=orders,
                notes=notes,
                next_step="/positions shows what is still open",
            )
        return done(desk, command, OutcomeStatus.SENT, orders=orders, notes=notes)
