"""Value the account on time, tell each day once, and watch the daily loss."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk.day import TradingDay, day_figures, day_of
from engine.desk.figures import Figures
from engine.desk.state import Desk
from engine.domain.events import (
    DailyReportReady,
    RiskBreached,
)
from engine.domain.money import exact
from engine.domain.views import DailyReport


class Reporting:
    """Values the account on time, and tells each day once."""

    def __init__(self, desk: Desk, figures: Figures) -> None:
        self._desk = desk
        self._figures = figures

    # --- marks -------------------------------------------------------------------------------

    async def mark(self, due: datetime) -> None:
        """Store equity as of now; an earlier mark of the same instant stands."""
        mark = self._figures.equity_mark(due, is_day_cut=False)
        async with self._desk.storage() as uow:
            await uow.equity.add(mark)
            await uow.commit()
        self._desk.note_equity(mark)
        await self._watch_daily_loss()

    async def ensure_day_mark(self) -> None:
        """An account valued for the first time starts its day at that."""
        desk = self._desk
        if desk.day_mark is None:
            await self._cut(desk.clock.now(), ())

    # --- the day -----------------------------------------------------------------------------

    async def end_of_day(self, due: datetime) -> None:
        """At the day cut: store the mark and tell the day, once, whatever restarts.

        A day without a bar or a booking (a closed market) is marked but not told.
        """
        desk = self._desk
        day = day_of(desk.account, due - timedelta(microseconds=1))
        report = await self._figures.report(day, is_final=True)
        quiet = not report.trades and not self._had_bars(day) and not report.flows
        await self._cut(due, () if quiet else (report,))

    def _had_bars(self, day: TradingDay) -> bool:
        return any(day.start < mark.time <= day.end for mark in self._desk.marks.values())

    async def _cut(self, at: datetime, reports: Sequence[DailyReport]) -> None:
        desk = self._desk
        mark = self._figures.equity_mark(at, is_day_cut=True)
        async with desk.storage() as uow:
            events = []
            for report in reports:
                slot = f"{desk.account.id} {report.day.isoformat()}"
                if await uow.slots.claim("daily report", slot):
                    event = DailyReportReady(
                        **desk.fact("daily report", report.day.isoformat()), report=report
                    )
                    await uow.events.add(event)
                    events.append(event)
            await uow.equity.add(mark)
            await uow.commit()
        desk.day_mark = mark
        desk.note_equity(mark)
        for event in events:
            await desk.bus.publish(event)

    # --- the daily loss limit ----------------------------------------------------------------

    async def _watch_daily_loss(self) -> None:
        """Tell once a day that the limit is near, and once that it is reached."""
        desk = self._desk
        limits = desk.settings.limits
        if limits.max_daily_loss is None:
            return
        day = day_figures(desk)
        if day.pnl is None or not day.equity_at_cut or day.pnl >= 0:
            return
        with exact():
            loss = -day.pnl / day.equity_at_cut
        for level, action in (
            (limits.max_daily_loss, "entries wait for the next day; exits and stops go on"),
            (limits.max_daily_loss * limits.daily_loss_warning, "a warning: trading goes on"),
        ):
            if loss >= level:
                await self._breach(loss, level, action)
                return

    async def _breach(self, loss: Decimal, level: Decimal, action: str) -> None:
        desk = self._desk
        day = day_of(desk.account, desk.clock.now()).day.isoformat()
        async with desk.storage() as uow:
            if not await uow.slots.claim("daily loss", f"{desk.account.id} {day} {level}"):
                return
            event = RiskBreached(
                **desk.fact("daily loss", day, str(level)),
                limit="max_daily_loss",
                value=loss,
                threshold=level,
                unit="fraction",
                scope="account",
                action=action,
            )
            await uow.events.add(event)
            await uow.commit()
        await desk.bus.publish(event)
