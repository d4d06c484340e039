"""/reconcile and /differences: what differs from the venue, with both numbers."""

from collections.abc import Sequence
from datetime import datetime

from engine.domain.views import (
    DifferenceView,
    Header,
    ReconciliationView,
    StatusView,
)
from render.differences import in_unit, surplus_of, waits
from render.format import clock_time, count, took
from render.html import bold, escape
from render.tables import pairs
from render.views.parts import answer, bullets, page_line
from render.views.venues import compared_text

DIFFERENCES_A_PAGE = 5
_NEEDS_ROLE = "Answering needs the role trader."


def reconciled_text(
    view: ReconciliationView, status: StatusView, booked: Sequence[str], *, may_answer: bool
) -> str:
    """Return what a comparison just found.

    Args:
        booked: What it brought in line by itself, a line each.
    """
    if view.differences:
        title = f"{count(len(view.differences), 'difference')} from the venue"
        shown = view.differences[:DIFFERENCES_A_PAGE]
        more = page_line(0, len(shown), len(view.differences))
        body = f"{_list(shown, 0, view.header, may_answer=may_answer)}\n{more}".strip()
    elif view.looking_again:
        title, body = (
            "Not sure yet: two looks did not agree",
            "Nothing was corrected. Entries there wait until it is clear.",
        )
    else:
        title, body = "In line with the venue", _in_line(status, booked)
    return answer(
        view.header,
        title,
        bullets("Brought in line", booked),
        bullets("Looked at again soon", view.looking_again),
        body,
        f"It took {took(view.seconds)}.",
    )


def differences_text(
    view: ReconciliationView, now: datetime, first: int = 0, *, may_answer: bool
) -> str:
    """Return the open differences, some from `first` on, and how the last comparison went."""
    total = len(view.differences)
    shown = view.differences[first : first + DIFFERENCES_A_PAGE]
    return answer(
        view.header,
        f"Differences from the venue: {total or 'none'}",
        page_line(first, len(shown), total),
        _list(shown, first, view.header, may_answer=may_answer) if shown else "",
        bullets("Looked at again soon", view.looking_again),
        bullets("Booked as the venue's rounding so far", view.rounded),
        escape(compared_text(view, now)),
    )


def _in_line(status: StatusView, booked: Sequence[str]) -> str:
    orders = count(status.open_orders, "open order")
    positions = count(status.open_positions, "position")
    missed = "" if booked else " No fill and no transfer was missed."
    return f"{orders}, {positions} and all balances agree.{missed}"


def _list(shown: Sequence[DifferenceView], first: int, header: Header, *, may_answer: bool) -> str:
    alone = first == 0 and len(shown) == 1
    blocks = [
        _block(found, "" if alone else f"{place}. ", header)
        for place, found in enumerate(shown, start=first + 1)
    ]
    return "\n".join(blocks if may_answer else [*blocks, _NEEDS_ROLE])


def _block(found: DifferenceView, place: str, header: Header) -> str:
    since = f"Found at {clock_time(found.found_at, header.time_zone)}. {waits(found)}".strip()
    return "\n".join(
        [bold(f"{place}{found.subject}"), escape(found.summary), both_numbers(found), escape(since)]
    )


def both_numbers(found: DifferenceView) -> str:
    """Return ours, the venue's, and what lies between, a line each."""
    return pairs(
        [
            ("Ours", in_unit(found, found.ours)),
            ("Venue", in_unit(found, found.venue)),
            ("Off by", in_unit(found, surplus_of(found))),
        ]
    )
