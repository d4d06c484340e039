"""What an answer to a difference would do, said before it is done."""

from collections.abc import Sequence
from decimal import Decimal

from engine.domain.differences import DifferenceAnswer, DifferenceKind
from engine.domain.ids import DUST_BOOK, UNMANAGED_BOOK
from engine.domain.money import ZERO, exact
from engine.domain.views import DifferenceView, Header, PositionView
from render.differences import LABELS, in_unit, surplus_of
from render.format import number, price, quantity
from render.html import escape
from render.views.differences import both_numbers
from render.views.parts import answer


def answer_preview_text(
    header: Header,
    found: DifferenceView,
    given: DifferenceAnswer,
    held: Sequence[PositionView],
    seconds: float,
    changed: str = "",
) -> str:
    """Return what an answer would do, and for how long it may be confirmed.

    Args:
        held: Every open position.
    """
    return answer(
        header,
        f"{LABELS[given]} {found.subject}?",
        f"⚠ Changed since you asked: {escape(changed)} Look again." if changed else "",
        escape(found.summary),
        both_numbers(found),
        "\n".join(f"• {escape(line)}" for line in consequences(found, given, held)),
        f"Nothing has happened yet. Confirm within {seconds:g} s.",
    )


def not_open_text(header: Header, how: str) -> str:
    """Return the answer to whoever answers a difference too late.

    Args:
        how: How it ended, where that is known.
    """
    why = f"It ended meanwhile: {how}." if how else "It ended or its numbers changed meanwhile."
    return answer(
        header,
        "This difference is not open any more",
        escape(why),
        "Nothing was done now: nothing was booked, sent or cancelled.",
    )


def not_offered_text(header: Header, found: DifferenceView, given: DifferenceAnswer) -> str:
    """Return the refusal of an answer that makes no sense for the difference."""
    names = " or ".join(LABELS[known] for known in found.answers)
    return answer(
        header,
        f"{LABELS[given]} makes no sense for {found.subject}",
        "Nothing was done: there is nothing at the venue that could be traded away.",
        f"It can be answered with {names}.",
    )


def consequences(
    found: DifferenceView, given: DifferenceAnswer, held: Sequence[PositionView]
) -> list[str]:
    """Return what an answer would book, send or leave, a plain sentence each."""
    match given:
        case DifferenceAnswer.ADOPT:
            return _adopting(found, held)
        case DifferenceAnswer.CLOSE:
            return _closing(found, held)
        case DifferenceAnswer.IGNORE:
            return _ignoring(found)


def mark_of(found: DifferenceView, held: Sequence[PositionView]) -> Decimal | None:
    """Return the instrument's price, None where no position tells it."""
    marks = (p.mark_price for p in held if p.ref.instrument_id == found.instrument_id)
    return next((mark for mark in marks if mark is not None), None)


def opposed(found: DifferenceView, held: Sequence[PositionView]) -> list[PositionView]:
    """Return positions of ours that the surplus makes smaller when it is adopted, in order."""
    if found.kind is DifferenceKind.FOREIGN_ORDER:
        return []
    surplus = surplus_of(found)
    return [
        position
        for position in held
        if position.ref.instrument_id == found.instrument_id
        and position.ref.book_id not in {UNMANAGED_BOOK, DUST_BOOK}
        and position.quantity * surplus < ZERO
    ]


# --- what answers do ---------------------------------------------------------------------------


def _adopting(found: DifferenceView, held: Sequence[PositionView]) -> list[str]:
    if found.kind is DifferenceKind.FOREIGN_ORDER:
        return [
            "The order becomes one of manual, as it works now; what fills of it is manual's.",
            "Nothing is sent to the venue. No stop comes with it.",
        ]
    surplus = surplus_of(found)
    if found.instrument_id is None:
        return [
            f"{in_unit(found, surplus)} is booked as an adjustment, with the reason "
            "that nothing explains it. It changes the equity.",
            "Nothing is sent to the venue.",
        ]
    lines = []
    if found.kind is not DifferenceKind.MANUAL_TRADE:
        lines.append(f"{in_unit(found, surplus)} is booked as an adjustment.")
    left = surplus
    for position in opposed(found, held):
        with exact():
            part = min(abs(left), abs(position.quantity)).copy_sign(left)
            left -= part
            after = position.quantity + part
        if not part:
            break
        lines.append(
            f"{position.book_name}: {quantity(position.quantity, sign=True)} becomes "
            f"{quantity(after, sign=True)} {found.unit}; its exits follow."
        )
    if left:
        lines.append(f"manual: {in_unit(found, left)} is added, without a stop.")
    return [
        *lines,
        "It is booked at the price it was traded at, else at the market's. Nothing is traded.",
    ]


def _closing(found: DifferenceView, held: Sequence[PositionView]) -> list[str]:
    if found.kind is DifferenceKind.FOREIGN_ORDER:
        return [
            "Its cancel is sent to the venue.",
            "What fills of it before that is told as a trade by hand.",
        ]
    surplus = surplus_of(found)
    verb = "Sells" if surplus > ZERO else "Buys"
    mark = mark_of(found, held)
    near = "at a price not known here" if mark is None else f"near {price(mark)}"
    worth = _worth(found, held, surplus)
    about = f", about {worth}" if worth else ""
    only = " It can only shrink the position." if found.unit == "contracts" else ""
    return [
        f"{verb} {in_unit(found, abs(surplus), sign=False)} of {found.instrument_id} at market, "
        f"{near}{about}. The venue's fee comes on top.{only}",
        "Our own positions and their stops stay as they are.",
        "What is too small to be traded is set aside as dust.",
    ]


def _ignoring(found: DifferenceView) -> list[str]:
    lines = ["Nothing is booked to a run or to manual, and nothing is sent to the venue."]
    if found.kind is DifferenceKind.FOREIGN_ORDER:
        lines.append("The order works on and is nobody's; what fills of it is asked about.")
    else:
        lines.append(
            f"{in_unit(found, surplus_of(found))} is remembered as being so; only what "
            "changes beyond it is told again."
        )
    if found.waits:
        lines.append(f"Entries in {found.instrument_id} no longer wait for it.")
    return lines


def _worth(found: DifferenceView, held: Sequence[PositionView], surplus: Decimal) -> str:
    """Return what the surplus is worth, in the quote asset; nothing where that is not known."""
    for position in held:
        if position.ref.instrument_id == found.instrument_id and position.notional is not None:
            with exact():
                worth = abs(position.notional / position.quantity * surplus)
            return f"{number(worth, 2)} at that price"
    return ""
