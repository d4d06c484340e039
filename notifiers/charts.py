"""The daily report's pictures, as the channels ask for them."""

from typing import Protocol

import structlog

from engine.domain.views import DailyReport
from render.chart_worker import ChartFailed, ReportCharts

_log = structlog.get_logger(__name__)


class ReportArtist(Protocol):
    """Draws a report's pictures; `render.chart_worker.ChartWorker` is one."""

    async def report(self, report: DailyReport) -> ReportCharts:
        """Raises ChartFailed."""
        ...


async def drawn(artist: ReportArtist | None, report: DailyReport) -> ReportCharts | None:
    """Return the pictures; None where they can't be drawn: a report without them still goes out."""
    if artist is None:
        return None
    try:
        return await artist.report(report)
    except ChartFailed as exc:
        _log.warning("report goes out without its charts", day=str(report.day), cause=str(exc))
        return None
