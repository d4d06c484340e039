"""/pnl, /balance, /equity, /report, /chart."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import structlog

from bot.telegram.call import Call, ChartMaker
from bot.telegram.registry import UsageError
from bot.telegram.replies import Reply, command_button, grid, refresh_button, row, rows
from bot.telegram.resolve import match_instruments
from engine.domain.ids import InstrumentId
from engine.domain.queries import (
    GetBalance,
    GetChart,
    GetEquity,
    GetInstruments,
    GetPnl,
    GetReport,
)
from engine.domain.views import (
    BalanceView,
    ChartView,
    DailyReport,
    EquityView,
    InstrumentsView,
    PnlView,
)
from engine.errors import OutcryError
from render.html import escape
from render.views.money import balance_text, chart_caption, equity_caption, pnl_text
from render.views.report import report_text

_BARS, _MOST_BARS = 120, 500
_MOST_BUTTONS = 40

_log = structlog.get_logger(__name__)


async def pnl(call: Call) -> Reply:
    """Show P&L by span, run and instrument."""
    view = await call.ask(GetPnl(), PnlView)
    buttons = row(refresh_button(call.line), command_button("Equity", "/equity"))
    return Reply(html=pnl_text(view), buttons=rows(buttons))


async def balance(call: Call) -> Reply:
    """Show what the account holds."""
    view = await call.ask(GetBalance(), BalanceView)
    return Reply(html=balance_text(view), buttons=rows(row(refresh_button(call.line))))


async def report(call: Call) -> Reply:
    """Show the day's report: today's so far, or that of a date."""
    day = await _report_day(call)
    view = await call.ask(GetReport(day=day), DailyReport)
    before = command_button("◀ Day before", f"/report {view.day - timedelta(days=1)}", edit=True)
    return Reply(html=report_text(view), buttons=rows(row(before, refresh_button(call.line))))


async def equity(call: Call) -> Reply:
    """Draw the equity curve."""
    view = await call.ask(GetEquity(), EquityView)
    text = equity_caption(view)
    if not view.points:
        return Reply(html=text)
    return await _picture(call, text, lambda maker: maker.equity(view))


async def chart(call: Call) -> Reply:
    """Draw an instrument's bars with fills, stop and target."""
    known = (await call.ask(GetInstruments(), InstrumentsView)).instrument_ids
    if not call.words:
        return _which(known)
    found = match_instruments(known, call.words[0])
    if len(found) > 1:
        return _which(found)
    view = await call.ask(GetChart(instrument_id=found[0], bars=_bars(call)), ChartView)
    text = chart_caption(view)
    if not view.close:
        return Reply(html=text)
    return await _picture(call, text, lambda maker: maker.candles(view))


async def _picture(call: Call, text: str, draw: Callable[[ChartMaker], Awaitable[bytes]]) -> Reply:
    """Return text with its picture; the text alone, and why, where none can be drawn."""
    buttons = rows(row(refresh_button(call.line)))
    if call.tools.charts is None:
        return Reply(html=f"{text}\n(No pictures here: charts are switched off.)", buttons=buttons)
    try:
        photo = await draw(call.tools.charts)
    except (OutcryError, OSError, TimeoutError) as exc:
        _log.warning("chart not drawn", error=str(exc))
        why = escape(str(exc) or type(exc).__name__)
        return Reply(html=f"{text}\n(The picture could not be drawn: {why})", buttons=buttons)
    return Reply(html=text, photo=photo, buttons=buttons)


def _which(known: tuple[InstrumentId, ...]) -> Reply:
    if not known:
        return Reply(html="No instrument is known yet: ask again when the market data is loaded.")
    buttons = [command_button(str(name), f"/chart {name}") for name in known[:_MOST_BUTTONS]]
    found = [button for button in buttons if button is not None]
    rest = len(known) - len(found)
    more = f" {rest} more are not listed: send /chart SYMBOL." if rest else ""
    return Reply(html=f"Which instrument?{more}", buttons=grid(found, across=3))


def _bars(call: Call) -> int:
    if len(call.words) < 2:
        return _BARS
    word = call.words[1]
    if not word.isdigit() or not 10 <= int(word) <= _MOST_BARS:
        raise UsageError(f"{word!r} is no number of bars from 10 to {_MOST_BARS}.")
    return int(word)


async def _report_day(call: Call) -> date | None:
    if not call.words or call.words[0].lower() == "today":
        return None
    if call.words[0].lower() == "yesterday":
        today = await call.ask(GetReport(), DailyReport)
        return today.day - timedelta(days=1)
    try:
        return date.fromisoformat(call.words[0])
    except ValueError as exc:
        raise UsageError(
            f"{call.words[0]!r} is no date. Usage: /report [today, yesterday or 2026-11-20]"
        ) from exc
