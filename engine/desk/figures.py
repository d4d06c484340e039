"""The account's figures: equity marks, reports and lines of P&L, every one from the ledger."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from engine.desk.day import TradingDay
from engine.desk.describe import position_views
from engine.desk.state import Desk
from engine.desk.trades import trade_view
from engine.domain.events import (
    DailyReportReady,
    DifferenceFound,
    OrderDenied,
    OrderStateUnknown,
    PositionForced,
    RiskBreached,
    StopMissing,
    StrategyFailed,
    TradingHalted,
)
from engine.domain.ids import BookId
from engine.domain.ledger import Totals
from engine.domain.messages import Event
from engine.domain.money import ZERO, exact
from engine.domain.performance import drawdown
from engine.domain.records import EquityMark
from engine.domain.valuation import BookValue, Valuation
from engine.domain.views import DailyReport, EquityPoint, PnlLine, ReportPosition

_INCIDENTS = (
    "StrategyFailed",
    "OrderStateUnknown",
    "DifferenceFound",
    "PositionForced",
    "StopMissing",
)
_BREACHES = ("RiskBreached", "TradingHalted", "OrderDenied")


class PartTotals(msgspec.Struct, frozen=True):
    """Running totals of one book or instrument at a mark: the next day's report subtracts them."""

    realized: Decimal
    fees: Decimal
    funding: Decimal
    unrealized: Decimal | None
    trades: int


class MarkDetails(msgspec.Struct, frozen=True):
    """What an equity mark keeps beside the account's sums."""

    books: dict[str, PartTotals]
    instruments: dict[str, PartTotals]


NO_DETAILS = MarkDetails(books={}, instruments={})
_NONE_YET = PartTotals(ZERO, ZERO, ZERO, ZERO, 0)


class Figures:
    """Computes; stores nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # --- marks -------------------------------------------------------------------------------

    def equity_mark(self, at: datetime, *, is_day_cut: bool) -> EquityMark:
        """Return the account's value, dated `at`, with what the next report needs of its parts.

        A due time inside closed hours is handled when the market opens again: nothing has
        been booked or priced since, so the value is that of the due time.
        """
        desk = self._desk
        value = desk.valuation()
        totals = desk.ledger.totals()
        return EquityMark(
            account_id=desk.account.id,
            time=at,
            equity=value.equity,
            unrealized=value.unrealized,
            realized=totals.realized,
            fees=totals.fees,
            funding=_carry(totals),
            flows=totals.flows,
            revaluation=value.revaluation or ZERO,
            is_day_cut=is_day_cut,
            details=self._details(value) if is_day_cut else "",
        )

    def _details(self, value: Valuation) -> str:
        """Return what the next day's report subtracts, as JSON."""
        trades = self._desk.ledger.trades()
        of_book = Counter(trade.book_id for trade in trades)
        of_instrument = Counter(trade.instrument_id for trade in trades)
        details = MarkDetails(
            books={book: _part(part, of_book[book]) for book, part in value.by_book.items()},
            instruments={
                instrument_id: _part(part, of_instrument[instrument_id])
                for instrument_id, part in value.by_instrument.items()
            },
        )
        return msgspec.json.encode(details).decode()

    # --- reports -----------------------------------------------------------------------------

    async def report(self, day: TradingDay, *, is_final: bool) -> DailyReport:
        """Return the report of the day in progress, from its opening mark to now."""
        desk = self._desk
        now = min(desk.clock.now(), day.end)
        async with desk.storage() as uow:
            start = await uow.equity.last_day_cut(desk.account.id, day.start)
            start = start or desk.day_mark
            marks = await uow.equity.between(
                desk.account.id, day.start, now + timedelta(microseconds=1)
            )
            breaches = await uow.events.of_types(desk.account.id, _BREACHES, day.start, now)
            incidents = await uow.events.of_types(desk.account.id, _INCIDENTS, day.start, now)
        end = self.equity_mark(now, is_day_cut=True)
        return self._compose(
            day,
            start,
            end,
            points=[m for m in marks if m.equity is not None],
            breaches=tuple(_told(row.event) for row in breaches),
            incidents=tuple(_told(row.event) for row in incidents),
            is_final=is_final,
        )

    def _compose(
        self,
        day: TradingDay,
        start: EquityMark | None,
        end: EquityMark,
        *,
        points: Sequence[EquityMark],
        breaches: tuple[str, ...],
        incidents: tuple[str, ...],
        is_final: bool,
    ) -> DailyReport:
        desk = self._desk
        begin = start or replace(end, equity=None, unrealized=None)
        line = _line("total", _sums(begin), _sums(end))
        with exact():
            flows = end.flows - begin.flows
            revaluation = end.revaluation - begin.revaluation
            total = None if line.total is None else line.total + revaluation
            unexplained = None
            if total is not None and begin.equity is not None and end.equity is not None:
                unexplained = end.equity - begin.equity - flows - total
        curve = [
            EquityPoint(time=mark.time, equity=mark.equity, flows=mark.flows)
            for mark in (begin, *points, end)
            if mark.equity is not None
        ]
        worst = drawdown(curve)
        before, after = _details(begin), _details(end)
        trades = tuple(
            trade_view(desk, trade)
            for trade in desk.ledger.trades()
            if day.start <= trade.exit_time < day.end
        )
        return DailyReport(
            header=desk.header(),
            day=day.day,
            start=day.start,
            end=day.end if is_final else end.time,
            equity_start=begin.equity,
            equity_end=end.equity,
            flows=flows,
            realized=line.realized,
            unrealized_change=line.unrealized_change,
            fees=line.fees,
            funding=line.funding,
            revaluation=revaluation,
            total=total,
            unexplained=unexplained,
            drawdown=desk.drawdown.drawdown.current,
            max_drawdown=worst.maximum,
            by_run=_lines(before.books, after.books, lambda b: desk.book_name(BookId(b))),
            by_instrument=_lines(before.instruments, after.instruments, str),
            trades=trades,
            positions=tuple(_report_positions(desk)),
            breaches=breaches,
            incidents=incidents,
            equity_points=tuple(curve),
            incomplete=desk.valuation().incomplete,
            is_final=is_final,
        )

    async def told(self, day: TradingDay) -> DailyReport:
        """Return the report of an ended day, as it was told.

        Raises:
            LookupError: There is none: the day had no trading, or we were not there.
        """
        desk = self._desk
        async with desk.storage() as uow:
            rows = await uow.events.of_types(
                desk.account.id, ("DailyReportReady",), day.start, desk.clock.now()
            )
        for row in reversed(rows):
            if isinstance(row.event, DailyReportReady) and row.event.report.day == day.day:
                return row.event.report
        raise LookupError(f"there is no report of {day.day}: the market was closed or we were off")

    # --- lines of P&L ------------------------------------------------------------------------

    def line_between(
        self, label: str, start: EquityMark | None, end: EquityMark, trades: int
    ) -> PnlLine:
        """Return what the account made between two marks; None: since it opened."""
        begin = _NONE_YET if start is None else _sums(start)
        return replace(_line(label, begin, _sums(end)), trades=trades)

    def lines_by_run(self, end: EquityMark) -> tuple[PnlLine, ...]:
        """Return what each book made since the account opened."""
        name = self._desk.book_name
        return _lines({}, _details(end).books, lambda book: name(BookId(book)))

    def lines_by_instrument(self, end: EquityMark) -> tuple[PnlLine, ...]:
        """Return what each instrument made since the account opened."""
        return _lines({}, _details(end).instruments, str)


def _part(value: BookValue, trades: int) -> PartTotals:
    totals = value.totals
    return PartTotals(totals.realized, totals.fees, _carry(totals), value.unrealized, trades)


def _carry(totals: Totals) -> Decimal:
    """Return funding and interest together: what holding costs or pays."""
    with exact():
        return totals.funding + totals.interest


def _sums(mark: EquityMark) -> PartTotals:
    return PartTotals(mark.realized, mark.fees, mark.funding, mark.unrealized, 0)


def _details(mark: EquityMark) -> MarkDetails:
    return msgspec.json.decode(mark.details, type=MarkDetails) if mark.details else NO_DETAILS


def _lines(
    before: Mapping[str, PartTotals], after: Mapping[str, PartTotals], name: Callable[[str], str]
) -> tuple[PnlLine, ...]:
    lines = (_line(name(key), before.get(key, _NONE_YET), part) for key, part in after.items())
    return tuple(line for line in lines if line.total != 0 or line.fees or line.trades)


def _line(label: str, before: PartTotals, after: PartTotals) -> PnlLine:
    """Return what one part made between two marks."""
    with exact():
        realized = after.realized - before.realized
        fees = after.fees - before.fees
        funding = after.funding - before.funding
        change = None
        if before.unrealized is not None and after.unrealized is not None:
            change = after.unrealized - before.unrealized
        total = None if change is None else realized + change - fees + funding
    return PnlLine(
        label=label,
        realized=realized,
        unrealized_change=change,
        fees=fees,
        funding=funding,
        total=total,
        trades=after.trades - before.trades,
    )


def _report_positions(desk: Desk) -> list[ReportPosition]:
    return [
        ReportPosition(
            instrument_id=view.ref.instrument_id,
            book_name=view.book_name,
            quantity=view.quantity,
            entry_price=view.entry_price,
            mark_price=view.mark_price,
            unrealized_pnl=view.unrealized_pnl,
            stop_price=view.stop_price,
        )
        for view in position_views(desk)
    ]


def _told(event: Event) -> str:
    """Return one line about an incident for the report."""
    match event:
        case RiskBreached():
            return f"{event.limit}: {event.value:.2%} of {event.threshold:.2%}; {event.action}"
        case TradingHalted():
            return f"halted by {event.actor}: {event.reason}"
        case OrderDenied():
            return f"{event.book_name}: {event.side} {event.instrument_id} denied: {event.message}"
        case StrategyFailed():
            return f"{event.run_name}: strategy {event.kind}: {event.message}"
        case OrderStateUnknown() | StopMissing():
            return f"{event.book_name} {event.instrument_id}: {event.message}"
        case DifferenceFound():
            return event.difference.summary
        case PositionForced():
            return f"{event.instrument_id}: {event.cause}, {event.quantity} at {event.price}"
        case _:
            return type(event).__name__
