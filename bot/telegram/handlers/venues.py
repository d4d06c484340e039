"""/venues, /reconcile, /differences, /answer: our books beside the venue's."""

from collections.abc import Sequence

from bot.telegram.call import Call
from bot.telegram.pages import find_page, is_page, pager
from bot.telegram.registry import UsageError
from bot.telegram.replies import (
    Button,
    Emphasis,
    Reply,
    command_button,
    refresh_button,
    row,
    rows,
)
from bot.telegram.tickets import Given, Subject
from engine.domain.commands import Reconcile
from engine.domain.differences import DifferenceAnswer
from engine.domain.ids import DifferenceId
from engine.domain.messages import Role
from engine.domain.queries import GetReconciliation, GetStatus, GetVenues
from engine.domain.views import (
    DifferenceView,
    OutcomeStatus,
    ReconciliationView,
    StatusView,
    VenuesView,
)
from render.differences import LABELS, answer_line
from render.views.differences import DIFFERENCES_A_PAGE, differences_text, reconciled_text
from render.views.outcomes import outcome_text
from render.views.venues import venues_text


async def venues(call: Call) -> Reply:
    """Show how the connection to the venue is, and how the last comparison went."""
    view = await call.ask(GetVenues(), VenuesView)
    asked = any(venue.reconciliation.differences for venue in view.venues)
    buttons = row(
        refresh_button(call.line),
        command_button("Differences", "/differences") if asked else None,
        command_button("Reconcile", "/reconcile") if _may_answer(call) else None,
    )
    return Reply(html=venues_text(view, call.tools.wall.now()), buttons=rows(buttons))


async def reconcile(call: Call) -> Reply:
    """Compare with the venue now."""
    outcome = await call.send(Reconcile(**call.envelope))
    if outcome.status is OutcomeStatus.REFUSED:
        buttons = rows(row(command_button("Venues", "/venues")))
        return Reply(html=outcome_text(outcome, "Reconcile"), buttons=buttons)
    view = await call.ask(GetReconciliation(), ReconciliationView)
    status = await call.ask(GetStatus(), StatusView)
    booked = [note for note in outcome.notes if note != view.result]
    html = reconciled_text(view, status, booked, may_answer=_may_answer(call))
    look = row(command_button("Venues", "/venues"), command_button("Positions", "/positions"))
    return Reply(html=html, buttons=(*_list_buttons(call, view, "1"), *rows(look)))


async def differences(call: Call) -> Reply:
    """Show the open differences with their buttons."""
    word = call.words[0] if call.words else "1"
    if not is_page(word):
        raise UsageError(f"{word!r} is no page. Usage: /differences [PAGE]")
    view = await call.ask(GetReconciliation(), ReconciliationView)
    may_answer = _may_answer(call)
    page = find_page(_keys(view), word, DIFFERENCES_A_PAGE)
    html = differences_text(view, call.tools.wall.now(), page.first, may_answer=may_answer)
    look = row(
        refresh_button(call.line), command_button("Reconcile", "/reconcile") if may_answer else None
    )
    return Reply(html=html, buttons=(*_list_buttons(call, view, word), *rows(look)))


async def answer(call: Call) -> Reply:
    """Preview what an answer to one difference would do."""
    name, word = call.words
    if word.lower() not in set(DifferenceAnswer):
        known = ", ".join(DifferenceAnswer)
        raise UsageError(f"{word!r} is no answer. Nothing was done: say {known}.")
    given = Given(difference_id=DifferenceId(name), answer=DifferenceAnswer(word.lower()))
    return await call.tools.offers.offer(call, "answer", Subject(given=given))


def answer_buttons(
    shown: Sequence[DifferenceView], first: int, *, numbered: bool
) -> tuple[tuple[Button, ...], ...]:
    """Return a row of answers for each difference, numbered as the text numbers them.

    Args:
        first: The place of the first one in the whole list.
    """
    return rows(
        *(
            row(
                *(
                    command_button(
                        f"{place} {LABELS[given]}" if numbered else LABELS[given],
                        answer_line(found.difference_id, given),
                        emphasis=_EMPHASIS.get(given, Emphasis.NONE),
                    )
                    for given in found.answers
                )
            )
            for place, found in enumerate(shown, start=first + 1)
        )
    )


_EMPHASIS = {DifferenceAnswer.CLOSE: Emphasis.DANGER}


def _list_buttons(
    call: Call, view: ReconciliationView, word: str
) -> tuple[tuple[Button, ...], ...]:
    keys = _keys(view)
    page = find_page(keys, word, DIFFERENCES_A_PAGE)
    turns = rows(pager("/differences", keys, page, DIFFERENCES_A_PAGE))
    if not _may_answer(call):
        return turns
    shown = view.differences[page.first : page.first + DIFFERENCES_A_PAGE]
    numbered = len(view.differences) > 1
    return (*answer_buttons(shown, page.first, numbered=numbered), *turns)


def _keys(view: ReconciliationView) -> list[str]:
    return [str(found.difference_id) for found in view.differences]


def _may_answer(call: Call) -> bool:
    return call.operator.role.covers(Role.TRADER)
