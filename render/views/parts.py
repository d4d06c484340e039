"""What the chat texts are put together from."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from engine.domain.ids import AssetId
from engine.domain.money import exact
from engine.domain.runs import RunState
from engine.domain.views import Header, PnlLine, RunView
from render.format import Column, amount, headline, table
from render.html import bold, escape, pre
from render.tables import PHONE_WIDTH, fit, pad, text_width, wrap

PAGE_SIZE = 10  # of what is listed in cards; a page then is one message with room to spare

STATE_WORDS = {
    RunState.RUNNING: "running",
    RunState.PAUSED: "paused",
    RunState.STOPPING: "stopping",
    RunState.STOPPED: "stopped",
}


def answer(header: Header, title: str, *blocks: str) -> str:
    """Return an answer: the mode's line, a title, and the blocks that have something to say."""
    return "\n".join([headline(header), bold(title), *(block for block in blocks if block)])


def lines(texts: Iterable[str]) -> str:
    """Return plain texts as escaped lines."""
    return "\n".join(escape(text) for text in texts)


def bullets(title: str, texts: Sequence[str]) -> str:
    """Return a titled list; nothing for an empty one."""
    if not texts:
        return ""
    return "\n".join([bold(title), *(f"• {escape(text)}" for text in texts)])


def incomplete(what: Sequence[str]) -> str:
    """Say which prices a figure lacks; nothing when it lacks none."""
    if not what:
        return ""
    return f"⚠ Incomplete: no fresh price for {escape(', '.join(what))}."


def page_line(first: int, shown: int, total: int) -> str:
    """Say which part of a list this is; nothing when it is all of it."""
    if shown >= total:
        return ""
    return f"{first + 1} to {first + shown} of {total}"


def card(name: str, value: str, *details: Sequence[str]) -> list[str]:
    """Return one item as lines of at most 34 cells.

    The name lies left and the value right of the first line; each group of details follows
    indented, its pieces side by side as far as they fit.
    """
    room = PHONE_WIDTH - text_width(value) - 1
    found = [pad(fit(name, room), room) + " " + value if room > 0 else fit(name, PHONE_WIDTH)]
    if room <= 0:
        found.extend(wrap(value))
    for pieces in details:
        found.extend(_flow([piece for piece in pieces if piece]))
    return found


def cards(items: Iterable[Sequence[str]]) -> str:
    """Return several cards as one monospaced block."""
    return pre("\n".join(line for item in items for line in item))


def _flow(pieces: Sequence[str]) -> list[str]:
    found: list[str] = []
    line = ""
    for piece in (part for text in pieces for part in wrap(text, PHONE_WIDTH - 1)):
        longer = f"{line}  {piece}" if line else f" {piece}"
        if line and text_width(longer) > PHONE_WIDTH:
            found.append(line)
            longer = f" {piece}"
        line = longer
    return [*found, line] if line else found


def run_total(run: RunView) -> Decimal | None:
    """Return what a run made, fees taken off, open positions included; None when unpriced."""
    if run.unrealized_pnl is None:
        return None
    with exact():
        return run.realized_pnl + run.unrealized_pnl - run.fees


def runs_table(runs: Sequence[RunView], asset: AssetId) -> str:
    """Return the runs with state and P&L."""
    columns = (
        Column(title="Run", shrink=True),
        Column(title="State"),
        Column(title=f"P&L {asset}", right=True),
    )
    rows = [
        (run.name, STATE_WORDS[run.state], amount(run_total(run), asset, sign=True)) for run in runs
    ]
    return table(rows, columns)


def pnl_table(title: str, parts: Sequence[PnlLine], asset: AssetId) -> str:
    """Return total and fees of several parts; nothing for none."""
    if not parts:
        return ""
    columns = (
        Column(title=title, shrink=True),
        Column(title="Total", right=True),
        Column(title="Fees", right=True),
    )
    rows = [
        (part.label, amount(part.total, asset, sign=True), amount(part.fees, asset))
        for part in parts
    ]
    return table(rows, columns)
