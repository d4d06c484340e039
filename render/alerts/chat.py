"""Alerts as Telegram HTML. Every value is escaped here, at the one place where text meets tags."""

from engine.domain.messages import Severity
from render.alerts.model import Alert
from render.format import instant, mode_label
from render.html import bold, escape, italic, visible_text

_LOUD = {Severity.WARNING: "⚠️", Severity.CRITICAL: "🚨"}


def chat_html(alert: Alert, severity: Severity) -> str:
    """Return the whole alert, of any length: split it before sending."""
    sign = _LOUD.get(severity, alert.sign)
    headline = bold(alert.headline)
    lines = [
        f"{headline} {sign}" if sign else headline,
        escape(alert.context),
        *map(escape, alert.facts),
        f"→ {escape(alert.todo)}" if alert.todo else "",
        f"<i>{footer(alert)}</i>",
    ]
    return "\n".join(line for line in lines if line)


def footer(alert: Alert) -> str:
    """Return mode, account and market time, escaped."""
    return escape(
        f"{mode_label(alert.mode)} · {alert.account_id} · {instant(alert.at, alert.zone)}"
    )


def chat_plain(html: str) -> str:
    """Return a message whose markup was refused as one without any, still escaped."""
    return escape(visible_text(html))


def marked(html: str, mark: str) -> str:
    """Return a message with what must be said of its delivery below it; no mark, no line."""
    return f"{html}\n{italic(mark)}" if mark else html
