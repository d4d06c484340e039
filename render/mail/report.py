"""The daily P&L report as mail."""

import hashlib

import msgspec

from engine.domain.views import DailyReport
from render.alerts.report import doubts, verdict
from render.format import calendar_day, count, mode_label, percent
from render.mail import page
from render.mail.files import positions_csv, trades_csv
from render.mail.model import MailText, subject_line
from render.mail.sections import EQUITY_PICTURE, RUNS_PICTURE, report_sections
from render.mail.twin import section_lines

_GOOD = "Figures complete; they add up to the change in equity."
_GOES_ON = "The day is not over: these figures will change."


def report_mail(report: DailyReport, *, drawn: bool, mark: str = "") -> MailText:
    """Return the report of one day.

    Args:
        drawn: The pictures go with it; without, the HTML has no gap where they would be.
        mark: What must be said of its delivery.
    """
    sections = tuple(report_sections(report))
    header, day = report.header, calendar_day(report.day)
    kicker = f"{mode_label(header)} · {header.account_id} · {day}"
    below = " · ".join(
        words for words in (f"drawdown {percent(report.drawdown)}", _troubles(report)) if words
    )
    quality = _quality(report)
    notes = [words for words in (header.note, mark) if words]
    digest = f"Report {report_digest(report)}. Sent by Outcry; commands are taken in chat only."
    text = [kicker, verdict(report), below, *(words for words, _ in quality), *notes, ""]
    for section in sections:
        text += section_lines(section)
    html = [page.heading(kicker, verdict(report), below, sign=_sign(report))]
    html += [page.banner(words, kind) for words, kind in quality]
    html += [page.paragraph(words) for words in notes]
    html += [page.section(section, with_picture=drawn) for section in sections]
    return MailText(
        subject=_subject(report),
        text="\n".join([*text, digest, ""]),
        html=page.page(f"{day} {verdict(report)}", html, digest),
        pictures=tuple(section.picture for section in sections if section.picture) if drawn else (),
        files=_files(report),
    )


def report_digest(report: DailyReport) -> str:
    """Return a short hash of every figure: two mails of one day with one hash say the same."""
    return hashlib.sha256(msgspec.json.encode(report)).hexdigest()[:12]


def _subject(report: DailyReport) -> str:
    day = calendar_day(report.day).rpartition(" ")[0]  # the year stands in the mail
    check = "CHECK THE FIGURES" if doubts(report) else ""
    words = (day, verdict(report), f"DD {percent(report.drawdown)}", _troubles(report), check)
    return subject_line(
        report.header.mode, report.header.account_id, "  ".join(filter(None, words))
    )


def _troubles(report: DailyReport) -> str:
    told = []
    if report.breaches:
        told.append(count(len(report.breaches), "limit breach", "limit breaches"))
    if report.incidents:
        told.append(count(len(report.incidents), "incident"))
    return ", ".join(told)


def _quality(report: DailyReport) -> list[tuple[str, str]]:
    found = [(words, "bad") for words in doubts(report)]
    if not report.is_final:
        found.append((_GOES_ON, "bad"))
    return found or [(_GOOD, "good")]


def _sign(report: DailyReport) -> int:
    if not report.total:
        return 0
    return 1 if report.total > 0 else -1


def _files(report: DailyReport) -> tuple[tuple[str, str], ...]:
    files = []
    if report.trades:
        files.append((f"trades-{report.day}.csv", trades_csv(report)))
    if report.positions:
        files.append((f"positions-{report.day}.csv", positions_csv(report)))
    return tuple(files)


__all__ = ["EQUITY_PICTURE", "RUNS_PICTURE", "report_digest", "report_mail"]
