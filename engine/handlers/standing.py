"""Targets act when they change; what fills after that is brought back to the one that stands.

An entry may fill while its cancel is on its way, or be found filled after a restart. And the exit
of a flat target may be refused, or end unfilled. Nothing here ever adds.
"""

from collections.abc import Sequence
from datetime import datetime

from engine.desk.closing import at_most, closable
from engine.desk.state import Changes, Desk
from engine.desk.worth import run_worth
from engine.domain.accounts import TradingState
from engine.domain.ids import InstrumentId, RunId
from engine.domain.instruments import Instrument
from engine.domain.money import ZERO
from engine.domain.orders import Fill, Order, OrderPurpose
from engine.domain.policies import DEFAULT_POLICY
from engine.domain.runs import Run, StandingTarget
from engine.execution.intents import IntentContext, build_orders
from engine.execution.leaving import closes, goes_at_once, rests
from engine.handlers.backoff import Backoff
from engine.handlers.exits import Exits
from engine.handlers.orders import Orders
from engine.portfolio.sizing import BookState, SizingRules
from engine.portfolio.sizing import changes as sized


def book_state(desk: Desk, run: Run, instrument: Instrument) -> BookState | None:
    """Return what sizing may use of a run; None while something has no price."""
    price, rate = desk.price(instrument.id), desk.rate(instrument)
    worth = run_worth(desk, run)
    if price is None or rate is None or worth.equity is None:
        return None
    return BookState(
        quantity=desk.ledger.quantity(run.book_id, instrument.id),
        equity=worth.equity,
        cash=worth.cash,
        price=price,
        rate=rate,
    )


def sizing_rules(desk: Desk) -> SizingRules:
    return SizingRules(
        allow_short=desk.account.allow_short,
        spend_quote=desk.venue.capabilities.quote_quantity,
    )


class Standing:
    """Shrinks positions that their runs' standing targets do not ask for."""

    def __init__(self, desk: Desk, orders: Orders, exits: Exits) -> None:
        self._desk = desk
        self._orders = orders
        self._exits = exits
        self._rules = sizing_rules(desk)
        self._patience: Backoff[tuple[RunId, InstrumentId]] = Backoff()
        self._in_order: tuple[object, ...] | None = None  # what the last look saw, if all was

    async def filled(self, order: Order, fill: Fill) -> None:
        """Shrink what an entry has filled after its decision no longer stood."""
        run = self._desk.runs.get(RunId(order.book_id))
        standing = None if run is None else run.targets.get(order.instrument_id)
        if run is None or standing is None or order.purpose is not OrderPurpose.ENTRY:
            return
        if order.ts_init < self._since(run, standing) or self._is_flat(standing):
            await self._shrink(run, order.instrument_id, f"fill {fill.key}")

    def has_work(self) -> bool:
        """Tell whether a run holds what its target does not ask for, or has an order too many."""
        if self._patience:
            return True
        desk = self._desk
        orders = desk.orders.all_open
        seen = (orders, tuple(desk.runs.values()), desk.ledger.positions(), desk.trading_state)
        if seen == self._in_order:  # nothing has changed since all was
            return False
        found = bool(self._left_over()) or any(map(self._is_stale, orders))
        self._in_order = None if found else seen
        return found

    def _left_over(self) -> list[tuple[Run, StandingTarget, InstrumentId]]:
        """Return what runs hold though their targets are flat."""
        runs = self._desk.runs
        found: list[tuple[Run, StandingTarget, InstrumentId]] = []
        for held in self._desk.ledger.positions():
            name, run = held.instrument_id, runs.get(RunId(held.book_id))
            standing = None if run is None else run.targets.get(name)
            if run is None or standing is None or name in run.wait_for_change:
                continue
            if self._is_flat(standing):
                found.append((run, standing, name))
        return found

    async def watch(self, due: datetime) -> None:
        """Close what a run holds though its target is flat; less and less often if it fails.

        Entries whose decision no longer stands are cancelled once more: the venue may say that one
        works whose cancel was lost. So are exits that wait at their limits with nothing to close.
        """
        desk = self._desk
        asking = desk.activity.is_asking
        stale = [o for o in desk.orders.values() if self._is_stale(o)]
        await self._orders.cancel([o for o in stale if not asking(o.instrument_id)])
        left = [(r, s, name) for r, s, name in self._left_over() if self._can_be_sold(r, name)]
        self._patience.keep({(run.id, name) for run, _, name in left})
        for run, standing, instrument_id in left:
            key = (run.id, instrument_id)
            if self._is_leaving(run, instrument_id):
                continue
            if self._patience.is_due(key, desk.wall.now()):
                cause = f"flat since {standing.bar_time.isoformat()} at {due.isoformat()}"
                await self._shrink(run, instrument_id, cause)

    def _is_stale(self, order: Order) -> bool:
        desk = self._desk
        if not order.is_working:
            return False
        if rests(order):  # it would shrink what is entered next
            return not closes(order, desk.position(order.book_id, order.instrument_id).quantity)
        if order.purpose is not OrderPurpose.ENTRY:
            return False
        run = desk.runs.get(RunId(order.book_id))
        if desk.trading_state is TradingState.HALTED:
            return True
        if run is None:
            return False
        standing = run.targets.get(order.instrument_id)
        late = standing is not None and order.ts_init < self._since(run, standing)
        return late or not run.may_enter

    def _since(self, run: Run, standing: StandingTarget) -> datetime:
        """Return when the target that stands was decided: its bar's end."""
        return standing.bar_time + run.timeframe.delta

    def _is_flat(self, standing: StandingTarget) -> bool:
        return not standing.target or (standing.target < 0 and not self._rules.allow_short)

    def _can_be_sold(self, run: Run, instrument_id: InstrumentId) -> bool:
        desk = self._desk
        price = desk.price(instrument_id)
        held = closable(desk, run.book_id, instrument_id)
        return (
            bool(held)
            and price is not None
            and not desk.instruments[instrument_id].is_dust(held, price)
        )

    def _is_leaving(self, run: Run, instrument_id: InstrumentId) -> bool:
        return any(goes_at_once(o) for o in self._desk.orders_of(run.book_id, instrument_id))

    async def _shrink(self, run: Run, instrument_id: InstrumentId, cause: str) -> None:
        desk = self._desk
        if desk.trading_state is TradingState.HALTED:
            return  # killed: what is open is kept, until a person says otherwise
        async with desk.section:
            if self._is_leaving(run, instrument_id):
                return
            changes = Changes()
            current = desk.runs[run.id]
            ready = self._intents(current, instrument_id, cause, changes)
            await desk.commit(changes)
        await self._exits.send(ready)

    def _intents(
        self, run: Run, instrument_id: InstrumentId, cause: str, changes: Changes
    ) -> Sequence[Order]:
        desk = self._desk
        instrument = desk.instruments[instrument_id]
        standing = run.targets.get(instrument_id)
        book = book_state(desk, run, instrument)
        if standing is None or book is None:
            return ()
        held = closable(desk, run.book_id, instrument_id)
        steps = [
            at_most(held, step)
            for step in sized(standing.target, standing.unit, book, instrument, self._rules)
            if step.reduces
        ]
        context = IntentContext(
            account_id=desk.account.id,
            book_id=run.book_id,
            instrument=instrument,
            cause=cause,
            now=desk.clock.now(),
            price=book.price,
            policy=DEFAULT_POLICY,
            reason=standing.tag or "signal",
            group_id=desk.group(run.book_id, instrument_id),
        )
        orders = build_orders([step for step in steps if step.quantity > ZERO], context)
        new = [order for order in orders if desk.find_order(order.client_order_id) is None]
        return self._orders.check(new, changes, from_person=False)
