"""`outcry report`: a trading day as it was told, from the database."""

import asyncio
import html
import re
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from config.settings import Settings
from engine.domain.events import DailyReportReady
from engine.domain.ids import AccountId
from engine.domain.views import DailyReport
from engine.errors import ConfigError, OutcryError
from engine.storage.sql import schema
from engine.storage.sql.storage import SqlStorage
from outcry.commands.common import settings_of
from outcry.places import database_file
from render.views.report import report_text

_ALL_TIME = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class NoReport(OutcryError):
    """There is no report of that day; says what there is."""


def print_report(config: Path | None, day: str | None, *, as_json: bool) -> int:
    """Print one day's report: the last one, or that of `day`."""
    settings = settings_of(config)
    wanted = None if day is None else _day(day)
    if not database_file(settings).exists() or not schema.is_at_head(settings.database_url):
        raise NoReport(
            f"{database_file(settings)} holds no reports: the service has not run here. Name the "
            "settings and the data directory it runs with (--config, OUTCRY_DATA_DIR)"
        )
    report = _chosen(asyncio.run(_stored(settings)), wanted)
    print(msgspec.json.encode(report).decode() if as_json else plain(report_text(report)))
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--day {text}: write it as YYYY-MM-DD") from None


async def _stored(settings: Settings) -> list[DailyReport]:
    async with SqlStorage(settings.database_url) as storage, storage.unit_of_work() as uow:
        events = await uow.events.of_types(
            AccountId(settings.account.id), ("DailyReportReady",), *_ALL_TIME
        )
    return [item.event.report for item in events if isinstance(item.event, DailyReportReady)]


def _chosen(reports: list[DailyReport], day: date | None) -> DailyReport:
    if not reports:
        raise NoReport("no trading day has ended yet; /report in chat shows the day in progress")
    found = [report for report in reports if day in (None, report.day)]
    if not found:
        days = sorted(report.day for report in reports)
        raise NoReport(f"there is no report of {day}; there are {days[0]} to {days[-1]}")
    return found[-1]


def plain(chat: str) -> str:
    """Return a chat message without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", "", chat))
