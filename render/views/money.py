"""/trades, /pnl, /balance, and the captions of /chart and /equity."""

from engine.domain.ids import AssetId
from engine.domain.money import exact, from_float
from engine.domain.orders import OrderSide
from engine.domain.views import (
    BalanceLine,
    BalanceView,
    ChartView,
    EquityView,
    PnlView,
    TradesView,
    TradeView,
)
from render.format import (
    Column,
    amount,
    count,
    duration,
    instant,
    money,
    number,
    percent,
    price,
    quantity,
    table,
)
from render.html import escape
from render.tables import pairs
from render.views.parts import answer, card, cards, incomplete, pnl_table


def trades_text(view: TradesView, page: int = 1) -> str:
    """Return closed round trips, newest first."""
    if not view.trades:
        return answer(view.header, "Trades", "None closed yet." if page == 1 else "No more.")
    asset = view.header.reporting
    zone = view.header.time_zone
    part = f"page {page}, {len(view.trades)} of {view.total}" if _is_part(view, page) else ""
    return answer(
        view.header,
        f"Trades ({view.total})",
        part,
        cards(_trade_card(trade, asset, zone) for trade in view.trades),
        f"P&amp;L in {escape(asset)}, fees taken off.",
    )


def pnl_text(view: PnlView) -> str:
    """Return P&L by span, run and instrument; totals have fees taken off."""
    asset = view.header.reporting
    return answer(
        view.header,
        f"P&L in {asset}",
        pnl_table("Span", view.spans, asset),
        pnl_table("Run", view.by_run, asset),
        pnl_table("Instrument", view.by_instrument, asset),
        pairs(
            [
                ("Drawdown now", percent(view.drawdown)),
                ("Deepest drawdown", percent(view.max_drawdown)),
                ("Winning trades", percent(view.win_rate, sign=False, places=1)),
                ("Profit factor", _profit_factor(view)),
            ]
        ),
        _unpriced(view),
    )


def balance_text(view: BalanceView) -> str:
    """Return what the account holds, asset by asset, and what it is worth."""
    asset = view.header.reporting
    columns = (
        Column(title="Asset", shrink=True),
        Column(title="Total", right=True),
        Column(title=f"In {asset}", right=True),
    )
    rows = [
        (str(line.asset), amount(line.total, line.asset), amount(line.value, asset))
        for line in view.lines
    ]
    locked = [line for line in view.lines if line.locked]
    return answer(
        view.header,
        "Balance",
        table(rows, columns) if rows else "Nothing held.",
        "\n".join(_locked(line) for line in locked),
        f"Equity: {escape(money(view.equity, asset))}",
        incomplete(view.incomplete),
    )


def chart_caption(view: ChartView) -> str:
    """Return a chart's numbers as text, for readers who don't see the picture."""
    if not view.close:
        return answer(view.header, f"{view.instrument_id} {view.timeframe}", "No bars yet.")
    first, last = from_float(view.open[0]), from_float(view.close[-1])
    change = (last - first) / first if first else None
    bought = sum(mark.side is OrderSide.BUY for mark in view.marks)
    levels = [
        f"{word} {price(level)}"
        for word, level in (
            ("entry", view.entry_price),
            ("stop", view.stop_price),
            ("target", view.target_price),
        )
        if level is not None
    ]
    return answer(
        view.header,
        f"{view.instrument_id} {view.timeframe}",
        f"Last {price(last)} ({percent(change)} over {count(len(view.close), 'bar')})",
        f"High {price(from_float(max(view.high)))}, low {price(from_float(min(view.low)))}",
        f"Position: {', '.join(levels)}" if levels else "No position.",
        f"Fills shown: {bought} buy, {len(view.marks) - bought} sell" if view.marks else "",
    )


def equity_caption(view: EquityView) -> str:
    """Return the equity curve's numbers as text."""
    asset = view.header.reporting
    if not view.points:
        return answer(view.header, "Equity", "No equity stored yet: ask again in a minute.")
    first, last = view.points[0], view.points[-1]
    with exact():
        made = (last.equity - last.flows) - (first.equity - first.flows)
    zone = view.header.time_zone
    return answer(
        view.header,
        "Equity",
        f"Now {escape(money(last.equity, asset))}",
        f"{escape(money(made, asset, sign=True))} since {escape(instant(first.time, zone))}",
        f"Drawdown {percent(view.drawdown)}, deepest {percent(view.max_drawdown)}",
    )


def _trade_card(trade: TradeView, asset: AssetId, zone: str) -> list[str]:
    side = "long" if trade.is_long else "short"
    return card(
        str(trade.instrument_id),
        amount(trade.pnl, asset, sign=True),
        (f"{side} {quantity(trade.quantity)}", trade.exit_reason),
        (f"in {price(trade.entry_price)}", f"out {price(trade.exit_price)}"),
        (instant(trade.exit_time, zone), duration(trade.exit_time - trade.entry_time)),
        (trade.book_name, f"fees {amount(trade.fees, asset)}"),
    )


def _is_part(view: TradesView, page: int) -> bool:
    return page > 1 or len(view.trades) < view.total


def _profit_factor(view: PnlView) -> str:
    if view.profit_factor is not None:
        return number(view.profit_factor, 2)
    return "no losing trade" if view.win_rate is not None else "no trades yet"


def _unpriced(view: PnlView) -> str:
    parts = (*view.spans, *view.by_run, *view.by_instrument)
    if any(part.total is None for part in parts):
        return "⚠ Incomplete: n/a stands where a price is missing."
    return ""


def _locked(line: BalanceLine) -> str:
    held = f"{amount(line.locked, line.asset)} {line.asset}"
    return f"{escape(held)} is held by open orders."
