"""Bring what rests at the venue in line with the exit plans, by fills, bars and refusals."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from engine.desk.state import Changes, Desk, PlanKey
from engine.domain.bars import Bar
from engine.domain.ids import ClientOrderId
from engine.domain.instruments import InstrumentKind
from engine.domain.money import ZERO, exact
from engine.domain.orders import Order, OrderPurpose, OrderState, OrderType
from engine.domain.policies import DEFAULT_POLICY, PositionChange
from engine.domain.records import ExitPlanState
from engine.execution.exits import after_bar, is_due, reached, wanted_exits
from engine.execution.intents import IntentContext, build_orders, closing_side
from engine.execution.leaving import goes_at_once
from engine.execution.protection import (
    group_of,
    has_stops_to_spare,
    is_protected,
    protect,
    rung_at_market,
)
from engine.handlers.backoff import Backoff
from engine.handlers.exits import Exits, key_of
from engine.handlers.orders import Orders
from engine.handlers.together import together
from engine.handlers.unprotected import Unprotected
from engine.ports import ExitStyle


@dataclass(frozen=True, slots=True)
class ProtectiveOrders:
    """What to do at the venue once its intents are committed."""

    place: tuple[Order, ...] = ()
    cancel: tuple[Order, ...] = ()


NOTHING_TO_DO = ProtectiveOrders()

_FILL_ON_ITS_WAY = timedelta(seconds=3)
_REFUSALS = 3  # a stop that the venue has refused this often is left at the market
_ENTRY_LAG = timedelta(seconds=5)  # a bar that began longer before the entry tells what it missed


class Protection:
    """The persisted exit plans at work.

    Attributes:
        exits: The way of every exit to the venue.
    """

    def __init__(
        self, desk: Desk, orders: Orders, before_stop: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._before_stop = before_stop
        self._refusals: Counter[PlanKey] = Counter()
        self._patience: Backoff[PlanKey] = Backoff()
        self._answering: set[PlanKey] = set()
        self._unprotected = Unprotected(desk)
        self._well: tuple[object, ...] | None = None  # what the last look saw, if all was well
        self.exits = Exits(desk, orders, self.restore)

    def intents(
        self, key: PlanKey, plan: ExitPlanState | None, changes: Changes
    ) -> ProtectiveOrders:
        """Inside the section: note the protective intents of one position in `changes`."""
        desk = self._desk
        working = self._working(key, changes)
        if plan is None and not working:
            return NOTHING_TO_DO
        in_the_way = self.exits.at_limits(key)
        if plan is not None and in_the_way:
            return ProtectiveOrders(cancel=tuple(o for o in in_the_way if o.is_working))
        instrument_id = key[1]
        wanted = protect(
            plan,
            self._to_protect(key, changes),
            working,
            desk.instruments[instrument_id],
            now=desk.clock.now(),
            style=self.exits.style(key),
            reduce_only=self.exits.is_backed(key),
            is_known=self._is_known,
        )
        if self._is_all_leaving(key, changes) or self._is_out_of_reach(key):
            return ProtectiveOrders(cancel=wanted.cancel if plan is None else ())
        place = self._orders.check(wanted.place, changes, from_person=False)
        return ProtectiveOrders(tuple(place), wanted.cancel)

    def beside(self, key: PlanKey, changes: Changes) -> list[ProtectiveOrders]:
        """Inside the section: the same for the other positions in the instrument.

        Their reduce-only exits live on the venue's net, which a fill of this one has moved.
        """
        desk = self._desk
        if desk.venue.capabilities.exits is not ExitStyle.SIDE_BY_SIDE:
            return []
        others = [k for k in desk.plans if k[1] == key[1] and k != key]
        return [self.intents(k, changes.plans.get(k, desk.plans[k]), changes) for k in others]

    def _is_all_leaving(self, key: PlanKey, changes: Changes) -> bool:
        """Tell whether exits under way sell all of it: what rests beside them is left as it is."""
        if self.exits.style(key) is not ExitStyle.SIDE_BY_SIDE:
            return False
        held = self._held(key)
        return bool(held) and self.exits.leaving(key, changes) >= abs(held)

    def _is_known(self, name: ClientOrderId) -> bool:
        return self._desk.find_order(name) is not None

    def _working(self, key: PlanKey, changes: Changes) -> list[Order]:
        """Return the protective orders that are open once `changes` is applied."""
        orders = (
            changes.orders.get(order.client_order_id, order)
            for order in self._desk.protective_orders(key)
        )
        return [
            order
            for order in orders
            if not order.state.is_terminal and not self.exits.is_taken_back(order)
        ]

    def _held(self, key: PlanKey) -> Decimal:
        """Return what is still there of the position, signed: the smaller of ours and theirs."""
        quantity = self._desk.position(key[0], key[1]).quantity
        return self.exits.held(key).copy_sign(quantity)

    def _is_out_of_reach(self, key: PlanKey) -> bool:
        """Tell whether the venue would take no exit now: what rests is left as it is."""
        return self._is_gone(key) or self._is_too_little(key)

    def _is_gone(self, key: PlanKey) -> bool:
        """Tell whether the venue has just said that nothing is left; its fill is not booked yet.

        Not believed for long: a position without its stop is worse than another refusal.
        """
        desk, gone = self._desk, self._orders.gone
        if key not in gone:
            return False
        held, at = gone[key]
        same = desk.position(key[0], key[1]).quantity == held
        if same and desk.wall.now() - at < _FILL_ON_ITS_WAY:
            return True
        del gone[key]
        return False

    def _is_too_little(self, key: PlanKey) -> bool:
        """Tell whether the venue takes no order for what is held: nothing can protect or close it.

        E.g. the first bit of an entry that fills on. What reduces only may be of any value.
        """
        desk = self._desk
        instrument, price = desk.instruments[key[1]], desk.price(key[1])
        reduces = desk.venue.capabilities.reduce_only and instrument.kind is not InstrumentKind.SPOT
        if price is None or (reduces and self.exits.is_backed(key)):
            return False
        return instrument.is_dust(self._held(key), price)

    def _to_protect(self, key: PlanKey, changes: Changes) -> Decimal:
        """Return what exits are to rest for: where they lock it, not what is about to be sold."""
        held = self._held(key)
        if self.exits.style(key) is not ExitStyle.ONE_AT_A_TIME:
            return held
        with exact():
            return max(abs(held) - self.exits.leaving(key, changes), ZERO).copy_sign(held)

    async def carry_out(self, adjustment: ProtectiveOrders) -> None:
        """Place first, cancel after: the old stop works until the new one does.

        Where a resting exit locks what it sells the old one goes first, and on the venue's word
        that it has ended the diff is made again: the new one is for what is held then. One of
        before the position turned round locks nothing of it.
        """
        place = tuple(order for order in adjustment.place if not goes_at_once(order))
        cancel = adjustment.cancel
        if len(place) < len(adjustment.place):
            await self.exits.send([order for order in adjustment.place if order not in place])
        has_turned = bool(cancel and place) and cancel[0].side is not place[0].side
        if cancel and not has_turned and self._locks(cancel[0]):
            await self._make_way(cancel)
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
            if order.is_working and order.purpose is OrderPurpose.STOP:
                self._refusals.pop(key_of(order), None)
                self._patience.forget(key_of(order))
        return sent

    def _locks(self, order: Order) -> bool:
        return self.exits.style(key_of(order)) is ExitStyle.ONE_AT_A_TIME

    async def _make_way(self, resting: tuple[Order, ...]) -> None:
        """Cancel what locks, and place what comes after it once all of that has ended.

        Where the venue has not said so, its word or the watch is what comes next.
        """
        await self._orders.cancel(resting)
        await self.exits.hear(resting)
        waiting = {key_of(o) for o in resting if o.client_order_id in self._desk.orders}
        for key in dict.fromkeys(key_of(order) for order in resting):
            if key in self._desk.plans and key not in waiting:
                await self.restore(key)

    # --- stops that the venue does not take --------------------------------------------------

    async def _refused_stop(self, order: Order) -> None:
        """Leave at the market when a stop can't rest: its price has been passed, or it is refused
        again and again. A position that asked for a stop is not left without one.
        """
        desk = self._desk
        key = key_of(order)
        if self._is_gone(key):
            return
        price, trigger = desk.price(order.instrument_id), order.trigger_price
        passed = order.client_order_id in self._orders.passed
        self._orders.passed.discard(order.client_order_id)
        if price is not None and trigger is not None:
            passed = passed or (price - trigger) * order.side.sign >= ZERO
        if not passed and any(map(self.exits.is_taken_back, desk.protective_orders(key))):
            return  # the one that it follows may be there after all, and lock what this one is for
        self._refusals[key] += 1
        plan = desk.plans.get(key)
        if plan is None or key in self._answering:
            return  # the exit that takes the stop's place has failed as well: later
        if not (passed or self._refusals[key] >= _REFUSALS):
            return
        if not passed and self._is_protected(key, plan):
            return
        async with desk.section:
            changes = Changes()
            cause = f"refused {order.client_order_id}"
            leaving = self._at_market(key, plan, cause, order.reason, changes, sure=True)
            await desk.commit(changes)
        self._answering.add(key)
        try:
            await self.exits.send(leaving.place)
            await self._orders.cancel(leaving.cancel)
        finally:
            self._answering.discard(key)

    async def restore(self, key: PlanKey) -> None:
        """Diff one position's exits against the venue now: after a refusal, at a start."""
        await self.exits.release(key)
        if key in self._answering:
            return  # an exit takes the stop's place; if it fails, the watch is next
        await self.exits.hear_of_cancels(key)
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
        await together(desk, self.carry_out, adjustments)

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
        taking = self._rungs(key, moved, bar, changes)
        if moved.stop_price == plan.stop_price and not taking:
            return NOTHING_TO_DO
        resting = self.intents(key, moved, changes)
        return ProtectiveOrders((*taking, *resting.place), resting.cancel)

    def _rungs(self, key: PlanKey, plan: ExitPlanState, bar: Bar, changes: Changes) -> list[Order]:
        """Note exits at the market for rungs that can't rest and whose price the bar has reached.

        A rung counts as taken when its exit has filled; while one is under way it is not taken
        again.
        """
        if not plan.plan.take_profits or self.exits.style(key) is not ExitStyle.ONE_AT_A_TIME:
            return []
        desk = self._desk
        held, opened_at = self._held(key), desk.position(key[0], key[1]).opened_at
        whole = opened_at is None or bar.timestamp >= opened_at - _ENTRY_LAG
        instrument = desk.instruments[key[1]]
        exits = wanted_exits(plan, held, instrument, join_small=True)
        rungs = reached(exits, bar, 1 if held > 0 else -1, whole=whole)
        under_way = [
            order
            for order in desk.protective_orders(key)
            if order.purpose is OrderPurpose.TAKE_PROFIT and order.order_type is OrderType.MARKET
        ]
        now = desk.clock.now()
        orders = [
            rung_at_market(plan, held, rung, now, self._is_known)
            for rung in rungs[len(under_way) :]
        ]
        return self._orders.check(orders, changes, from_person=False)

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

        It takes the place of those that wait at their limits.

        Args:
            sure: Also while trading is halted: it takes the place of a stop.
        """
        desk = self._desk
        book_id, instrument_id, _ = key
        held = self._held(key)
        price = desk.price(instrument_id)
        if self._is_leaving(key) or price is None or self._is_out_of_reach(key) or not held:
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
        if desk.find_order(orders[0].client_order_id) is not None:
            return NOTHING_TO_DO
        place = tuple(self._orders.check(orders, changes, from_person=sure))
        waiting = tuple(order for order in desk.orders_of(*key[:2]) if self.exits.rests(order))
        return ProtectiveOrders(place, waiting if place else ())

    def _is_leaving(self, key: PlanKey) -> bool:
        return any(
            order.purpose is OrderPurpose.EXIT and not self.exits.rests(order)
            for order in self._desk.orders_of(key[0], key[1])
        )

    # --- watching ----------------------------------------------------------------------------

    async def measure(self) -> None:
        """Add up unprotected time; place the stops that are missing, less often if refused.

        Asked by the second, so that it looks only where something has changed since all was well.
        """
        desk = self._desk
        seen = self._everything()
        if seen == self._well:
            return
        missing = [key for key, plan in desk.plans.items() if not self._is_protected(key, plan)]
        spare = [key for key in desk.plans if self._has_some_to_spare(key)]
        waits = any(plan.unprotected_since is not None for plan in desk.plans.values())
        self._well = None if missing or spare or waits else seen
        await self._unprotected.measure(missing)
        now = desk.wall.now()
        late = [k for k in missing if not self._refusals[k] or self._patience.is_due(k, now)]
        late += spare
        await together(desk, self.restore, late)

    def has_news(self) -> bool:
        """Tell whether anything is not well with the stops, or has changed since all was."""
        return bool(self._desk.plans) and self._everything() != self._well

    def _everything(self) -> tuple[object, ...]:
        """Return all that a look depends on; what is in it never changes, so comparing is cheap."""
        desk, told = self._desk, self._orders.told
        return (
            tuple(desk.plans.items()),
            tuple(desk.price(key[1]) for key in desk.plans),
            desk.orders.all_open,
            desk.ledger.positions(),
            desk.ledger.cash(),
            tuple(desk.outside.rows.values()),
            tuple(desk.outside.opening.items()),
            tuple((filled, desk.find_order(name)) for name, filled in told.items()),
        )

    def _has_some_to_spare(self, key: PlanKey) -> bool:
        """Tell whether something rests on that another one has taken, or takes, the place of."""
        if self.exits.style(key) is not ExitStyle.SIDE_BY_SIDE:
            return bool(self.exits.at_limits(key))
        return has_stops_to_spare(self._desk.protective_orders(key))

    def _is_protected(self, key: PlanKey, plan: ExitPlanState) -> bool:
        instrument = self._desk.instruments[key[1]]
        orders = self._desk.protective_orders(key)
        covered = is_protected(plan, self._held(key), orders, instrument)
        return covered or self._is_too_little(key)
