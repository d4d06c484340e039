"""Events as alerts: what is said of each, and how that looks in chat and as a push note."""

from render.alerts.chat import chat_html, chat_plain, marked
from render.alerts.compose import alert_of
from render.alerts.model import Alert
from render.alerts.push import PushNote, push_note
from render.alerts.trading import is_breach

__all__ = [
    "Alert",
    "PushNote",
    "alert_of",
    "chat_html",
    "chat_plain",
    "is_breach",
    "marked",
    "push_note",
]
