"""The account's trading day: where it is cut, and what it has made since."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.desk.state import Desk
from engine.domain.accounts import Account
from engine.domain.money import exact


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """Attributes:
    pnl: Change of equity since the cut less flows; None while a price is missing.
    equity_at_cut: None when the account has not been valued at a cut yet.
    """

    pnl: Decimal | None
    equity_at_cut: Decimal | None


def day_figures(desk: Desk) -> DayFigures:
    """Return today's profit and loss at the present marks, unrealised included."""
    mark = desk.day_mark
    if mark is None or mark.equity is None:
        return DayFigures(pnl=None, equity_at_cut=None)
    equity = desk.equity()
    if equity is None:
        return DayFigures(pnl=None, equity_at_cut=mark.equity)
    with exact():
        flows = desk.ledger.totals().flows - mark.flows
        return DayFigures(pnl=equity - mark.equity - flows, equity_at_cut=mark.equity)


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One day of an account: `day` names it, [start, end) bounds it, UTC.

    A day ends at the account's `day_cut` on the date that names it (a cut at 00:00 ends the
    date before). Days may last 23 to 25 hours where clocks change.
    """

    day: date
    start: datetime
    end: datetime


def day_of(account: Account, instant: datetime) -> TradingDay:
    """Return the trading day that contains `instant`."""
    zone = ZoneInfo(account.time_zone)
    cut = time.fromisoformat(account.day_cut)
    local = instant.astimezone(zone).date()
    for offset in (-1, 0, 1):
        end_date = local + timedelta(days=offset)
        start = _cut_at(end_date - timedelta(days=1), cut, zone)
        end = _cut_at(end_date, cut, zone)
        if start <= instant < end:
            named = end_date - timedelta(days=1) if cut == time(0) else end_date
            return TradingDay(named, start, end)
    raise AssertionError(f"no trading day holds {instant}")  # the three cover 72 hours


def day_named(account: Account, day: date) -> TradingDay:
    """Return the trading day of that name."""
    zone = ZoneInfo(account.time_zone)
    cut = time.fromisoformat(account.day_cut)
    end_date = day + timedelta(days=1) if cut == time(0) else day
    return TradingDay(
        day,
        _cut_at(end_date - timedelta(days=1), cut, zone),
        _cut_at(end_date, cut, zone),
    )


def _cut_at(day: date, cut: time, zone: ZoneInfo) -> datetime:
    """Return the cut's instant; one that a clock change skips is as much later as it jumps.

    Python maps a skipped time (fold=0) by the offset before the change; `cadence` does the same,
    so that the report of a day is due at its end.
    """
    return datetime.combine(day, cut, zone).astimezone(UTC)
