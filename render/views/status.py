"""/status and the greeting of a bare /start."""

from engine.domain.accounts import TradingState
from engine.domain.runs import RunState
from engine.domain.views import RunView, StatusView, VenuesView
from render.format import count, data_note, money, percent
from render.html import escape
from render.tables import pairs
from render.views.parts import answer, bullets, incomplete, runs_table
from render.views.venues import venue_line


def status_text(view: StatusView, venues: VenuesView) -> str:
    """Return equity, the day, what runs, what waits for a person, and how the venue is."""
    return answer(
        view.header,
        "Status",
        _halted(view),
        *_figures(view),
        venue_line(venues),
        data_note(view.header),
    )


def greeting_text(view: StatusView, name: str) -> str:
    """Return the greeting: what runs, and that nothing was started by it."""
    running = [run for run in view.runs if run.state is RunState.RUNNING]
    hello = f"Hello {escape(name)}." if name else "Hello."
    if running:
        names = ", ".join(run.name for run in running)
        now = f"{count(len(running), 'run')} of {len(view.runs)} at work: {escape(names)}."
    elif view.runs:
        now = "No run is at work. Choose one below, or send /start NAME."
    else:
        now = "No run is configured yet: name one under <code>runs:</code> in the configuration."
    told = f"{hello} {now}"
    note = data_note(view.header)
    return answer(view.header, "Outcry", told, _halted(view), *_figures(view), note)


def _figures(view: StatusView) -> tuple[str, ...]:
    asset = view.header.reporting
    figures = pairs(
        [
            ("Equity", money(view.equity, asset)),
            ("Today", money(view.day_pnl, asset, sign=True)),
            ("Drawdown", percent(view.drawdown)),
            ("Positions", str(view.open_positions)),
            ("Open orders", str(view.open_orders)),
        ]
    )
    table = runs_table(view.runs, asset) if view.runs else ""
    return (
        figures,
        incomplete(view.incomplete),
        table,
        _reasons(view.runs),
        bullets("Waiting for you", view.waiting),
    )


def _halted(view: StatusView) -> str:
    if view.header.trading_state is TradingState.HALTED:
        reason = f" ({escape(view.halt_reason)})" if view.halt_reason else ""
        return f"⛔ Killed{reason}: no entries until /rearm. Stops go on."
    if view.header.trading_state is TradingState.REDUCING:
        return "Only orders that shrink exposure are allowed."
    return ""


def _reasons(runs: tuple[RunView, ...]) -> str:
    return "\n".join(
        f"{escape(run.name)} is paused: {escape(run.paused_reason)}"
        for run in runs
        if run.state is RunState.PAUSED and run.paused_reason
    )
