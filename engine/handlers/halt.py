"""Kill and re-arm: the latch first, then everything else."""

from collections.abc import Sequence
from dataclasses import replace

from engine.desk.state import Desk
from engine.domain.accounts import Latch, TradingState
from engine.domain.commands import Kill, Rearm
from engine.domain.events import TradingHalted, TradingRearmed
from engine.domain.orders import Order
from engine.domain.views import Outcome, OutcomeStatus
from engine.handlers.orders import Orders
from engine.handlers.outcomes import done


class Halt:
    """The kill switch as the engine sees it."""

    def __init__(self, desk: Desk, orders: Orders) -> None:
        self._desk = desk
        self._orders = orders

    async def kill(self, command: Kill) -> Outcome:
        """Latch, then cancel what could add exposure; stops are kept, positions too.

        The latch does not wait for the account's serial section: whoever is in there looks at
        it once more before sending.
        """
        desk = self._desk
        already = desk.trading_state is TradingState.HALTED and desk.latch is not None
        desk.halted_outside = True
        if not already:
            await self._latch(command.actor.id, command.reason or "killed by an operator")
        exposing = self._exposing()
        await self._orders.cancel(exposing)
        notes = (
            "already halted" if already else "halted; entries are refused until /rearm",
            f"{len(exposing)} orders that could add exposure cancelled",
            f"{len(desk.managed_positions())} positions kept, their stops too",
        )
        return done(desk, command, OutcomeStatus.DONE, notes=notes)

    async def halted_from_outside(self, latch: Latch) -> None:
        """The kill file or another process latched: catch up with it."""
        desk = self._desk
        desk.halted_outside = True
        if desk.latch is None or desk.latch.state is not TradingState.HALTED:
            await self._latch(latch.actor, latch.reason)
        await self._orders.cancel(self._exposing())

    async def _latch(self, actor: str, reason: str) -> None:
        desk = self._desk
        latch = Latch(
            account_id=desk.account.id,
            state=TradingState.HALTED,
            reason=reason,
            actor=actor,
            since=desk.wall.now(),
        )
        event = TradingHalted(
            **desk.fact("halted", latch.since.isoformat()),
            actor=actor,
            reason=reason,
            cancelled_orders=len(self._exposing()),
            open_positions=len(desk.managed_positions()),
        )
        async with desk.storage() as uow:
            await uow.latches.save(latch)
            await uow.events.add(event)
            await uow.commit()
        desk.latch = latch
        await desk.bus.publish(event)

    def _exposing(self) -> Sequence[Order]:
        return [order for order in self._desk.orders.values() if order.adds_exposure]

    async def rearm(self, command: Rearm) -> Outcome:
        """Allow trading again; runs act from the next change of their signal."""
        desk = self._desk
        if desk.trading_state is not TradingState.HALTED or desk.latch is None:
            return done(desk, command, OutcomeStatus.DONE, notes=("trading was not halted",))
        latch = replace(
            desk.latch,
            state=TradingState.ACTIVE,
            reason="re-armed",
            actor=command.actor.id,
            since=desk.wall.now(),
        )
        event = TradingRearmed(
            **desk.fact("rearmed", latch.since.isoformat()), actor=command.actor.id
        )
        async with desk.storage() as uow:
            await uow.latches.save(latch)
            await uow.events.add(event)
            await uow.commit()
        desk.latch = latch
        desk.halted_outside = False
        await desk.bus.publish(event)
        active = [run for run in desk.runs.values() if run.may_enter]
        notes = ("trading is allowed again; entries from the next change of signal",)
        return done(desk, command, OutcomeStatus.DONE, runs=active, notes=notes)
