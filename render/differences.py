"""Words on differences from the venue that alerts, answers and buttons share."""

from datetime import datetime
from decimal import Decimal

from engine.domain.differences import DifferenceAnswer, DifferenceKind, DifferenceState
from engine.domain.ids import DifferenceId
from engine.domain.money import exact
from engine.domain.views import DifferenceView
from render.format import clock_time, quantity

ANSWER_COMMAND = "answer"

LABELS = {
    DifferenceAnswer.ADOPT: "Adopt",
    DifferenceAnswer.CLOSE: "Close",
    DifferenceAnswer.IGNORE: "Ignore",
}
STATE_WORDS = {
    DifferenceState.OPEN: "open",
    DifferenceState.ADOPTED: "adopted",
    DifferenceState.CLOSED: "closed",
    DifferenceState.IGNORED: "ignored",
    DifferenceState.RESOLVED: "gone by itself",
}


def answer_line(difference_id: DifferenceId, answer: DifferenceAnswer) -> str:
    """Return the command line that answers a difference: what its button sends."""
    return f"/{ANSWER_COMMAND} {difference_id} {answer.value}"


def in_unit(found: DifferenceView, value: Decimal, *, sign: bool = True) -> str:
    """Return one of a difference's numbers with the difference's unit."""
    return f"{quantity(value, sign=sign)} {found.unit}".strip()


def surplus_of(found: DifferenceView) -> Decimal:
    """Return how much more the venue has than is ours, signed."""
    with exact():
        return found.venue - found.ours


def waits(found: DifferenceView) -> str:
    """Say what waits for the answer; nothing where nothing does."""
    if not found.waits:
        return ""
    text = f"Until it is answered, {found.waits}."
    if found.kind is DifferenceKind.FOREIGN_ORDER:
        return f"{text} Exits and stops go on."
    return f"{text} Exits and stops go on for the smaller of the two."


def ended_text(found: DifferenceView, who: str, when: datetime) -> str:
    """Return how a difference ended, e.g. "BTC/USDT: adopted by Alex, 14:05 UTC".

    Args:
        who: Empty where nobody did it.
        when: Wall time.
    """
    by = f" by {who}" if who else ""
    return f"{found.subject}: {STATE_WORDS[found.state]}{by}, {clock_time(when, 'UTC')} UTC"
