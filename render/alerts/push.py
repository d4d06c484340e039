"""Alerts as push notes: plain text, a title and at most two short paragraphs."""

from dataclasses import dataclass

from render.alerts.model import Alert
from render.format import instant, mode_label


@dataclass(frozen=True, slots=True, kw_only=True)
class PushNote:
    title: str
    text: str


def push_note(alert: Alert) -> PushNote:
    """Return the alert with its mode in the title and the market time below.

    The first paragraph says what happened and how things stand, the second what to do.
    """
    first = "\n".join(line for line in (alert.context, *alert.facts) if line)
    second = "\n".join(
        line
        for line in (alert.todo, f"{alert.account_id} · {instant(alert.at, alert.zone)}")
        if line
    )
    text = "\n\n".join(paragraph for paragraph in (first, second) if paragraph)
    return PushNote(title=f"{mode_label(alert.mode)} · {alert.headline}", text=text)
