"""A person answers a difference: adopt it, close it, or ignore it (SEMANTICS 8).

Every answer is one commit; what it sends goes out after that.
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.desk.differing import difference_view, held_there
from engine.desk.state import Desk
from engine.domain.commands import AnswerDifference
from engine.domain.differences import (
    Difference,
    DifferenceAnswer,
    DifferenceKind,
    DifferenceState,
)
from engine.domain.events import DifferenceEnded
from engine.domain.ids import (
    UNMANAGED_BOOK,
)
from engine.domain.money import ZERO
from engine.domain.orders import (
    Order,
    OrderState,
)
from engine.domain.views import Outcome, OutcomeStatus
from engine.execution.reconciliation import answers
from engine.handlers.netting import Netting
from engine.handlers.orders import Orders
from engine.handlers.outcomes import done, refused
from engine.handlers.resolving import Resolving, Unanswerable, Work

_STATES = {
    DifferenceAnswer.ADOPT: DifferenceState.ADOPTED,
    DifferenceAnswer.CLOSE: DifferenceState.CLOSED,
    DifferenceAnswer.IGNORE: DifferenceState.IGNORED,
}


class Answers:
    """Carries out what people say of differences."""

    def __init__(self, desk: Desk, orders: Orders, netting: Netting) -> None:
        self._desk = desk
        self._orders = orders
        self._netting = netting
        self._resolving = Resolving(desk, orders, netting)

    async def answer(self, command: AnswerDifference) -> Outcome:
        """Carry out one answer; one to a difference that has changed or ended is refused."""
        desk = self._desk
        async with desk.section:
            row = desk.outside.rows.get(command.difference_id)
            if row is None or not row.is_open:
                return await self._not_open(command)
            if not self._stands(row):
                desk.outside.wanted = True
                return refused(
                    desk,
                    command,
                    f"nothing was changed: the numbers of {row.subject} have moved since",
                    next_step="it is compared again now; /reconcile shows what is left of it",
                )
            if command.answer not in answers(row, held_there(desk, row)):
                return refused(
                    desk,
                    command,
                    f"nothing was traded: {row.subject} can't be closed, since what is missing "
                    "there was taken from our positions",
                    next_step="adopt it: our positions become as small as the venue's",
                )
            try:
                work = self._resolving.work(row, command.answer)
            except Unanswerable as exc:
                return refused(desk, command, f"nothing was changed: {exc}")
            ended = replace(
                row,
                state=_STATES[command.answer],
                answered_at=desk.wall.now(),
                actor=command.actor.id,
            )
            self._note(ended, work)
            await desk.commit(work.changes)
        await self._netting.carry_out(work.adjustments)
        await self._orders.cancel(work.cancel)
        sent = await self._orders.send(work.send)
        return self._outcome(command, ended, work, sent)

    def _stands(self, row: Difference) -> bool:
        """Tell whether our side is still as it was when the question was asked."""
        ledger = self._desk.ledger
        match row.kind:
            case DifferenceKind.POSITION if row.instrument_id is not None:
                return ledger.net_quantity(row.instrument_id) == row.ours
            case DifferenceKind.BALANCE if row.asset is not None:
                return ledger.balances().get(row.asset, ZERO) == row.ours
            case DifferenceKind.MANUAL_TRADE if row.instrument_id is not None:
                return self._desk.position(UNMANAGED_BOOK, row.instrument_id).quantity == row.venue
            case _:
                return True

    async def _not_open(self, command: AnswerDifference) -> Outcome:
        """Say how a difference ended; a command that a crash cut off finds its own answer."""
        desk = self._desk
        async with desk.storage() as uow:
            row = await uow.differences.get(command.difference_id)
        if row is None:
            return refused(desk, command, "there is no such difference; nothing was changed")
        if row.actor == command.actor.id and row.state is _STATES[command.answer]:
            outcome = done(desk, command, OutcomeStatus.DONE, notes=("answered so before",))
            return replace(outcome, differences=(difference_view(desk, row),))
        how = f"it was {row.state.value} by {row.actor}" if row.actor else "its numbers changed"
        return refused(
            desk,
            command,
            f"{row.subject} is not open any more: {how}; nothing was changed",
            next_step="/reconcile shows what differs now",
        )

    def _note(self, ended: Difference, work: Work) -> None:
        desk = self._desk
        work.changes.differences.append(ended)
        work.changes.events.append(
            DifferenceEnded(
                **desk.fact("answered", ended.difference_id, ended.found_at.isoformat()),
                difference=difference_view(desk, ended),
                actor=ended.actor,
                message=work.message,
            )
        )

    def _outcome(
        self, command: AnswerDifference, ended: Difference, work: Work, sent: Sequence[Order]
    ) -> Outcome:
        desk = self._desk
        failed = [order for order in sent if order.state is OrderState.REJECTED]
        if failed:
            return replace(
                refused(
                    desk,
                    command,
                    f"{ended.subject} was not closed: {failed[0].message}",
                    next_step="it is compared again by itself, and asked again",
                ),
                differences=(difference_view(desk, ended),),
            )
        status = OutcomeStatus.SENT if sent or work.cancel else OutcomeStatus.DONE
        outcome = done(desk, command, status, orders=sent, notes=(work.message,))
        return replace(outcome, differences=(difference_view(desk, ended),))
