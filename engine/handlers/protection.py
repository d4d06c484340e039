"""Bring what rests at the venue in line with the exit plans; measure what is unprotected."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk.closing import closable
from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.bars import Bar
from engine.domain.events import StopMissing
from engine.domain.ids import ClientOrderId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.domain.policies import DEFAULT_POLICY, PositionChange
from engine.domain.records import ExitPlanState
from engine.execution.exits import after_bar, is_due
from engine.execution.intents import IntentContext, build_orders, closing_side
from engine.execution.protection import group_of, is_protected, protect
from engine.handlers.orders import Orders


@dataclass(frozen=True, slots=True)
class ProtectiveOrders:
    """What to do at the venue once its intents are committed."""

    place: tuple[Order, ...] = ()
    cancel: tuple[Order, ...] = ()


NOTHING_TO_DO = ProtectiveOrders()

_ON_ITS_WAY = timedelta(seconds=3)
_REFUSALS = 3  # a stop that the venue has refused this often is left at the market


def key_of(order: Order) -> PlanKey:
    """Return the plan that a protective order belongs to."""
    return (order.book_id, order.instrument_id, order.position_side)


class Protection:
    """The persisted exit plans at work.

    Attributes:
        taken_back: Exits in doubt that the venue was asked to cancel: they protect nothing, and
            others may take their place.
    """

    def __init__(
        self, desk: Desk, orders: Orders, before_stop: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._before_stop = before_stop
        self._measured: dict[PlanKey, datetime] = {}
        self._refusals: Counter[PlanKey] = Counter()
        self.taken_back: set[ClientOrderId] = set()

    def intents(
        self, key: PlanKey, plan: ExitPlanState | None, changes: Changes
    ) -> ProtectiveOrders:
        """Inside the section: note the protective intents of one position in `changes`."""
        desk = self._desk
        working = self._working(key, changes)
        if plan is None and not working:
            return NOTHING_TO_DO
        instrument_id = key[1]
        wanted = protect(
            plan,
            self._held(key),
            working,
            desk.instruments[instrument_id],
            now=desk.clock.now(),
            hold_targets=desk.venue.capabilities.linked_exits,
            is_known=lambda name: desk.find_order(name) is not None,
        )
        place = self._orders.check(wanted.place, changes, from_person=False)
        return ProtectiveOrders(tuple(place), wanted.cancel)

    def _working(self, key: PlanKey, changes: Changes) -> list[Order]:
        """Return the protective orders that are open once `changes` is applied."""
        orders = (
            changes.orders.get(order.client_order_id, order)
            for order in self._desk.protective_orders(key)
        )
        return [
            order
            for order in orders
            if not order.state.is_terminal and not self._is_taken_back(order)
        ]

    def _is_taken_back(self, order: Order) -> bool:
        """Tell whether an exit in doubt was cancelled: one that turns up after all counts again."""
        return order.state is OrderState.UNKNOWN and order.client_order_id in self.taken_back

    def _held(self, key: PlanKey) -> Decimal:
        """Return what is to be protected, signed: the smaller of ours and the venue's."""
        quantity = self._desk.position(key[0], key[1]).quantity
        return closable(self._desk, key[0], key[1]).copy_sign(quantity)

    async def carry_out(self, adjustment: ProtectiveOrders) -> None:
        """Place first, cancel after: the old stop works until the new one does.

        Where an exit holds what it will sell, the old one goes first: the venue would refuse the
        new one for want of the asset.
        """
        place, cancel = adjustment.place, adjustment.cancel
        if place and cancel and self._holds_what_it_sells(place[0]):
            await self._orders.cancel(cancel)
            cancel = ()
        sent = await self._place(place) if place else ()
        if cancel and all(order.is_working or order.state is OrderState.FILLED for order in sent):
            await self._orders.cancel(cancel)
        for order in sent:
            if order.state is OrderState.REJECTED and order.purpose is OrderPurpose.STOP:
                await self._refused_stop(order)

    async def _place(self, orders: tuple[Order, ...]) -> tuple[Order, ...]:
        if self._before_stop is not None:
            await self._before_stop()
        sent = await self._orders.send(orders)
        for order in sent:
            if order.is_working:
                self._refusals.pop(key_of(order), None)
        return sent

    def _holds_what_it_sells(self, order: Order) -> bool:
        instrument = self._desk.instruments[order.instrument_id]
        linked = self._desk.venue.capabilities.linked_exits
        return instrument.kind is InstrumentKind.SPOT and not linked

    # --- stops that the venue does not take --------------------------------------------------

    async def _refused_stop(self, order: Order) -> None:
        """Leave at the market when a stop can't rest: its price has been passed, or it is refused
        again and again. A position that asked for a stop is not left without one.
        """
        desk = self._desk
        key = key_of(order)
        price, trigger = desk.price(order.instrument_id), order.trigger_price
        passed = False
        if price is not None and trigger is not None:
            passed = (price - trigger) * order.side.sign >= ZERO
        self._refusals[key] += 1
        plan = desk.plans.get(key)
        if plan is None or not (passed or self._refusals[key] >= _REFUSALS):
            return
        if not passed and self._is_protected(key, plan):
            return
        async with desk.section:
            changes = Changes()
            cause = f"refused {order.client_order_id}"
            leaving = self._at_market(key, plan, cause, order.reason, changes, sure=True)
            await desk.commit(changes)
        await self._orders.send(leaving.place)

    async def restore(self, key: PlanKey) -> None:
        """Diff one position's exits against the venue now: after a refusal, at a start."""
        async with self._desk.section:
            changes = Changes()
            adjustment = self.intents(key, self._desk.plans.get(key), changes)
            await self._desk.commit(changes)
        await self.carry_out(adjustment)

    async def restore_all(self) -> None:
        """The same for every position: exits of open ones are placed, the others removed."""
        desk = self._desk
        left = {
            (order.book_id, order.instrument_id, order.position_side): None
            for order in desk.orders.values()
            if order.purpose.protects
        }
        for key in (*desk.plans, *(key for key in left if key not in desk.plans)):
            await self.restore(key)

    async def on_bars(self, bars: tuple[Bar, ...]) -> None:
        """Move the plans on by the bars that closed: trail, break even, time out."""
        desk = self._desk
        if not desk.plans:
            return
        adjustments: list[ProtectiveOrders] = []
        async with desk.section:
            changes = Changes()
            for bar in bars:
                for key, plan in list(desk.plans.items()):
                    if key[1] == bar.instrument_id and self._is_own_bar(key, bar):
                        adjustments.append(self._step(key, plan, bar, changes))
            await desk.commit(changes)
        for adjustment in adjustments:
            await self.carry_out(adjustment)

    def _is_own_bar(self, key: PlanKey, bar: Bar) -> bool:
        """A run's plan counts its own time frame's bars; a manual one any."""
        run = next((r for r in self._desk.runs.values() if r.book_id == key[0]), None)
        return run is None or run.timeframe == bar.timeframe

    def _step(
        self, key: PlanKey, plan: ExitPlanState, bar: Bar, changes: Changes
    ) -> ProtectiveOrders:
        moved = after_bar(plan, bar)
        if moved is plan:
            return NOTHING_TO_DO
        changes.plans[key] = moved
        if is_due(moved):
            return self._at_market(key, moved, f"time {moved.last_bar}", "max_bars", changes)
        if moved.stop_price == plan.stop_price:
            return NOTHING_TO_DO
        return self.intents(key, moved, changes)

    def _at_market(
        self,
        key: PlanKey,
        plan: ExitPlanState,
        cause: str,
        reason: str,
        changes: Changes,
        *,
        sure: bool = False,
    ) -> ProtectiveOrders:
        """Note an exit of the whole position, unless one is under way.

        Args:
            sure: Also while trading is halted: it takes the place of a stop.
        """
        desk = self._desk
        book_id, instrument_id, _ = key
        held = self._held(key)
        price = desk.price(instrument_id)
        if self._is_leaving(key) or price is None or not held:
            return NOTHING_TO_DO
        change = PositionChange(side=closing_side(held), quantity=abs(held), reduces=True)
        context = IntentContext(
            account_id=desk.account.id,
            book_id=book_id,
            instrument=desk.instruments[instrument_id],
            cause=cause,
            now=desk.clock.now(),
            price=price,
            policy=DEFAULT_POLICY,
            reason=reason,
            group_id=group_of(plan),
        )
        orders = build_orders((change,), context)
        return ProtectiveOrders(tuple(self._orders.check(orders, changes, from_person=sure)))

    def _is_leaving(self, key: PlanKey) -> bool:
        return any(
            order.purpose is OrderPurpose.EXIT for order in self._desk.orders_of(key[0], key[1])
        )

    # --- watching ----------------------------------------------------------------------------

    async def measure(self) -> None:
        """Add up unprotected time and tell of a stop that has been missing since the last look."""
        desk = self._desk
        now = desk.clock.now()
        self._measured = {key: at for key, at in self._measured.items() if key in desk.plans}
        missing = [key for key, plan in desk.plans.items() if not self._is_protected(key, plan)]
        async with desk.section:
            changes = Changes()
            for key, plan in list(desk.plans.items()):
                self._measure_one(key, plan, key in missing, now, changes)
            await desk.commit(changes)
        for key in missing:
            await self.restore(key)

    def _measure_one(
        self, key: PlanKey, plan: ExitPlanState, missing: bool, now: datetime, changes: Changes
    ) -> None:
        since = plan.unprotected_since
        if missing and since is None:
            self._measured[key] = now
            changes.plans[key] = replace(plan, unprotected_since=now)
        elif since is not None:
            # After a restart it counts from the first look: nobody could place a stop before.
            self._desk.unprotected_seconds += _seconds(self._measured.get(key, now), now)
            self._measured[key] = now
            if not missing:
                changes.plans[key] = replace(plan, unprotected_since=None)
            elif since < now and now - since >= self._patience:
                changes.events.append(self._stop_missing(key, plan))

    def _is_protected(self, key: PlanKey, plan: ExitPlanState) -> bool:
        return is_protected(plan, self._held(key), self._desk.protective_orders(key))

    @property
    def _patience(self) -> timedelta:
        """How long a stop may be on its way before people hear of it."""
        return timedelta(0) if self._desk.venue.capabilities.replayed else _ON_ITS_WAY

    def _stop_missing(self, key: PlanKey, plan: ExitPlanState) -> StopMissing:
        desk = self._desk
        since = plan.unprotected_since
        return StopMissing(
            **desk.fact("stop missing", *key, str(plan.entry_quantity), str(plan.stop_price)),
            book_name=desk.book_name(key[0]),
            instrument_id=key[1],
            quantity=desk.position(key[0], key[1]).quantity,
            message=f"no stop works at the venue since {since:%H:%M:%S} UTC; placing it now",
        )


def _seconds(start: datetime, end: datetime) -> Decimal:
    return Decimal(str((end - start).total_seconds()))
