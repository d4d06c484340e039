"""/report: the day's P&L, each figure from the ledger, summing to the change in equity."""

from engine.domain.views import DailyReport, ReportPosition
from render.format import (
    Column,
    amount,
    calendar_day,
    count,
    money,
    percent,
    price,
    quantity,
    table,
)
from render.html import bold, escape
from render.tables import pairs
from render.views.parts import answer, bullets, incomplete, pnl_table

_TRADES_SHOWN = 10


def report_text(view: DailyReport) -> str:
    """Return one trading day for the chat; the mail has the same figures at more length."""
    asset = view.header.reporting
    so_far = "" if view.is_final else " so far"
    return answer(
        view.header,
        f"{calendar_day(view.day)}{so_far}: {money(view.total, asset, sign=True)}",
        _bridge(view),
        incomplete(view.incomplete),
        _unexplained(view),
        pnl_table("Run", view.by_run, asset),
        pnl_table("Instrument", view.by_instrument, asset),
        _trades(view),
        _positions(view),
        bullets("Limits reached", view.breaches),
        bullets("Incidents", view.incidents),
    )


def _bridge(view: DailyReport) -> str:
    asset = view.header.reporting
    rows = [
        ("Equity before", amount(view.equity_start, asset)),
        ("Net deposits", amount(view.flows, asset, sign=True)),
        ("Realised", amount(view.realized, asset, sign=True)),
        ("Unrealised change", amount(view.unrealized_change, asset, sign=True)),
        ("Fees", amount(-view.fees, asset, sign=True)),
        ("Funding", amount(view.funding, asset, sign=True)),
    ]
    if view.revaluation:
        rows.append(("Holdings revalued", amount(view.revaluation, asset, sign=True)))
    rows.append(("Equity after", amount(view.equity_end, asset)))
    rows.append(("Drawdown", percent(view.drawdown)))
    rows.append(("Deepest drawdown", percent(view.max_drawdown)))
    return pairs(rows)


def _unexplained(view: DailyReport) -> str:
    if not view.unexplained:
        return ""
    rest = money(view.unexplained, view.header.reporting, sign=True)
    return f"⚠ {escape(rest)} of the change in equity is not explained by the ledger."


def _trades(view: DailyReport) -> str:
    if not view.trades:
        return "No trade was closed."
    asset = view.header.reporting
    columns = (
        Column(title="Closed", shrink=True),
        Column(title="Why", shrink=True),
        Column(title="P&L", right=True),
    )
    rows = [
        (str(trade.instrument_id), trade.exit_reason, amount(trade.pnl, asset, sign=True))
        for trade in view.trades[-_TRADES_SHOWN:]
    ]
    left_out = len(view.trades) - len(rows)
    more = f"\nand {count(left_out, 'earlier one')}: /trades" if left_out else ""
    return table(rows, columns) + more


def _positions(view: DailyReport) -> str:
    if not view.positions:
        return "No position is open."
    asset = view.header.reporting
    columns = (
        Column(title="Open", shrink=True),
        Column(title="Qty", right=True),
        Column(title="Unreal.", right=True),
    )
    rows = [
        (
            str(position.instrument_id),
            quantity(position.quantity, sign=True),
            amount(position.unrealized_pnl, asset, sign=True),
        )
        for position in view.positions
    ]
    unprotected = [
        _without_stop(position) for position in view.positions if not position.stop_price
    ]
    return "\n".join([table(rows, columns), *unprotected])


def _without_stop(position: ReportPosition) -> str:
    name = bold(position.instrument_id)
    mark = price(position.mark_price)
    return f"{name} ({escape(position.book_name)}) has no stop; price {mark}."
