"""What is said of a day in chat and push: the verdict first, doubts about the figures loudly."""

from engine.domain.events import DailyReportReady
from engine.domain.ids import AssetId
from engine.domain.views import DailyReport, PnlLine
from render.alerts.model import Words, one_line
from render.format import calendar_day, count, money, percent


def daily_report_ready(event: DailyReportReady) -> Words:
    report = event.report
    asset = report.header.reporting
    return Words(
        headline=f"{calendar_day(report.day)}: {verdict(report)}",
        context=(
            f"equity {money(report.equity_end, asset)}",
            f"drawdown {percent(report.drawdown)}",
            "" if report.is_final else "the day goes on",
        ),
        facts=(
            *doubts(report),
            f"Realised {money(report.realized, asset, sign=True)}, unrealised "
            f"{money(report.unrealized_change, asset, sign=True)}, fees "
            f"{money(-report.fees, asset, sign=True)}.",
            _by_run(report),
            f"{count(len(report.trades), 'trade')}, "
            f"{count(len(report.positions), 'open position')}, "
            f"{count(len(report.breaches), 'limit breach', 'limit breaches')}, "
            f"{count(len(report.incidents), 'incident')}.",
        ),
        sign="⚠️" if doubts(report) else "",
        zone=report.header.time_zone,
    )


def verdict(report: DailyReport) -> str:
    """Return the day's result with its share of the equity it began with."""
    text = money(report.total, report.header.reporting, sign=True)
    if report.total is None or not report.equity_start:
        return text
    return f"{text} ({percent(report.total / report.equity_start)})"


def doubts(report: DailyReport) -> tuple[str, ...]:
    """Return what is wrong with the figures; empty when they are complete and add up."""
    found = []
    if report.unexplained is None:
        found.append("NOT CHECKED: a figure is missing, so the sum could not be compared.")
    elif report.unexplained:
        found.append(
            "DOES NOT ADD UP: "
            f"{money(report.unexplained, report.header.reporting, sign=True)} of the change in "
            "equity is explained by nothing in the ledger. Compare /positions and /balance with "
            "the venue."
        )
    if report.incomplete:
        listed = ", ".join(map(one_line, report.incomplete))
        found.append(f"INCOMPLETE: no fresh price for {listed}.")
    return tuple(found)


def _by_run(report: DailyReport) -> str:
    if not report.by_run:
        return ""
    asset = report.header.reporting
    return "\n".join(_line(line, asset) for line in report.by_run)


def _line(line: PnlLine, asset: AssetId) -> str:
    trades = f" ({count(line.trades, 'trade')})" if line.trades else ""
    return f"{one_line(line.label)} {money(line.total, asset, sign=True)}{trades}"
