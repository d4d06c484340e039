"""Bars closed: marks, exits, then what the strategies want - in one commit, sent after it."""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from engine.desk.closing import at_most, closable
from engine.desk.state import Changes, Desk
from engine.domain.adjustments import Adjustment, PositionState
from engine.domain.bars import Bar, Timeframe
from engine.domain.ids import InstrumentId, RunId
from engine.domain.orders import Order, OrderPurpose, OrderState
from engine.domain.policies import DEFAULT_POLICY, PositionChange, Signal, TargetUnit
from engine.domain.rates import Mark
from engine.domain.records import ExitPlanState
from engine.domain.runs import Run, StandingTarget
from engine.execution.exits import replanned
from engine.execution.intents import IntentContext, build_orders, followed
from engine.handlers.feeds import Feeds
from engine.handlers.orders import Orders
from engine.handlers.protection import Protection, ProtectiveOrders
from engine.handlers.runs import Runs
from engine.handlers.standing import book_state, sizing_rules
from engine.handlers.together import together
from engine.portfolio.sizing import changes as sized
from engine.ports import BarsClosed, Evaluation


class BarCloses:
    """From closed bars to orders on their way."""

    def __init__(
        self, desk: Desk, orders: Orders, protection: Protection, runs: Runs, feeds: Feeds
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._protection = protection
        self._runs = runs
        self._feeds = feeds
        self._active: dict[tuple[InstrumentId, Timeframe], tuple[RunId, ...]] = {}
        self._active_of: dict[RunId, Run] = {}
        self._rules = sizing_rules(desk)

    async def closed(self, message: BarsClosed) -> None:
        """Take in the bars of one instant."""
        desk = self._desk
        bars = await self._feeds.arrived(message.bars)
        for bar in bars:
            desk.marks[bar.instrument_id] = Mark(bar.close, message.time)
        if desk.plans:
            await self._protection.on_bars(bars)
        if desk.orders:
            await self.expire(message.time)
        due = await self._feeds.deciding(self._due(bars), bars)
        if due:
            positions = self._positions(due) if desk.plans else ()
            evaluations = await desk.host.evaluate(due, bars, positions)
            for evaluation in evaluations:  # a loop, not any(): half a million bars pass here
                if evaluation.signals or evaluation.failure or evaluation.adjustments:
                    await self.act(evaluations)
                    break

    def _due(self, bars: Sequence[Bar]) -> tuple[RunId, ...]:
        """Return the active runs that one of the bars belongs to."""
        if self._desk.runs != self._active_of:
            self._index()
        if len(bars) == 1:
            return self._active.get((bars[0].instrument_id, bars[0].timeframe), ())
        found: dict[RunId, None] = {}
        for bar in bars:
            for run_id in self._active.get((bar.instrument_id, bar.timeframe), ()):
                found[run_id] = None
        return tuple(found)

    def _index(self) -> None:
        self._active = {}
        self._active_of = dict(self._desk.runs)
        for run in self._active_of.values():
            for instrument_id in run.instrument_ids if run.is_active else ():
                key = (instrument_id, run.timeframe)
                self._active[key] = (*self._active.get(key, ()), run.id)

    def _positions(self, due: Sequence[RunId]) -> tuple[PositionState, ...]:
        """Return what `adjust` may see of the runs' open positions."""
        desk = self._desk
        found: list[PositionState] = []
        for run_id in due:
            loaded = desk.loaded.get(run_id)
            if loaded is None or not loaded.adjusts:
                continue
            run = desk.runs[run_id]
            for (book_id, instrument_id, _), plan in desk.plans.items():
                if book_id == run.book_id:
                    found.append(self._position(run, instrument_id, plan))
        return tuple(found)

    def _position(
        self, run: Run, instrument_id: InstrumentId, plan: ExitPlanState
    ) -> PositionState:
        position = self._desk.position(run.book_id, instrument_id)
        standing = run.targets.get(instrument_id)
        return PositionState(
            run_id=run.id,
            instrument_id=instrument_id,
            quantity=position.quantity,
            average_entry=position.average_price or plan.entry_price,
            bars_held=plan.bars_held,
            opened_at=position.opened_at or self._desk.clock.now(),
            tag=plan.tag,
            target=None if standing is None else standing.target,
            unit=TargetUnit.FRACTION if standing is None else standing.unit,
            exit_plan=plan.plan,
            stop_price=plan.stop_price,
        )

    # --- acting ------------------------------------------------------------------------------

    async def act(self, evaluations: Sequence[Evaluation]) -> None:
        """Turn signals into committed intents and send them; pause what failed."""
        desk = self._desk
        stale: list[Order] = []
        ready: list[Order] = []
        protective: list[ProtectiveOrders] = []
        with desk.venue.preparation() as prepare:
            async with desk.section:
                changes = Changes()
                for evaluation in evaluations:
                    for instrument_id, adjustment in evaluation.adjustments:
                        protective += self._replan(
                            evaluation.run_id, instrument_id, adjustment, changes
                        )
                    for signal, adjusts in self._signals(evaluation):
                        orders, old = self._decide(signal, changes, adjusts=adjusts)
                        ready += orders
                        stale += old
                self._orders.withdraw(stale, changes)
                await desk.commit(changes, meanwhile=partial(prepare, self._straight(ready, stale)))
            await self._send(ready, stale)
        await together(desk, self._protection.carry_out, protective)
        for evaluation in evaluations:
            if evaluation.failure:
                await self._runs.failed(evaluation)

    def _straight(self, ready: Sequence[Order], stale: Sequence[Order]) -> list[Order]:
        """Return what leaves as soon as it is stored.

        What waits for a cancel first would be made ready in vain, and counted in the rate budget
        that exits need.
        """
        resting = {order.instrument_id for order in stale}
        exits = self._protection.exits
        return [o for o in ready if o.instrument_id not in resting and exits.goes_straight(o)]

    async def _send(self, ready: Sequence[Order], stale: Sequence[Order]) -> None:
        """Cancel what rests of the last targets, then send what replaces it.

        Where nothing rests, nothing waits: a cancel whose answer is slow is another instrument's.
        """
        exits = self._protection.exits
        if not stale or self._desk.venue.capabilities.replayed:
            await self._orders.cancel(stale)
            await exits.send(ready)
            return
        resting = dict.fromkeys(order.instrument_id for order in stale)

        async def replace_in(names: Container[InstrumentId]) -> None:
            await self._orders.cancel([o for o in stale if o.instrument_id in names])
            await exits.send([o for o in ready if o.instrument_id in names])

        others = {o.instrument_id for o in ready if o.instrument_id not in resting}
        await together(self._desk, replace_in, [others, *((name,) for name in resting)])

    def _signals(self, evaluation: Evaluation) -> list[tuple[Signal, bool]]:
        """Return what to act on: what `decide` says first, then what `adjust` makes of it."""
        decided = [(signal, False) for signal in evaluation.signals]
        if not evaluation.adjustments:
            return decided
        adjusted = [
            (self._adjusted(evaluation.run_id, instrument_id, adjustment), True)
            for instrument_id, adjustment in evaluation.adjustments
            if adjustment.target is not None
        ]
        moved = {signal.instrument_id for signal, _ in adjusted}
        kept = [(signal, _) for signal, _ in decided if signal.instrument_id not in moved]
        return kept + adjusted

    def _adjusted(
        self, run_id: RunId, instrument_id: InstrumentId, adjustment: Adjustment
    ) -> Signal:
        run = self._desk.runs[run_id]
        standing = run.targets.get(instrument_id)
        policy = DEFAULT_POLICY if standing is None else standing.policy
        return Signal(
            run_id=run_id,
            instrument_id=instrument_id,
            bar_time=self._desk.clock.now() - run.timeframe.delta,
            target=adjustment.target,
            unit=adjustment.unit,
            tag=adjustment.tag,
            policy=adjustment.policy or policy,
            exit_plan=adjustment.exit_plan or (None if standing is None else standing.exit_plan),
        )

    def _replan(
        self, run_id: RunId, instrument_id: InstrumentId, adjustment: Adjustment, changes: Changes
    ) -> list[ProtectiveOrders]:
        """Inside the section: give an open position another exit plan; its stop only tightens."""
        if adjustment.exit_plan is None:
            return []
        book_id = self._desk.runs[run_id].book_id
        key = next((k for k in self._desk.plans if k[:2] == (book_id, instrument_id)), None)
        if key is None:
            return []
        state = replanned(self._desk.plans[key], adjustment.exit_plan)
        changes.plans[key] = state
        return [self._protection.intents(key, state, changes)]

    def _decide(
        self, signal: Signal, changes: Changes, *, adjusts: bool
    ) -> tuple[list[Order], list[Order]]:
        """Inside the section: note the new standing target and its intents.

        Returns the intents to send and what rests of the last target, which it replaces.
        """
        desk = self._desk
        run = changes.runs.get(signal.run_id) or desk.runs.get(signal.run_id)
        if run is None or not run.is_active or signal.target is None:
            return [], []
        instrument_id = signal.instrument_id
        standing = run.targets.get(instrument_id)
        if _is_standing(standing, signal, adjusts=adjusts):
            return [], []
        waits = standing is None and instrument_id in run.wait_for_change
        changes.runs[run.id] = replace(
            run,
            targets={
                **run.targets,
                instrument_id: _standing(signal, signal.target, standing, adjusts),
            },
            wait_for_change=run.wait_for_change - {instrument_id},
        )
        if waits:  # started in mid-signal: the next change acts
            return [], []
        stale = [
            order
            for order in desk.orders_of(run.book_id, instrument_id)
            if order.purpose is OrderPurpose.ENTRY or self._protection.exits.rests(order)
        ]
        return self._intents(run, signal, signal.target, changes), stale

    def _intents(self, run: Run, signal: Signal, target: Decimal, changes: Changes) -> list[Order]:
        desk = self._desk
        instrument = desk.instruments[signal.instrument_id]
        book = book_state(desk, run, instrument)
        if book is None:
            return []
        steps: list[PositionChange] = []
        for step in sized(target, signal.unit, book, instrument, self._rules):
            if step.reduces:
                steps.append(at_most(closable(desk, run.book_id, instrument.id), step))
            elif run.may_enter:
                steps.append(step)
        steps = [step for step in steps if step.quantity]
        if not steps:
            return []
        orders = build_orders(steps, self._context(run, signal, book.price))
        return self._orders.check(orders, changes, from_person=False)

    def _context(self, run: Run, signal: Signal, price: Decimal) -> IntentContext:
        desk = self._desk
        return IntentContext(
            account_id=desk.account.id,
            book_id=run.book_id,
            instrument=desk.instruments[signal.instrument_id],
            cause=f"bar {signal.bar_time.isoformat()}",
            now=desk.clock.now(),
            price=price,
            policy=signal.policy,
            reason=signal.tag or "signal",
            group_id=desk.group(run.book_id, signal.instrument_id),
        )

    # --- entries that rest too long ----------------------------------------------------------

    async def expire(self, at: datetime) -> None:
        """Cancel entries that have rested past their time to live."""
        late = [
            order
            for order in self._desk.orders.values()
            if order.expires_at is not None
            and order.expires_at <= at
            and order.state is not OrderState.CANCEL_PENDING
        ]
        if late:
            await self._orders.cancel(late)

    async def end_of_hours(self, due: datetime) -> None:
        """The trading hours are over: cancel resting entries; exits and stops stay."""
        entries = [o for o in self._desk.orders.values() if o.purpose is OrderPurpose.ENTRY]
        await self._orders.cancel(entries)

    def follow_up(self, order: Order, changes: Changes) -> list[Order]:
        """Inside the section: what follows an entry that ended because its time was up.

        Returns the intents to send once `changes`, which holds the order's end, is committed.
        """
        desk = self._desk
        run = desk.runs.get(RunId(order.book_id))
        standing = None if run is None else run.targets.get(order.instrument_id)
        if order.purpose is not OrderPurpose.ENTRY or not order.state.is_terminal:
            return []
        expired = order.expires_at is not None and order.expires_at <= desk.clock.now()
        if run is None or standing is None or not run.may_enter or not expired:
            return []
        if order.ts_init < standing.bar_time + run.timeframe.delta:
            return []  # the target has changed since: that decision has placed its own orders
        price = desk.price(order.instrument_id)
        if price is None:
            return []
        instrument = desk.instruments[order.instrument_id]
        following = followed(order, standing.policy, instrument, price=price, now=desk.clock.now())
        return self._orders.check(following, changes, from_person=False)


def _is_standing(standing: StandingTarget | None, signal: Signal, *, adjusts: bool) -> bool:
    """Tell whether nothing has changed.

    `decide` is compared with what it last said, not with what `adjust` has made of it since:
    otherwise it would undo every adjustment at the next bar.
    """
    if standing is None:
        return False
    if adjusts or standing.decided is None or standing.decided_unit is None:
        return standing.target == signal.target and standing.unit is signal.unit
    return standing.decided == signal.target and standing.decided_unit is signal.unit


def _standing(
    signal: Signal, target: Decimal, before: StandingTarget | None, adjusts: bool
) -> StandingTarget:
    decided: Decimal | None = None
    unit: TargetUnit | None = None
    if adjusts and before is not None:
        decided = before.target if before.decided is None else before.decided
        unit = before.unit if before.decided_unit is None else before.decided_unit
    return StandingTarget(
        target=target,
        unit=signal.unit,
        bar_time=signal.bar_time,
        tag=signal.tag,
        policy=signal.policy,
        exit_plan=signal.exit_plan,
        decided=decided,
        decided_unit=unit,
    )
