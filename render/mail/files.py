"""The report's tables as CSV (RFC 4180): exact decimals, ISO 8601 UTC, safe to open in a sheet."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

from engine.domain.money import to_text
from engine.domain.views import DailyReport

Cell = str | Decimal | datetime | None
# A sheet takes a cell that begins so for a formula and runs it:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def trades_csv(report: DailyReport) -> str:
    """Return the day's round trips, a line each."""
    asset = report.header.reporting
    heads = (
        *("symbol", "book", "side", "quantity", "entry_time", "entry_price", "exit_time"),
        *("exit_price", f"fees_{asset}", f"pnl_{asset}", "exit_reason"),
    )
    return _csv(
        heads,
        (
            (
                trade.instrument_id,
                trade.book_name,
                "long" if trade.is_long else "short",
                trade.quantity,
                trade.entry_time,
                trade.entry_price,
                trade.exit_time,
                trade.exit_price,
                trade.fees,
                trade.pnl,
                trade.exit_reason,
            )
            for trade in report.trades
        ),
    )


def positions_csv(report: DailyReport) -> str:
    """Return what is open at the day's end, a line each; an unknown figure is empty."""
    asset = report.header.reporting
    heads = (
        "symbol",
        "book",
        "quantity",
        "entry_price",
        "mark_price",
        "stop_price",
        f"pnl_{asset}",
    )
    return _csv(
        heads,
        (
            (
                position.instrument_id,
                position.book_name,
                position.quantity,
                position.entry_price,
                position.mark_price,
                position.stop_price,
                position.unrealized_pnl,
            )
            for position in report.positions
        ),
    )


def _csv(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow([_cell(head) for head in heads])
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return to_text(value)  # a number keeps its minus: it is no formula
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"'{value}" if value.startswith(_FORMULA) else value
