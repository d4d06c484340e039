"""An alert as mail."""

from engine.domain.messages import Severity
from render.alerts.model import Alert
from render.format import instant, mode_label
from render.mail import page
from render.mail.model import MailText, subject_line


def alert_mail(alert: Alert, severity: Severity, *, mark: str = "") -> MailText:
    """Return the alert as mail; `mark` says what must be said of its delivery."""
    loud = severity in {Severity.WARNING, Severity.CRITICAL}
    kind = f"{severity.value.upper()} " if loud else ""
    when = f"{alert.account_id} · {instant(alert.at, alert.zone)}"
    kicker = f"{mode_label(alert.mode)} · {when}"
    todo = f"What to do: {alert.todo}" if alert.todo else ""
    text = [kicker, alert.headline, alert.context, "", *alert.facts, "", todo, "", mark]
    body = [page.heading(kicker, alert.headline, alert.context)]
    if loud:
        body.append(page.banner(severity.value.upper(), "bad"))
    body += [page.paragraph(words) for words in (*alert.facts, todo) if words]
    if mark:
        body.append(page.banner(mark, "good"))
    return MailText(
        subject=subject_line(alert.mode, alert.account_id, f"{kind}{alert.headline}"),
        text=_joined(text),
        html=page.page(alert.headline, body, "Sent by Outcry. Commands are taken in chat only."),
    )


def _joined(lines: list[str]) -> str:
    """Join paragraphs; empty pieces leave one empty line at most."""
    kept = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return "\n".join(kept).strip() + "\n"
