"""What needs a confirmation: close, flatten, re-arm, hand to manual, answer a difference."""

import asyncio
from dataclasses import replace

from bot.telegram.answering import AnswerOperation
from bot.telegram.call import Call
from bot.telegram.confirm import Operation, Preview
from bot.telegram.replies import Reply, command_button, row, rows
from bot.telegram.settings import TelegramSettings
from bot.telegram.tickets import Shown, Subject
from engine.domain.commands import ClosePosition, Flatten, HandToManual, Rearm
from engine.domain.messages import Role
from engine.domain.queries import GetPositions, PreviewClose, PreviewRearm
from engine.domain.views import (
    Outcome,
    OutcomeStatus,
    PositionsView,
    PreviewRearmView,
    PreviewView,
)
from engine.errors import OutcryError
from render.format import quantity
from render.views.outcomes import (
    hand_over_preview_text,
    nothing_text,
    outcome_text,
    preview_text,
    rearm_preview_text,
)


def operations(settings: TelegramSettings) -> dict[str, Operation]:
    """Return every operation by the name that its tickets carry."""
    found: tuple[Operation, ...] = (
        CloseOperation(settings.trade_ticket_seconds),
        FlattenOperation(settings.danger_ticket_seconds),
        RearmOperation(settings.danger_ticket_seconds),
        HandOverOperation(settings.trade_ticket_seconds),
        AnswerOperation(settings.trade_ticket_seconds),
    )
    return {operation.name: operation for operation in found}


class CloseOperation:
    """Close the positions named, at market."""

    name = "close"
    role = Role.TRADER

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def preview(self, call: Call, subject: Subject, changed: str) -> Preview | Reply:
        view = await call.ask(PreviewClose(refs=subject.refs), PreviewView)
        if not view.lines:
            return _nothing(view, "Nothing to close: that position is not open any more.")
        names = ", ".join(dict.fromkeys(str(line.ref.instrument_id) for line in view.lines))
        html = preview_text(view, f"Close {names}", self.seconds, changed)
        return Preview(html=html, subject=_seen(subject, view), confirm="Close at market")

    async def execute(self, call: Call, subject: Subject) -> Reply:
        """Send a close for each position, side by side; one that fails stops no other."""
        commands = [ClosePosition(ref=ref, **call.envelope_of(ref.id)) for ref in subject.refs]
        ended = await asyncio.gather(
            *(call.send(command) for command in commands), return_exceptions=True
        )
        outcomes = [outcome for outcome in ended if isinstance(outcome, Outcome)]
        errors = [error for error in ended if isinstance(error, BaseException)]
        if errors and not outcomes:
            raise errors[0]
        if errors:
            failed = " ".join(str(error) for error in errors if isinstance(error, OutcryError))
            merged = replace(merge(outcomes), status=OutcomeStatus.PARTIAL)
            refusal = f"{merged.refusal} {len(errors)} not closed. {failed}".strip()
            return _outcome_reply(replace(merged, refusal=refusal), "Close")
        return _outcome_reply(merge(outcomes), "Close")


class FlattenOperation:
    """Close what we manage: everything, or in the instruments named."""

    name = "flatten"
    role = Role.TRADER

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def preview(self, call: Call, subject: Subject, changed: str) -> Preview | Reply:
        query = PreviewClose(instrument_ids=subject.instrument_ids)
        view = await call.ask(query, PreviewView)
        if not view.lines:
            return _nothing(view, "Nothing to flatten: no managed position is open.")
        what = ", ".join(subject.instrument_ids) or "everything"
        html = preview_text(view, f"Flatten {what}", self.seconds, changed)
        confirm = f"Flatten {len(view.lines)} at market"
        return Preview(html=html, subject=_seen(subject, view), confirm=confirm)

    async def execute(self, call: Call, subject: Subject) -> Reply:
        expected = tuple(line.ref for line in subject.shown)
        return _outcome_reply(
            await call.send(Flatten(expected=expected, **call.envelope)), "Flatten"
        )


class RearmOperation:
    """Release the latch of a kill."""

    name = "rearm"
    role = Role.RISK

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def preview(self, call: Call, subject: Subject, changed: str) -> Preview | Reply:
        view = await call.ask(PreviewRearm(), PreviewRearmView)
        if not view.halted:
            return Reply(html=nothing_text(view.header, "Nothing to re-arm: trading is allowed."))
        html = rearm_preview_text(view, self.seconds)
        return Preview(html=html, subject=subject, confirm="Allow trading")

    async def execute(self, call: Call, subject: Subject) -> Reply:
        outcome = await call.send(Rearm(**call.envelope))
        buttons = rows(row(command_button("Status", "/status")))
        return Reply(html=outcome_text(outcome, "Re-arm"), buttons=buttons)


class HandOverOperation:
    """Hand the positions of runs to the manual book."""

    name = "manual"
    role = Role.TRADER

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def preview(self, call: Call, subject: Subject, changed: str) -> Preview | Reply:
        view = await call.ask(GetPositions(), PositionsView)
        wanted = {name.casefold() for name in subject.names}
        held = [
            f"{position.ref.instrument_id} {quantity(position.quantity, sign=True)}"
            for position in view.positions
            if position.book_name.casefold() in wanted
        ]
        html = hand_over_preview_text(view.header, subject.names, held, self.seconds)
        return Preview(html=html, subject=subject, confirm="Hand to manual")

    async def execute(self, call: Call, subject: Subject) -> Reply:
        outcome = await call.send(HandToManual(names=subject.names, **call.envelope))
        return _outcome_reply(outcome, "Hand to manual")


def merge(outcomes: list[Outcome]) -> Outcome:
    """Return several outcomes as one: refused or done where all are, partial in between."""
    first, *others = outcomes
    if not others:
        return first
    states = {outcome.status for outcome in outcomes}
    refusals = dict.fromkeys(outcome.refusal for outcome in outcomes if outcome.refusal)
    steps = dict.fromkeys(outcome.next_step for outcome in outcomes if outcome.next_step)
    notes = dict.fromkeys(note for outcome in outcomes for note in outcome.notes)
    if len(states) == 1:
        status = first.status
    elif states <= {OutcomeStatus.DONE, OutcomeStatus.SENT}:
        status = OutcomeStatus.SENT
    else:
        status = OutcomeStatus.PARTIAL
    return replace(
        outcomes[-1],
        status=status,
        refusal=" ".join(refusals),
        next_step=" ".join(steps),
        notes=tuple(notes),
        orders=tuple(order for outcome in outcomes for order in outcome.orders),
        positions=tuple(held for outcome in outcomes for held in outcome.positions),
    )


def _seen(subject: Subject, view: PreviewView) -> Subject:
    shown = tuple(Shown.of(line) for line in view.lines)
    return Subject(
        refs=subject.refs,
        instrument_ids=subject.instrument_ids,
        names=subject.names,
        shown=shown,
    )


def _nothing(view: PreviewView, text: str) -> Reply:
    left = " ".join(view.left_alone)
    return Reply(html=nothing_text(view.header, f"{text} {left}".strip()))


def _outcome_reply(outcome: Outcome, verb: str) -> Reply:
    buttons = rows(
        row(command_button("Positions", "/positions"), command_button("Orders", "/orders"))
    )
    return Reply(html=outcome_text(outcome, verb), buttons=buttons)
