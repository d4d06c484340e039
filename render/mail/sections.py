"""The daily report's tables. Text and HTML are both made from these, so neither lacks a figure."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from engine.domain.ids import AssetId
from engine.domain.views import DailyReport, PnlLine, ReportPosition, TradeView
from render.alerts.model import one_line
from render.format import (
    UNKNOWN,
    amount,
    clock_time,
    duration,
    instant,
    money,
    percent,
    price,
    quantity,
)
from render.mail.model import Section

EQUITY_PICTURE = "equity.png"
RUNS_PICTURE = "strategies.png"


def report_sections(report: DailyReport) -> Iterator[Section]:
    """Yield the tables in the order of importance."""
    yield _result(report)
    yield _equity(report)
    if report.by_run:
        yield _lines("By strategy", "Strategy", report.by_run, report, RUNS_PICTURE)
    if report.by_instrument:
        yield _lines("By symbol", "Symbol", report.by_instrument, report)
    yield _trades(report)
    yield _positions(report)
    yield _events("Limits reached", report.breaches, "No limit was reached.")
    yield _events("Incidents", report.incidents, "No incident.")
    yield _definitions(report)


def _result(report: DailyReport) -> Section:
    asset = report.header.reporting
    rows = [
        ("Realised", money(report.realized, asset, sign=True)),
        ("Unrealised, change over the day", money(report.unrealized_change, asset, sign=True)),
        ("Fees", money(-report.fees, asset, sign=True)),
        ("Funding", money(report.funding, asset, sign=True)),
    ]
    if report.revaluation:
        rows.append(("Price change of other holdings", money(report.revaluation, asset, sign=True)))
    rows.append(("Result of the day", money(report.total, asset, sign=True)))
    return Section(title="Result", rows=rows, total_row=True)


def _equity(report: DailyReport) -> Section:
    asset = report.header.reporting
    change = money(report.total, asset, sign=True)
    return Section(
        title="Equity",
        rows=[
            ("At the start", money(report.equity_start, asset)),
            ("Deposits less withdrawals", money(report.flows, asset, sign=True)),
            ("Result of the day", change),
            ("Not explained by the ledger", money(report.unexplained, asset, sign=True)),
            ("At the end", money(report.equity_end, asset)),
        ],
        total_row=True,
        note=(
            f"Drawdown from the peak: now {percent(report.drawdown)}, deepest "
            f"{percent(report.max_drawdown)}."
        ),
        picture=EQUITY_PICTURE,
        alt=(
            f"Equity over the day, from {money(report.equity_start, asset)} to "
            f"{money(report.equity_end, asset)}, drawdown {percent(report.drawdown)}"
        ),
    )


def _lines(
    title: str, name: str, lines: Sequence[PnlLine], report: DailyReport, picture: str = ""
) -> Section:
    asset = report.header.reporting
    funded = any(line.funding for line in lines)
    heads = [name, "Realised", "Unreal.", "Fees", *(["Funding"] if funded else []), "Total", "n"]
    told = ", ".join(
        f"{one_line(line.label)} {money(line.total, asset, sign=True)}" for line in lines
    )
    return Section(
        title=f"{title}, {asset}",
        heads=heads,
        rows=[_line_cells(line, asset, funded=funded) for line in lines],
        picture=picture,
        alt=f"Result per strategy: {told}" if picture else "",
    )


def _line_cells(line: PnlLine, asset: AssetId, *, funded: bool) -> list[str]:
    return [
        one_line(line.label),
        amount(line.realized, asset, sign=True),
        amount(line.unrealized_change, asset, sign=True),
        amount(-line.fees, asset, sign=True),
        *([amount(line.funding, asset, sign=True)] if funded else []),
        amount(line.total, asset, sign=True),
        str(line.trades),
    ]


def _trades(report: DailyReport) -> Section:
    asset, zone = report.header.reporting, report.header.time_zone
    won = sum(trade.pnl > 0 for trade in report.trades)
    lost = sum(trade.pnl < 0 for trade in report.trades)
    note = "No trade was closed."
    if report.trades:
        best = max(trade.pnl for trade in report.trades)
        worst = min(trade.pnl for trade in report.trades)
        note = (
            f"{won} won, {lost} lost; best {money(best, asset, sign=True)}, worst "
            f"{money(worst, asset, sign=True)}. Net of fees; times in {zone}."
        )
    return Section(
        title=f"Closed trades: {len(report.trades)}",
        heads=["Trade", "In", "Out", "Held", f"Net {asset}"] if report.trades else [],
        rows=[_trade_cells(trade, asset, zone) for trade in report.trades],
        note=note,
    )


def _trade_cells(trade: TradeView, asset: AssetId, zone: str) -> list[str]:
    side = "long" if trade.is_long else "short"
    what = f"{trade.instrument_id} {side} {quantity(trade.quantity)}"
    return [
        one_line(f"{what} · {trade.exit_reason} {clock_time(trade.exit_time, zone)}"),
        price(trade.entry_price),
        price(trade.exit_price),
        duration(trade.exit_time - trade.entry_time),
        amount(trade.pnl, asset, sign=True),
    ]


def _positions(report: DailyReport) -> Section:
    asset = report.header.reporting
    return Section(
        title=f"Open positions: {len(report.positions)}",
        heads=["Position", "Entry", "Mark", "Stop", f"P&L {asset}"] if report.positions else [],
        rows=[_position_cells(position, asset) for position in report.positions],
        note="" if report.positions else "Nothing is open.",
    )


def _position_cells(position: ReportPosition, asset: AssetId) -> list[str]:
    size = quantity(position.quantity, sign=True)
    return [
        one_line(f"{position.instrument_id} {size} · {position.book_name}"),
        price(position.entry_price),
        price(position.mark_price),
        _stop(position),
        amount(position.unrealized_pnl, asset, sign=True),
    ]


def _stop(position: ReportPosition) -> str:
    if position.stop_price is None:
        return "none"
    if not position.mark_price:
        return price(position.stop_price)
    away: Decimal = position.stop_price / position.mark_price - 1
    return f"{price(position.stop_price)} ({percent(away, places=1)})"


def _events(title: str, told: Sequence[str], none: str) -> Section:
    rows = [(one_line(words),) for words in told]
    return Section(title=f"{title}: {len(told)}", rows=rows, note="" if told else none)


def _definitions(report: DailyReport) -> Section:
    header = report.header
    return Section(
        title="What the words mean",
        rows=[
            (
                "Equity at the end = at the start + deposits less withdrawals + realised + "
                "unrealised change - fees + funding. What is left over is shown as not explained.",
            ),
            (
                "Realised: of closed quantities, before fees. Drawdown: below the highest equity "
                "so far, deposits and withdrawals taken out.",
            ),
            (
                f"The day runs from {instant(report.start, header.time_zone)} to "
                f"{instant(report.end, header.time_zone)}. {UNKNOWN} is unknown, never zero.",
            ),
        ],
    )
