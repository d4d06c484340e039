"""What is said of our books beside the venue's: differences, flows, trades that it forced."""

from engine.domain.differences import DifferenceAnswer
from engine.domain.events import DifferenceEnded, DifferenceFound, FlowBooked, PositionForced
from engine.domain.flows import FlowKind
from engine.domain.orders import FillCause
from render.alerts.model import Choice, Words, told
from render.differences import LABELS, STATE_WORDS, answer_line, in_unit, waits
from render.format import money, price, quantity

_MEANS = {
    DifferenceAnswer.ADOPT: "Adopt: it is ours.",
    DifferenceAnswer.CLOSE: "Close: undo it at the venue.",
    DifferenceAnswer.IGNORE: "Ignore: leave it alone.",
}
_FLOWS = {
    FlowKind.FUNDING: "Funding",
    FlowKind.INTEREST: "Interest",
    FlowKind.FEE: "Fee",
    FlowKind.ADJUSTMENT: "Booked by the venue",
}
_FORCED = {
    FillCause.ORDER: "Traded at the venue",
    FillCause.LIQUIDATION: "Liquidated by the venue",
    FillCause.DELEVERAGING: "Closed by the venue's auto-deleveraging",
    FillCause.SETTLEMENT: "Settled by the venue",
}


def difference_found(event: DifferenceFound) -> Words:
    found = event.difference
    means = " ".join(_MEANS[answer] for answer in found.answers)
    return Words(
        headline=(
            f"Differs from the venue: {found.subject}, ours {in_unit(found, found.ours)}, "
            f"the venue's {in_unit(found, found.venue)}"
        ),
        facts=(found.summary, f"Nothing was corrected by itself. {waits(found)}".strip()),
        todo=f"Say what it is, in the chat or with /differences. {means}",
        choices=tuple(
            Choice(
                label=LABELS[answer],
                line=answer_line(found.difference_id, answer),
                danger=answer is DifferenceAnswer.CLOSE,
            )
            for answer in found.answers
        ),
    )


def difference_ended(event: DifferenceEnded) -> Words:
    found = event.difference
    return Words(
        headline=f"Difference {STATE_WORDS[found.state]}: {found.subject}",
        context=("" if event.actor == "engine" else f"by {event.actor}",),
        facts=(
            event.message,
            f"No entry in {found.instrument_id} waits for it now." * bool(found.waits),
        ),
    )


def flow_booked(event: FlowBooked) -> Words:
    what = _FLOWS.get(event.kind) or ("Deposit" if event.amount > 0 else "Withdrawal")
    return Words(
        headline=f"{what}: {money(event.amount, event.asset, sign=True)}",
        context=(event.instrument_id or "",),
        facts=(told("The venue says", event.note), "It is booked; no order of ours made it."),
    )


def position_forced(event: PositionForced) -> Words:
    left = f"{quantity(event.left, sign=True)} {event.instrument_id}" if event.left else "nothing"
    books = ", ".join(event.book_names) or "no book of ours"
    return Words(
        headline=(
            f"{_FORCED[event.cause]}: {event.side.value} {quantity(event.quantity)} "
            f"{event.instrument_id} @ {price(event.price)}"
        ),
        context=(books,),
        facts=(f"No order of ours did it. It is booked; {left} is left there.",),
        todo="Look at /positions and /balance; /pause what should not enter again.",
    )
