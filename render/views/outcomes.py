"""How commands ended, what a confirmation would do, and what could not be done.

Nothing here says "done" for more than is stored, or "closed" before the venue said so.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from engine.domain.money import ZERO, exact
from engine.domain.views import (
    Header,
    OrderView,
    Outcome,
    OutcomeStatus,
    PreviewLine,
    PreviewRearmView,
    PreviewView,
    RunView,
)
from render.format import amount, count, duration, headline, instant, money, price, quantity
from render.html import bold, escape
from render.views.parts import STATE_WORDS, answer, bullets, card, cards
from render.views.positions import order_card

_STATUS_WORDS = {
    OutcomeStatus.DONE: "done",
    OutcomeStatus.SENT: "sent, the venue's word follows",
    OutcomeStatus.REFUSED: "NOT done",
    OutcomeStatus.PARTIAL: "only partly done",
}
_ORDERS_SHOWN = 8
_LINES_SHOWN = 12


def outcome_text(outcome: Outcome, verb: str) -> str:
    """Return how a command ended: status, why not, each run and order, and the next step."""
    return answer(
        outcome.header,
        f"{verb}: {_STATUS_WORDS[outcome.status]}",
        escape(outcome.refusal),
        "\n".join(_run_line(run) for run in outcome.runs),
        _orders(outcome.orders, outcome.header),
        _positions_line(outcome),
        "\n".join(f"• {escape(note)}" for note in outcome.notes),
        f"Next: {escape(outcome.next_step)}" if outcome.next_step else "",
    )


def kill_text(outcome: Outcome) -> str:
    """Return what a kill did, and what it kept."""
    if outcome.status is OutcomeStatus.REFUSED:
        return outcome_text(outcome, "Kill")
    kept = "Open positions and their stops are kept. /rearm allows trading again."
    title = "⛔ Killed" if outcome.status is not OutcomeStatus.PARTIAL else "⛔ Killed, partly"
    return answer(
        outcome.header,
        title,
        "No entries, from now on and over restarts.",
        escape(outcome.refusal),
        _orders(outcome.orders, outcome.header),
        _positions_line(outcome),
        "\n".join(f"• {escape(note)}" for note in outcome.notes),
        kept,
    )


def preview_text(view: PreviewView, title: str, seconds: float, changed: str = "") -> str:
    """Return what a close or flatten would do, and for how long it may be confirmed."""
    asset = view.header.reporting
    shown = view.lines[:_LINES_SHOWN]
    more = len(view.lines) - len(shown)
    return answer(
        view.header,
        f"{title}?",
        f"⚠ Changed since you asked: {escape(changed)} Look again." if changed else "",
        f"{count(len(view.lines), 'position')} at market:",
        cards(_preview_card(line, view) for line in shown),
        f"and {more} more" if more else "",
        _preview_sum(view),
        bullets("Left alone", view.left_alone),
        bullets("Mind", view.warnings),
        f"Nothing has happened yet. Confirm within {seconds:g} s. Estimates in {escape(asset)}.",
    )


def rearm_preview_text(view: PreviewRearmView, seconds: float) -> str:
    """Return what re-arming would set free."""
    zone = view.header.time_zone
    since = f" since {escape(instant(view.since, zone))}" if view.since else ""
    reason = f": {escape(view.reason)}" if view.reason else "."
    return answer(
        view.header,
        "Allow trading again?",
        f"Killed{since}{reason}",
        bullets("These runs will trade again", view.runs_that_will_trade)
        or "No run is set to trade: /start NAME starts one.",
        f"{count(view.open_positions, 'position')} open.",
        f"Nothing has happened yet. Confirm within {seconds:g} s.",
    )


def hand_over_preview_text(
    header: Header, names: Sequence[str], positions: Sequence[str], seconds: float
) -> str:
    """Return what handing runs to the manual book means."""
    return answer(
        header,
        f"Hand {', '.join(names)} to manual?",
        "The positions go to the manual book with their stops; the run stops managing them. "
        "From then on only you close them.",
        bullets("Positions", positions) or "It holds no position now.",
        f"Nothing has happened yet. Confirm within {seconds:g} s.",
    )


def not_done_text(what: str, why: str, state: str, next_step: str, reference: str = "") -> str:
    """Return a failure: what failed, why, what did not happen, what to do, and the log's id."""
    found = [f"{bold(f'Not done: {what}')}", escape(why), escape(state), escape(next_step)]
    if reference:
        found.append(f"Reference {escape(reference)}")
    return "\n".join(line for line in found if line)


def late_line(line: str, age: timedelta) -> str:
    """Return "/flatten, sent 47 min ago"."""
    return f"{escape(line)}, sent {duration(age)} ago"


def nothing_text(header: Header, text: str) -> str:
    """Return an answer that something is so already."""
    return f"{headline(header)}\n{escape(text)}"


def _run_line(run: RunView) -> str:
    positions = count(run.open_positions, "open position")
    note = {
        "stopping": f"no entries; {positions} managed to the exit",
        "paused": f"no entries; {positions} managed on",
        "running": "enters and exits",
        "stopped": "nothing left to do" if not run.open_positions else f"{positions} left",
    }[run.state.value]
    return f"{bold(run.name)} is {STATE_WORDS[run.state]}: {escape(note)}."


def _orders(orders: Sequence[OrderView], header: Header) -> str:
    if not orders:
        return ""
    shown = orders[:_ORDERS_SHOWN]
    more = len(orders) - len(shown)
    block = cards(order_card(order, header.time_zone) for order in shown)
    return f"{block}\nand {more} more: /orders" if more else block


def _positions_line(outcome: Outcome) -> str:
    if not outcome.positions:
        return ""
    held = ", ".join(
        f"{position.ref.instrument_id} {quantity(position.quantity, sign=True)}"
        for position in outcome.positions
    )
    return f"Open: {escape(held)}"


def _preview_card(line: PreviewLine, view: PreviewView) -> list[str]:
    asset = view.header.reporting
    side = "sell" if line.quantity > 0 else "buy"
    return card(
        str(line.ref.instrument_id),
        amount(line.pnl, asset, sign=True),
        (f"{side} {quantity(abs(line.quantity))}", f"near {price(line.price)}"),
        (f"fee {amount(line.fee, asset)}", line.book_name),
    )


def _preview_sum(view: PreviewView) -> str:
    asset = view.header.reporting
    gains = [line.pnl for line in view.lines if line.pnl is not None]
    fees = [line.fee for line in view.lines if line.fee is not None]
    if not view.lines:
        return ""
    known = "" if len(gains) == len(view.lines) == len(fees) else " (a price is missing)"
    total = money(_sum(gains), asset, sign=True)
    cost = money(_sum(fees), asset)
    return f"Together {escape(total)}, fees about {escape(cost)}{known}"


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    with exact():
        return sum(amounts, ZERO)
