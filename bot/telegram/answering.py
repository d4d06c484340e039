"""The answer to a difference: what it would do is shown first, then it is done once."""

from collections.abc import Sequence

from bot.telegram.call import Call
from bot.telegram.confirm import Preview
from bot.telegram.replies import Reply, command_button, row, rows
from bot.telegram.tickets import Given, Shown, Subject, TicketRefused
from engine.domain.commands import AnswerDifference, PositionRef
from engine.domain.differences import DifferenceAnswer, DifferenceKind
from engine.domain.ids import UNMANAGED_BOOK
from engine.domain.messages import Role
from engine.domain.money import to_text
from engine.domain.queries import GetPositions, GetReconciliation
from engine.domain.views import (
    DifferenceView,
    PositionsView,
    PositionView,
    ReconciliationView,
)
from render.differences import LABELS, surplus_of
from render.views.answering import (
    answer_preview_text,
    mark_of,
    not_offered_text,
    not_open_text,
    opposed,
)
from render.views.outcomes import outcome_text

_CONFIRM = {
    DifferenceAnswer.ADOPT: "Adopt it",
    DifferenceAnswer.CLOSE: "Close at market",
    DifferenceAnswer.IGNORE: "Ignore it",
}


class AnswerOperation:
    """Say what one difference is: adopt, close or ignore it."""

    name = "answer"
    role = Role.TRADER

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def preview(self, call: Call, subject: Subject, changed: str) -> Preview | Reply:
        given = _given(subject)
        view = await call.ask(GetReconciliation(), ReconciliationView)
        found = _find(view, given)
        if found is None:
            how = call.tools.questions.fate(given.difference_id)
            if not how:
                call.tools.questions.lost(given.difference_id)
            return Reply(html=not_open_text(view.header, how), buttons=_LOOK, outdated=True)
        if given.answer not in found.answers:
            text = not_offered_text(view.header, found, given.answer)
            return Reply(html=text, buttons=_LOOK)
        held = (await call.ask(GetPositions(), PositionsView)).positions
        html = answer_preview_text(view.header, found, given.answer, held, self.seconds, changed)
        confirm = _CONFIRM[given.answer]
        if given.answer is DifferenceAnswer.CLOSE and found.kind is DifferenceKind.FOREIGN_ORDER:
            confirm = "Take it off the venue"
        shown = _shown(found, given.answer, held)
        return Preview(html=html, subject=Subject(given=given, shown=shown), confirm=confirm)

    async def execute(self, call: Call, subject: Subject) -> Reply:
        given = _given(subject)
        outcome = await call.send(
            AnswerDifference(
                difference_id=given.difference_id, answer=given.answer, **call.envelope
            )
        )
        names = [found.subject for found in outcome.differences]
        return Reply(
            html=outcome_text(outcome, " ".join([LABELS[given.answer], *names])), buttons=_LOOK
        )


_LOOK = rows(
    row(command_button("Differences", "/differences"), command_button("Positions", "/positions"))
)


def _given(subject: Subject) -> Given:
    if subject.given is None:
        raise TicketRefused("This button is of an older version. Nothing was done.")
    return subject.given


def _find(view: ReconciliationView, given: Given) -> DifferenceView | None:
    open_ones = (d for d in view.differences if d.difference_id == given.difference_id)
    return next(open_ones, None)


def _shown(
    found: DifferenceView, given: DifferenceAnswer, held: Sequence[PositionView]
) -> tuple[Shown, ...]:
    """Return what the preview rests on: where that changes, it is shown again first."""
    if found.instrument_id is None:
        return ()
    mark = mark_of(found, held) if given is DifferenceAnswer.CLOSE else None
    about = Shown(
        ref=PositionRef(book_id=UNMANAGED_BOOK, instrument_id=found.instrument_id),
        quantity=to_text(surplus_of(found)),
        price=None if mark is None else to_text(mark),
    )
    if given is not DifferenceAnswer.ADOPT:
        return (about,)
    ours = (
        Shown(ref=position.ref, quantity=to_text(position.quantity), price=None)
        for position in opposed(found, held)
    )
    return (about, *ours)
